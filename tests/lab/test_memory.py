"""Data sets that are larger than the memory are never copied."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fashion_tui.data.stored import save_info
from fashion_tui.schema.dataset import DatasetRef
from tests.dataset_infos import info_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems don't limit the memory of a process")

IMAGES = 160_000
"""Number of images, of 784 bytes each, 2.5 times as many bytes as the process may allocate."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a stored data set, whose files take no space on the disk."""
    save_info(tmp_path, info_for(DatasetRef(name="synthetic", directory=None, sha256="")))
    for split, count in (("train", IMAGES), ("test", 10)):
        np.lib.format.open_memmap(tmp_path / f"{split}-images.npy", "w+", np.uint8, (count, 1, 28, 28))
        np.save(tmp_path / f"{split}-labels.npy", np.arange(count) % 10)
    return tmp_path


def run(folder: Path, *names: str) -> str:
    """Work with the data set in a process with limited memory. Return what it printed to stderr."""
    command = [sys.executable, "-m", "tests.lab.limited_memory", str(folder), *names]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_a_set_larger_than_memory_is_trained_evaluated_and_audited(folder: Path) -> None:
    assert run(folder, "train", "flip", "validate", "corrupt", "downsample") == ""


def test_the_limit_applies(folder: Path) -> None:
    assert "memory" in run(folder, "copy")
