"""Folders of small images, written by Pillow."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion_tui.data.decoding import DecodedImage
from fashion_tui.data.folder import import_folder
from fashion_tui.data.stored import StoredDataset
from fashion_tui.schema.dataset import DatasetRef, Fit, SkippedFile

SIZE = 8


def picture(seed: int, *, colour: bool = False) -> DecodedImage:
    """Return a noise image that has the size of the data set's images, so it is stored unchanged."""
    shape = (SIZE, SIZE, 3) if colour else (SIZE, SIZE)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write(path: Path, image: DecodedImage) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def fill(folder: Path, *classes: str, count: int = 12) -> Path:
    """Write grey images of each class: `<class>/0.png` and so on."""
    for label, name in enumerate(classes):
        for index in range(count):
            write(folder / name / f"{index}.png", picture(1000 * label + index))
    return folder


def reference(folder: Path, fit: Fit = "pad") -> DatasetRef:
    return DatasetRef(name="folder", directory=str(folder), sha256="", image_size=SIZE, fit=fit)


class Import:
    """Imports a folder, and counts the decoded files."""

    def __init__(self, folder: Path) -> None:
        self.ref = reference(folder)
        self.reports: list[tuple[int, int]] = []

    def __call__(self) -> StoredDataset:
        self.reports.clear()
        return import_folder(self.ref, lambda done, total: self.reports.append((done, total)), lambda: False)

    @property
    def decoded(self) -> int:
        """Number of files that the last import has decoded."""
        return self.reports[-1][0] if self.reports else 0


def skipped(dataset: StoredDataset) -> dict[str, str]:
    """Return the reason for each skipped file, by path."""
    return reasons(dataset.info.skipped)


def reasons(files: tuple[SkippedFile, ...]) -> dict[str, str]:
    found = {file.path: file.reason for file in files}
    assert len(found) == len(files), "a path is listed twice"
    return found


def same(first: StoredDataset, second: StoredDataset) -> bool:
    """Return whether two data sets have the same images in the same order."""
    return first.info.ref.sha256 == second.info.ref.sha256 and all(
        np.array_equal(getattr(first.split(split), values), getattr(second.split(split), values))
        for split in ("train", "test")
        for values in ("pixels", "labels")
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with grey images of two classes."""
    return fill(tmp_path / "pets", "cat", "dog")
