"""Settings of the memory allocator."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Parameters of `mallopt`, from <malloc.h>."""

MAX_MMAP_THRESHOLD = 32 * 2**20
"""Largest mmap threshold that glibc accepts, in bytes."""

MAX_INT = 2**31 - 1


def reuse_freed_memory() -> None:
    """Make the allocator keep freed memory for reuse. This has an effect only with glibc.

    By default, glibc returns large blocks to the system, so every training step has to map new pages. On a CPU,
    mapping takes up to a quarter of a step's time.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MAX_MMAP_THRESHOLD)
        mallopt(M_TRIM_THRESHOLD, MAX_INT)  # never trim
        mallopt(M_TOP_PAD, MAX_MMAP_THRESHOLD)
