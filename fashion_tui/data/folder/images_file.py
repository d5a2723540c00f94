"""Write images to a `.npy` file without knowing in advance how many there are, or whether any of them has colours."""

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from fashion_tui.data.decoding import DecodedImage
from fashion_tui.data.stored import Pixels

BLOCK_BYTES = 1 << 22
"""Number of bytes to write at once when the file is converted to three channels."""


class ImagesFile:
    """A `.npy` file of square images, uint8 `[N, C, H, W]`. C is 1 until the first image with colours is appended.

    The images are written without mapping the file into memory, so a full disk raises OSError instead of ending the
    process. If a `with` block ends without a call of `finish`, the file is incomplete.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self._channels = 1
        self._count = 0
        self._file = self._create(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._file.close()

    def __len__(self) -> int:
        return self._count

    @property
    def has_colours(self) -> bool:
        return self._channels == 3

    def append(self, image: DecodedImage) -> None:
        """Append an image: uint8 `[H, W]`, or `[H, W, 3]` for an image with colours."""
        if image.ndim == 3:
            self.convert_to_colour()
        planes = image.transpose(2, 0, 1) if image.ndim == 3 else image[np.newaxis]
        self._file.write(np.broadcast_to(planes, (self._channels, self._size, self._size)).tobytes())
        self._count += 1

    def convert_to_colour(self) -> None:
        """Convert all images to three equal channels, unless they have three channels already."""
        if self.has_colours:
            return
        self.finish()
        self._channels = 3
        colour_path = self._path.with_name(f"colour-{self._path.name}")
        self._file = self._create(colour_path)
        block = max(1, BLOCK_BYTES // self._size**2)
        for start in range(0, self._count, block):
            grey: Pixels = np.load(self._path, mmap_mode="r", allow_pickle=False)[start : start + block]
            self._file.write(np.repeat(grey, 3, axis=1).tobytes())
        colour_path.replace(self._path)

    def finish(self) -> None:
        """Write the number of images into the header, flush the file to disk, and close it."""
        self._file.seek(0)
        self._write_header(self._file)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def _create(self, path: Path) -> BinaryIO:
        file = path.open("wb")
        self._write_header(file)
        return file

    def _write_header(self, file: BinaryIO) -> None:
        # NumPy pads the header, so that its size is the same for any number of images.
        shape = (self._count, self._channels, self._size, self._size)
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
