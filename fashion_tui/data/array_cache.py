"""Arrays that take long to compute, cached as files that are mapped into memory."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_tui.files import TEMPORARY_SUFFIX, make_private_folder, write_atomically

SUFFIX = ".npy"


class ArrayCache:
    """A folder of arrays with a maximum total size. The arrays that were read least recently are removed first.

    Several processes may use the same folder at once. If the folder can't be read or written, nothing is cached.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def get(self, key: str) -> NDArray[Any] | None:
        """Return the array stored for a key, or None if there is none or its file is damaged.

        The array is mapped into memory. Changing it doesn't change the file.
        """
        path = self._path(key)
        try:
            array: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)
            os.utime(path)
        except (OSError, ValueError, EOFError):
            return None
        return array

    def put(self, key: str, array: NDArray[Any]) -> None:
        """Store an array, and remove the oldest arrays if the folder exceeds its maximum size.

        An array that is larger than the maximum size isn't stored.
        """
        if array.nbytes > self._max_bytes:
            return
        with suppress(OSError):
            make_private_folder(self._folder)
            self._remove_oldest(self._max_bytes - array.nbytes)
            write_atomically(
                self._path(key), lambda file: np.save(file, array, allow_pickle=False), durable=False
            )  # fmt: skip

    def _path(self, key: str) -> Path:
        return self._folder / (hashlib.sha256(key.encode()).hexdigest() + SUFFIX)

    def _remove_oldest(self, max_bytes: int) -> None:
        """Remove the oldest files, including those of killed processes, until the rest take at most `max_bytes`."""
        kept = 0
        files = [(path.stat(), path) for path in self._folder.iterdir() if path.suffix in {SUFFIX, TEMPORARY_SUFFIX}]
        for status, path in sorted(files, key=lambda item: item[0].st_mtime, reverse=True):
            kept += status.st_size
            if kept > max_bytes:
                path.unlink(missing_ok=True)
