"""Exit cleanly on SIGTERM and SIGHUP. SIGHUP is sent when the terminal is lost."""

import asyncio
import os
import signal
import threading
from types import FrameType
from typing import Any

from textual.app import App

EXIT_TIMEOUT = 3.0
"""Seconds allowed for a clean exit before the process is terminated."""


def exit_on_signals(app: App[Any]) -> None:
    """Restore the terminal and exit on SIGTERM; exit without using the terminal on SIGHUP.

    Call this from the app's thread. The handlers are installed with the signal module instead of the event loop,
    because a write to a dead terminal may have blocked the loop. After SIGHUP, all output goes to /dev/null, so that no
    write fails or blocks.
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

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, handle)
        signal.signal(signal.SIGTERM, handle)
