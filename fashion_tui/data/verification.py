"""Compute the checksum of a data set again."""

import hashlib
from collections.abc import Callable

import numpy as np

from fashion_tui.schema.dataset import FOLDER

from .files import DamagedData, verify
from .folder import open_imported, verify_imported
from .sources import SYNTHETIC
from .stored import Cancelled, Progress, StoredDataset, blocks


def verify_again(dataset: StoredDataset, progress: Progress, should_stop: Callable[[], bool]) -> None:
    """Compute the SHA-256 of a data set again, and compare it with the one that was computed first.

    Published files, the images of a folder in the cache, and synthetic images are read completely. Of the files in a
    folder, only the paths, sizes and times are compared. Raises DamagedData if anything has changed, and Cancelled if
    `should_stop` returns True.
    """
    ref = dataset.info.ref
    total = dataset.train.pixels.nbytes + dataset.test.pixels.nbytes
    done = 0

    def count(size: int) -> None:
        nonlocal done
        if should_stop():
            raise Cancelled
        done = min(done + size, total)
        progress(done, total)

    if ref.name == FOLDER:
        current = open_imported(ref)
        if current is None or current.info.ref.sha256 != ref.sha256:
            raise DamagedData(f"files in {ref.directory} have changed; restart the app to read them again")
        verify_imported(dataset, count)
        return
    sha256 = _synthetic_hash(dataset, count) if ref.name == SYNTHETIC.name else verify(ref, count).sha256
    if sha256 != ref.sha256:
        raise DamagedData(f"{ref.short_name} has the SHA-256 {sha256}, expected {ref.sha256}; restart the app")


def _synthetic_hash(dataset: StoredDataset, on_block: Callable[[int], None]) -> str:
    """Return the SHA-256 of all pixels and labels, one byte each, with the training set first."""
    digest = hashlib.sha256()
    for images in (dataset.train, dataset.test):
        for block in blocks(images.pixels):
            digest.update(block)
            on_block(len(block))
        digest.update(images.labels.astype(np.uint8).tobytes())
    return digest.hexdigest()
