"""The synthetic data set: computer-drawn garments in the format of Fashion-MNIST, for use without a download.

The classes overlap as they do in Fashion-MNIST: a shirt without visible buttons looks like a T-shirt or a pullover. A
network can therefore learn to classify most images, but not all of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from fashion_tui.lab.rng import Purpose, generator_for

from .drawing import PIXEL, SIZE, Sketch
from .garments import GARMENTS, SHOES

SKETCH_SIZE = 200
"""Number of images drawn at a time.

This many images fit into a core's cache, so drawing is twice as fast as in a single batch.
"""


def draw(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw images, uint8 `[count, 1, 28, 28]`, and return them with their labels, int64 `[count]`.

    The classes are balanced and in random order. The same count and seed give bit-identical images in every process and
    on every machine.
    """
    order = torch.rand(count, generator=generator_for(seed, Purpose.DRAWING)).argsort(stable=True)
    labels = order % len(GARMENTS)
    pixels = torch.empty(count, 1, SIZE, SIZE, dtype=torch.uint8)
    with _one_thread():
        for label, garment in enumerate(GARMENTS):
            generator = generator_for(seed, Purpose.DRAWING, label)
            for indices in (labels == label).nonzero().squeeze(1).split(SKETCH_SIZE):
                sketch = Sketch(len(indices), generator, upright=garment not in SHOES)
                garment(sketch)
                pixels[indices, 0] = add_texture(sketch)
    return pixels, labels


def add_texture(sketch: Sketch) -> Tensor:
    """Return the sketch with a cloth texture, as uint8 `[B, 28, 28]`.

    The texture consists of folds, grain and, on some images, stripes.
    """
    across, along = _stripes(sketch, sketch.y), _stripes(sketch, sketch.x)
    cloth = (1 - across) * (1 - along) - _folds(sketch) * sketch.between(0.1, 0.35)
    grain = torch.rand(sketch.canvas.shape, generator=sketch.generator) - 0.5
    cloth = cloth + grain * sketch.between(0.02, 0.16)
    return (sketch.canvas * cloth * 255 + 0.5).clamp(0, 255).to(torch.uint8)


def _stripes(sketch: Sketch, position: Tensor) -> Tensor:
    """Return the amount by which stripes darken each pixel.

    Only some images have stripes. Stripes in both directions form a check pattern.
    """
    phase = position / sketch.between(2.5 * PIXEL, 8 * PIXEL) + sketch.between(0, 1)
    wave = (phase - phase.floor() - 0.5).abs() * 2  # a triangle wave between 0 and 1
    return wave * sketch.between(0.2, 0.7) * sketch.maybe(0.2)


def _folds(sketch: Sketch, cells: int = 4) -> Tensor:
    """Return a smooth random pattern that looks like folds in fabric.

    The pattern is interpolated bilinearly from random numbers on a coarse grid.
    """
    grid = torch.rand(sketch.count, cells + 1, cells + 1, generator=sketch.generator)
    position = torch.arange(SIZE) * cells / SIZE
    before = position.floor().long()
    weight = position - before
    rows = grid[:, before] + weight.view(1, SIZE, 1) * (grid[:, before + 1] - grid[:, before])
    return rows[:, :, before] + weight * (rows[:, :, before + 1] - rows[:, :, before])


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use one CPU thread inside the `with` block.

    Drawing consists of thousands of operations that are too small to parallelise. On a busy machine, several threads
    would make drawing up to 20 times slower, because they would wait for each other.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
