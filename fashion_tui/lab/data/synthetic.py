"""The data set for a machine without one: garments drawn by code, in Fashion-MNIST's shape, never passed off as it.

The kinds overlap where the real ones do (a shirt whose buttons don't show is a T-shirt or a pullover), so that a
network has something to learn and something left to get wrong.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from fashion_tui.lab.rng import Purpose, generator_for

from .drawing import PIXEL, SIZE, Sketch
from .garments import GARMENTS, SHOES

AT_A_TIME = 200
"""Pictures of a sketch: so many that they fit a core's cache, which makes drawing twice as fast as all at once."""


def draw(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """So many pictures, uint8 [count, 1, 28, 28], and their labels, int64 [count]: as many of each kind (±1), shuffled.

    The same count and seed give the same bits, in every process and on every machine.
    """
    places = torch.rand(count, generator=generator_for(seed, Purpose.DRAWING)).argsort(stable=True)
    labels = places % len(GARMENTS)
    pixels = torch.empty(count, 1, SIZE, SIZE, dtype=torch.uint8)
    with _one_thread():
        for label, garment in enumerate(GARMENTS):
            generator = generator_for(seed, Purpose.DRAWING, label)
            for wanted in (labels == label).nonzero().squeeze(1).split(AT_A_TIME):
                sketch = Sketch(len(wanted), generator, standing=garment not in SHOES)
                garment(sketch)
                pixels[wanted, 0] = photograph(sketch)
    return pixels, labels


def photograph(sketch: Sketch) -> Tensor:
    """What makes a drawing look like a picture of cloth: stripes on some, folds, grain. uint8 [B, 28, 28]."""
    across, along = _stripes(sketch, sketch.y), _stripes(sketch, sketch.x)
    cloth = (1 - across) * (1 - along) - _folds(sketch) * sketch.between(0.1, 0.35)
    grain = torch.rand(sketch.canvas.shape, generator=sketch.generator) - 0.5
    cloth = cloth + grain * sketch.between(0.02, 0.16)
    return (sketch.canvas * cloth * 255 + 0.5).clamp(0, 255).to(torch.uint8)


def _stripes(sketch: Sketch, position: Tensor) -> Tensor:
    """Darkness of stripes, on some of the pictures; those that have them both ways are checked."""
    turn = position / sketch.between(2.5 * PIXEL, 8 * PIXEL) + sketch.between(0, 1)
    wave = (turn - turn.floor() - 0.5).abs() * 2  # a triangle between 0 and 1
    return wave * sketch.between(0.2, 0.7) * sketch.maybe(0.2)


def _folds(sketch: Sketch, cells: int = 4) -> Tensor:
    """Soft random darkness: random numbers on a coarse grid, with straight lines drawn between them both ways."""
    grid = torch.rand(sketch.count, cells + 1, cells + 1, generator=sketch.generator)
    place = torch.arange(SIZE) * cells / SIZE
    before = place.floor().long()
    share = place - before
    rows = grid[:, before] + share.view(1, SIZE, 1) * (grid[:, before + 1] - grid[:, before])
    return rows[:, :, before] + share * (rows[:, :, before + 1] - rows[:, :, before])


@contextmanager
def _one_thread() -> Iterator[None]:
    """Of thousands of small operations each is over before a second thread has joined in; and where the cores are busy,
    threads that wait for each other take twenty times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
