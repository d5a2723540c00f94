"""A data set in the format of Fashion-MNIST with only 12 training and 6 test images, so that tests are fast."""

import gzip
import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fashion_tui.data.sources import FASHION_MNIST, SOURCES, DataFile, DatasetSource


@dataclass(frozen=True)
class SmallSet:
    source: DatasetSource
    contents: Mapping[str, bytes]
    """Decompressed content of each file, keyed by file name."""
    archives: Mapping[str, bytes]
    """Content of each published archive, keyed by file name with `.gz`."""

    def write(self, directory: Path, *, gzipped: bool = False) -> Path:
        """Write the files in torchvision's folder layout, and return the folder `raw`."""
        raw = directory / self.source.folder / "raw"
        raw.mkdir(parents=True)
        for name, content in (self.archives if gzipped else self.contents).items():
            (raw / name).write_bytes(content)
        return raw


@pytest.fixture
def small() -> SmallSet:
    rng = random.Random(0)
    contents, archives = {}, {}

    def shrink(file: DataFile, count: int) -> DataFile:
        small_file = replace(file, shape=(count, *file.shape[1:]))
        content = small_file.header + rng.randbytes(small_file.size - len(small_file.header))
        archive = gzip.compress(content, mtime=0)
        contents[file.name], archives[f"{file.name}.gz"] = content, archive
        return replace(
            small_file,
            sha256=hashlib.sha256(content).hexdigest(),
            gz_md5=hashlib.md5(archive, usedforsecurity=False).hexdigest(),
            gz_bytes=len(archive),
        )

    source = replace(
        FASHION_MNIST,
        mirrors=(),
        train_images=shrink(FASHION_MNIST.train_images, 12),
        train_labels=shrink(FASHION_MNIST.train_labels, 12),
        test_images=shrink(FASHION_MNIST.test_images, 6),
        test_labels=shrink(FASHION_MNIST.test_labels, 6),
    )
    return SmallSet(source, contents, archives)


@pytest.fixture
def fashion(small: SmallSet, monkeypatch: pytest.MonkeyPatch) -> SmallSet:
    """The small data set, which replaces `fashion-mnist`."""
    monkeypatch.setitem(SOURCES, "fashion-mnist", small.source)
    return small


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of an empty cache, selected through environment variables."""
    monkeypatch.delenv("FASHION_TUI_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fashion-tui"
