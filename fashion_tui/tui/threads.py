"""Run a function in a thread from an async function, with progress and cancellation."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

PROGRESS_INTERVAL = 0.1
"""Minimum number of seconds between two reports of progress."""

Progress = Callable[[int, int], None]


async def run_in_thread(work: Callable[[Progress, Callable[[], bool]], Result], progress: Progress) -> Result:
    """Return `work(report, should_stop)`, which is called in a thread.

    What the thread reports is passed to `progress` in the event loop. If this coroutine is cancelled, `should_stop`
    returns True from then on, and `work` should end soon.
    """
    loop, stopped = asyncio.get_running_loop(), threading.Event()
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_INTERVAL and not stopped.is_set():
            last = now
            loop.call_soon_threadsafe(progress, done, total)

    try:
        return await asyncio.to_thread(work, report, stopped.is_set)
    finally:
        stopped.set()
