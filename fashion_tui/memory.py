"""How the process keeps its memory."""

import ctypes
import sys

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
"""Numbers of `mallopt`'s parameters, in <malloc.h>."""

LARGEST = 32 * 2**20
"""Bytes: glibc takes no larger threshold for the blocks that it asks of the system one by one."""

NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Let what tensors leave behind be used by the next ones, where the C library is glibc.

    By itself it hands large blocks back to the system, and each step of a training gets fresh ones, page by page: up
    to a quarter of a step's time on a CPU.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGEST)
        mallopt(TRIM_THRESHOLD, NEVER)
        mallopt(TOP_PAD, LARGEST)
