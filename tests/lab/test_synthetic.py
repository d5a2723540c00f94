"""The synthetic garments are reproducible, balanced, all different, and learnable."""

import os
import subprocess
import sys
import time

import pytest
import torch
import torch.nn.functional as F

from fashion_tui.lab.data.datasets import ImageBatches, Images
from fashion_tui.lab.data.garments import GARMENTS
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.data.synthetic import draw
from fashion_tui.lab.networks import GuideNet
from fashion_tui.schema.builtin_recipes import GUIDE


@pytest.fixture(scope="module")
def drawn() -> Images:
    return Images(*draw(2000, seed=5))


def test_images_and_labels_have_the_format_of_fashion_mnist(drawn: Images) -> None:
    assert (drawn.pixels.shape, drawn.pixels.dtype) == ((2000, 1, 28, 28), torch.uint8)
    assert (drawn.labels.shape, drawn.labels.dtype) == ((2000,), torch.int64)


def test_classes_are_balanced_and_shuffled(drawn: Images) -> None:
    assert drawn.labels.bincount().tolist() == [200] * 10
    assert drawn.labels[:200].bincount(minlength=10).min() > 5
    assert sorted(draw(13, seed=0)[1].bincount(minlength=10).tolist()) == [1] * 7 + [2] * 3


def test_a_seed_gives_the_same_images_with_any_number_of_threads(drawn: Images) -> None:
    threads = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            pixels, labels = draw(2000, seed=5)
            assert torch.get_num_threads() == count
            assert torch.equal(pixels, drawn.pixels)
            assert torch.equal(labels, drawn.labels)
    finally:
        torch.set_num_threads(threads)


def test_a_seed_gives_the_same_images_in_another_process(drawn: Images) -> None:
    code = "from fashion_tui.lab.data.synthetic import draw; p, _ = draw(100, seed=5); print(p.numpy().tobytes().hex())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == draw(100, seed=5)[0].numpy().tobytes().hex()


ROOTS = """
import numpy, torch
from fashion_tui.lab.data.drawing import square_root
numbers = torch.rand(1_000_000, generator=torch.Generator().manual_seed(0)) * 4
print((square_root(numbers).numpy() != numpy.sqrt(numbers.numpy())).sum())
"""


@pytest.mark.parametrize("processor", ["AUTO", "COMPATIBLE"], ids=["this one", "any other"])
def test_square_roots_are_correct_to_the_bit_on_every_processor(processor: str) -> None:
    """torch may use MKL, whose square roots depend on the processor. MKL_CBWR selects the code for another one."""
    environ = os.environ | {"MKL_CBWR": processor}
    done = subprocess.run([sys.executable, "-c", ROOTS], capture_output=True, text=True, check=True, env=environ)
    assert int(done.stdout) == 0


def test_another_seed_gives_other_images(drawn: Images) -> None:
    assert not torch.equal(draw(2000, seed=6)[0], drawn.pixels)


def test_no_two_images_are_equal(drawn: Images) -> None:
    assert len(drawn.pixels.view(2000, -1).unique(dim=0)) == 2000


def test_drawing_does_not_use_the_global_random_generator() -> None:
    before = torch.get_rng_state()
    draw(20, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", range(10), ids=[garment.__name__ for garment in GARMENTS])
def test_every_garment_fills_its_image_on_a_black_background(drawn: Images, kind: int) -> None:
    images = drawn.pixels[drawn.labels == kind].view(-1, 28, 28)
    lit = (images > 25).float().mean((1, 2))
    assert lit.min() > 0.03
    assert 0.15 < lit.mean() < 0.7
    assert (images[:, 13:15] > 0).any(2).any(1).float().mean() > 0.9
    assert (images[:, :, (0, 27)] == 0).float().mean() > 0.7


def test_the_whole_set_takes_less_than_two_seconds_of_cpu_time() -> None:
    started = time.process_time()
    draw(14_000, seed=0)
    assert time.process_time() - started < 2


def test_the_guides_network_learns_the_classes_but_not_perfectly() -> None:
    train, test = Images(*draw(6000, seed=0)), Images(*draw(1000, seed=1))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = GuideNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batches = ImageBatches(train, GUIDE, seed=0, device=torch.device("cpu"))
    for batch in batches.epoch(0):
        optimizer.zero_grad()
        F.cross_entropy(model(batches.prepare(batch)), batch.labels).backward()
        optimizer.step()
    with torch.no_grad():
        is_correct = model(normalise(test.pixels, (0.5,), (0.5,))).argmax(1) == test.labels
    assert 0.8 < is_correct.float().mean() < 0.99
