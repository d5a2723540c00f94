"""The garments drawn by code: the same for a seed wherever they are drawn, all kinds, no two alike, and learnable."""

import os
import subprocess
import sys
import time

import pytest
import torch
import torch.nn.functional as F

from fashion_tui.lab.data.datasets import ImageBatches, Images, normalise
from fashion_tui.lab.data.garments import GARMENTS
from fashion_tui.lab.data.synthetic import draw
from fashion_tui.lab.networks import GuideNet
from fashion_tui.schema.recipe import GUIDE


@pytest.fixture(scope="module")
def drawn() -> Images:
    return Images(*draw(2000, seed=5))


def test_pictures_and_labels_have_the_real_sets_shape(drawn: Images) -> None:
    assert (drawn.pixels.shape, drawn.pixels.dtype) == ((2000, 1, 28, 28), torch.uint8)
    assert (drawn.labels.shape, drawn.labels.dtype) == ((2000,), torch.int64)


def test_there_are_as_many_of_each_kind_in_no_order(drawn: Images) -> None:
    assert drawn.labels.bincount().tolist() == [200] * 10
    assert drawn.labels[:200].bincount(minlength=10).min() > 5
    assert sorted(draw(13, seed=0)[1].bincount(minlength=10).tolist()) == [1] * 7 + [2] * 3


def test_a_seed_gives_the_same_bits_again_with_any_number_of_threads(drawn: Images) -> None:
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


def test_a_seed_gives_the_same_bits_in_another_process(drawn: Images) -> None:
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
def test_roots_are_right_to_the_last_bit_on_every_processor(processor: str) -> None:
    """Where torch takes its roots from MKL, that computes them by the processor, which can be told to be another."""
    environ = os.environ | {"MKL_CBWR": processor}
    done = subprocess.run([sys.executable, "-c", ROOTS], capture_output=True, text=True, check=True, env=environ)
    assert int(done.stdout) == 0


def test_another_seed_gives_other_pictures(drawn: Images) -> None:
    assert not torch.equal(draw(2000, seed=6)[0], drawn.pixels)


def test_no_two_pictures_are_alike(drawn: Images) -> None:
    assert len(drawn.pixels.view(2000, -1).unique(dim=0)) == 2000


def test_drawing_leaves_the_other_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    draw(20, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", range(10), ids=[garment.__name__ for garment in GARMENTS])
def test_every_garment_fills_its_picture_on_a_black_ground(drawn: Images, kind: int) -> None:
    pictures = drawn.pixels[drawn.labels == kind].view(-1, 28, 28)
    lit = (pictures > 25).float().mean((1, 2))
    assert lit.min() > 0.03
    assert 0.15 < lit.mean() < 0.7
    assert (pictures[:, 13:15] > 0).any(2).any(1).float().mean() > 0.9
    assert (pictures[:, :, (0, 27)] == 0).float().mean() > 0.7


def test_the_whole_set_is_drawn_in_under_two_seconds_of_work() -> None:
    begun = time.process_time()
    draw(14_000, seed=0)
    assert time.process_time() - begun < 2


def test_the_guides_network_learns_the_kinds_but_not_all_of_them() -> None:
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
        right = model(normalise(test.pixels, 0.5, 0.5)).argmax(1) == test.labels
    assert 0.8 < right.float().mean() < 0.99
