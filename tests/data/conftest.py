"""A data set as Fashion-MNIST is one, but of 12 + 6 pictures, so that every way of damaging it costs nothing to try."""

import gzip
import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fashion_tui.data.sources import FASHION_MNIST, SOURCES, DataFile, Source


@dataclass(frozen=True)
class SmallSet:
    source: Source
    contents: Mapping[str, bytes]
    """What is in each file, by its name, decompressed."""
    archives: Mapping[str, bytes]
    """What is published, by its name with `.gz`."""

    def write(self, directory: Path, *, gzipped: bool = False) -> Path:
        """Puts the set into that folder as torchvision does; the folder of the files."""
        raw = directory / self.source.folder / "raw"
        raw.mkdir(parents=True)
        for name, content in (self.archives if gzipped else self.contents).items():
            (raw / name).write_bytes(content)
        return raw


@pytest.fixture
def small() -> SmallSet:
    dice = random.Random(0)
    contents, archives = {}, {}

    def shrunk(file: DataFile, count: int) -> DataFile:
        few = replace(file, shape=(count, *file.shape[1:]))
        content = few.header + dice.randbytes(few.size - len(few.header))
        archive = gzip.compress(content, mtime=0)
        contents[file.name], archives[f"{file.name}.gz"] = content, archive
        return replace(
            few,
            sha256=hashlib.sha256(content).hexdigest(),
            gz_md5=hashlib.md5(archive, usedforsecurity=False).hexdigest(),
            gz_bytes=len(archive),
        )

    source = replace(
        FASHION_MNIST,
        mirrors=(),
        train_images=shrunk(FASHION_MNIST.train_images, 12),
        train_labels=shrunk(FASHION_MNIST.train_labels, 12),
        test_images=shrunk(FASHION_MNIST.test_images, 6),
        test_labels=shrunk(FASHION_MNIST.test_labels, 6),
    )
    return SmallSet(source, contents, archives)


@pytest.fixture
def fashion(small: SmallSet, monkeypatch: pytest.MonkeyPatch) -> SmallSet:
    """The small set under the name `fashion-mnist`."""
    monkeypatch.setitem(SOURCES, "fashion-mnist", small.source)
    return small


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and nothing in the environment that names another."""
    monkeypatch.delenv("FASHION_TUI_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fashion-tui"
