"""The mean image of each class, compared with NumPy."""

import msgspec
import numpy as np
import pytest

from fashion_tui.data import class_means as module
from fashion_tui.data.class_means import class_means, compute_class_means
from fashion_tui.data.sources import SYNTHETIC_INFO
from fashion_tui.data.stored import Cancelled, StoredDataset, StoredImages


def images(count: int, classes: int) -> StoredImages:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, 3, 5, 4), np.uint8)
    return StoredImages(pixels, random.integers(0, classes, count))


def never() -> bool:
    return False


@pytest.mark.parametrize("block_pixels", [60 * 7, 1 << 22])
def test_means_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch, block_pixels: int) -> None:
    monkeypatch.setattr(module, "BLOCK_PIXELS", block_pixels)
    stored, reports = images(100, 3), list[tuple[int, int]]()
    means = compute_class_means(stored, 5, lambda done, total: reports.append((done, total)), never)
    assert means.shape == (5, 3, 5, 4)
    for label in range(3):
        expected = stored.pixels[stored.labels == label].astype(float).mean(axis=0)
        assert np.abs(means[label] - expected).max() <= 0.5
    assert not means[3:].any(), "classes without images are black"
    assert reports[-1] == (100, 100)
    assert len(reports) == (15 if block_pixels == 420 else 1)


def test_means_are_cached_and_the_computation_can_be_cancelled() -> None:
    stored = images(50, 2)
    ref = msgspec.structs.replace(SYNTHETIC_INFO.ref, sha256="a" * 64)
    info = msgspec.structs.replace(SYNTHETIC_INFO, ref=ref, classes=("a", "b"), image_shape=(3, 5, 4))
    dataset = StoredDataset(info, stored, stored)
    with pytest.raises(Cancelled):
        class_means(dataset, lambda _done, _total: None, lambda: True)
    means = class_means(dataset, lambda _done, _total: None, never)
    again = class_means(dataset, lambda _done, _total: None, lambda: True)  # would raise if it computed anything
    assert np.array_equal(means, again)
