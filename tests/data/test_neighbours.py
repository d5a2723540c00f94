"""The nearest images in pixels, compared with distances in 64-bit floating point."""

import numpy as np
import pytest

from fashion_tui.data import neighbours as module
from fashion_tui.data.neighbours import nearest_in_pixels
from fashion_tui.data.stored import Cancelled, StoredImages

RANDOM = np.random.default_rng(2)
IMAGES = StoredImages(RANDOM.integers(0, 256, (60, 3, 4, 5), np.uint8), RANDOM.integers(0, 5, 60))


def ignore(_done: int, _total: int) -> None:
    pass


@pytest.mark.parametrize("block_pixels", [60 * 7, 1 << 22])
@pytest.mark.parametrize("exclude", [None, 17])
def test_distances_and_order(monkeypatch: pytest.MonkeyPatch, block_pixels: int, exclude: int | None) -> None:
    monkeypatch.setattr(module, "BLOCK_PIXELS", block_pixels)
    query = IMAGES.pixels[17]
    found = nearest_in_pixels(IMAGES, query, 6, exclude, ignore, lambda: False)
    distances = np.sqrt(((IMAGES.pixels / 255.0 - query / 255.0) ** 2).sum(axis=(1, 2, 3)))
    expected = [int(index) for index in np.argsort(distances) if index != exclude][:6]
    assert [neighbour.index for neighbour in found] == expected
    assert [neighbour.distance for neighbour in found] == pytest.approx(distances[expected].tolist())
    assert [neighbour.label for neighbour in found] == IMAGES.labels[expected].tolist()
    assert found[3].pixels == IMAGES.pixels[expected[3]].tobytes()


def test_black_and_white_have_the_largest_distance_and_equal_images_keep_their_order() -> None:
    pixels = np.zeros((4, 1, 30, 30), np.uint8)
    pixels[0] = 255
    images = StoredImages(pixels, np.zeros(4, np.int64))
    found = nearest_in_pixels(images, pixels[1], 9, 1, ignore, lambda: False)
    assert [(neighbour.index, neighbour.distance) for neighbour in found] == [(2, 0), (3, 0), (0, 30)]


def test_the_search_can_be_cancelled() -> None:
    with pytest.raises(Cancelled):
        nearest_in_pixels(IMAGES, IMAGES.pixels[0], 3, None, ignore, lambda: True)
