"""Process items on all CPUs, in threads.

Threads are enough, because Pillow releases the interpreter's lock while it decodes and resizes.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from fashion_tui.data.stored import Cancelled
from fashion_tui.machine.threads import available_cpus

Item = TypeVar("Item")
Result = TypeVar("Result")

POLL_SECONDS = 0.1
"""Interval at which `should_stop` is called while no result is available, in seconds."""

MAX_THREADS = 16
"""Maximum number of threads. Each needs about 150 MB for a photo of 12 million pixels."""

CHUNKS_PER_THREAD = 2
"""Maximum number of chunks per thread that are in progress or waiting to be consumed. This limits the memory used."""


def in_parallel(
    function: Callable[[Item], Result], items: Sequence[Item], should_stop: Callable[[], bool], *, chunk_size: int
) -> Generator[Result, None, None]:
    """Yield `function(item)` for each item, in the order of the items. Raises Cancelled if `should_stop` returns True.

    A thread processes `chunk_size` items at once. When the caller stops iterating, threads stop after their current
    item.
    """
    stopped = threading.Event()

    def process(start: int) -> list[Result]:
        return [function(item) for item in items[start : start + chunk_size] if not stopped.is_set()]

    threads = min(available_cpus(), MAX_THREADS)
    pool = ThreadPoolExecutor(threads)
    pending: deque[Future[list[Result]]] = deque()
    try:
        for start in range(0, len(items), chunk_size):
            pending.append(pool.submit(process, start))
            if len(pending) == CHUNKS_PER_THREAD * threads:
                yield from _result(pending.popleft(), should_stop)
        while pending:
            yield from _result(pending.popleft(), should_stop)
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)


def _result(future: Future[list[Result]], should_stop: Callable[[], bool]) -> list[Result]:
    """Wait for a result. Raises Cancelled if `should_stop` returns True."""
    while True:
        if should_stop():
            raise Cancelled
        try:
            return future.result(timeout=POLL_SECONDS)
        except TimeoutError:
            if future.done():
                raise
