"""The checksum of a data set is computed again on request."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fashion_tui.data.datasets import find, prepare
from fashion_tui.data.files import DamagedData
from fashion_tui.data.sources import SYNTHETIC_INFO
from fashion_tui.data.stored import Cancelled, StoredDataset, StoredImages
from fashion_tui.data.verification import verify_again


def ignore(_done: int, _total: int) -> None:
    pass


def test_a_folder_that_has_not_changed_is_verified(digits_folder: Path) -> None:
    dataset = prepare(find(str(digits_folder), image_size=8))
    reports = list[tuple[int, int]]()
    verify_again(dataset, lambda done, total: reports.append((done, total)), lambda: False)
    assert reports[-1] == (1_797 * 64, 1_797 * 64)
    with pytest.raises(Cancelled):
        verify_again(dataset, ignore, lambda: True)


def test_a_changed_pixel_is_found(digits_folder: Path) -> None:
    dataset = prepare(find(str(digits_folder), image_size=8))
    pixels = np.array(dataset.train.pixels)
    pixels[-1, 0, 4, 4] ^= 1
    with pytest.raises(DamagedData, match=dataset.info.ref.sha256):
        verify_again(replace(dataset, train=replace(dataset.train, pixels=pixels)), ignore, lambda: False)


def test_synthetic_images_are_compared_with_their_checksum() -> None:
    black = StoredImages(np.zeros((3, 1, 28, 28), np.uint8), np.zeros(3, np.int64))
    with pytest.raises(DamagedData, match=SYNTHETIC_INFO.ref.sha256):
        verify_again(StoredDataset(SYNTHETIC_INFO, black, black), ignore, lambda: False)


@pytest.mark.real_data
def test_published_files_are_verified(real_data: Path) -> None:
    dataset = prepare(find("fashion-mnist", real_data))
    verify_again(dataset, ignore, lambda: False)
