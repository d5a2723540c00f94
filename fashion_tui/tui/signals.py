"""Exit cleanly on SIGTERM and SIGHUP. SIGHUP is sent when the terminal is lost."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from textual.app import App

EXIT_TIMEOUT = 3.0
"""Seconds allowed for a clean exit before the process is terminated."""


@contextmanager
def exit_on_signals(app: App[Any]) -> Iterator[None]:
    """Within this context, restore the terminal and exit on SIGTERM, and exit without using the terminal on SIGHUP.

    Enter the context in the main thread, within the event loop that runs the app. The handlers are installed with the
    signal module instead of the event loop, because a write to a dead terminal may have blocked the loop. After SIGHUP,
    all output goes to /dev/null, so that no write fails or blocks.

    At the end of the context, the earlier handlers are restored, because the new ones use the event loop, which may be
    closed afterwards.
    """
    loop = asyncio.get_running_loop()

    def handle(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
        deadline = threading.Timer(EXIT_TIMEOUT, os._exit, args=(128 + number,))
        deadline.daemon = True
        deadline.start()
        loop.call_soon_threadsafe(app.exit, None, 128 + number)

    handlers = {number: signal.signal(number, handle) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
