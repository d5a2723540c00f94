"""Functions that run in a thread report progress and end soon after they are cancelled."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from fashion_tui.tui.threads import Progress, run_in_thread

pytestmark = pytest.mark.asyncio
TIMEOUT = 90.0


async def test_the_result_and_the_progress_arrive_in_the_event_loop() -> None:
    reports = list[tuple[int, int, int]]()

    def work(report: Progress, _should_stop: Callable[[], bool]) -> int:
        report(1, 2)
        return threading.get_ident()

    thread = await run_in_thread(work, lambda done, total: reports.append((done, total, threading.get_ident())))
    await asyncio.sleep(0)
    assert reports == [(1, 2, threading.get_ident())]
    assert thread != threading.get_ident()


async def test_a_cancelled_function_is_told_to_stop() -> None:
    started, ended = threading.Event(), threading.Event()

    def work(_report: Progress, should_stop: Callable[[], bool]) -> None:
        started.set()
        end = time.monotonic() + TIMEOUT
        while not should_stop():
            assert time.monotonic() < end
        ended.set()

    task = asyncio.create_task(run_in_thread(work, lambda _done, _total: None))
    assert await asyncio.to_thread(started.wait, TIMEOUT)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, TIMEOUT)
