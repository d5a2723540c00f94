"""Suspend processes, so that they don't respond."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


def suspend(pid: int) -> None:
    """Send SIGSTOP to a process, and wait until all of its threads have stopped. Linux stops them one after another."""
    process = psutil.Process(pid)
    process.suspend()
    while not _has_stopped(process):
        time.sleep(0.001)


@contextmanager
def suspended(pid: int) -> Iterator[None]:
    """Suspend a process until the end of the block."""
    suspend(pid)
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).resume()


def _has_stopped(process: psutil.Process) -> bool:
    states = []
    for thread in process.threads():
        with suppress(psutil.NoSuchProcess):  # the thread has ended
            states.append(psutil.Process(thread.id).status())
    return set(states) <= {psutil.STATUS_STOPPED}
