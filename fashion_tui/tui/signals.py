"""How the app ends when the system asks: a lost terminal (SIGHUP) and SIGTERM end it cleanly."""

import asyncio
import os
import signal
import threading
from types import FrameType
from typing import Any

from textual.app import App

PATIENCE = 3.0
"""Seconds for a clean end before the process is ended all the same."""


def end_cleanly(app: App[Any]) -> None:
    """Leave with the terminal restored on SIGTERM, and without one on SIGHUP. To be called on the app's thread.

    A handler of the signal module rather than of the event loop, since a write to a dead terminal may have blocked the
    loop. After a hang-up whatever is still painted goes to /dev/null, so that no write fails or blocks.
    """
    loop = asyncio.get_running_loop()

    def handle(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nowhere, descriptor)
        deadline = threading.Timer(PATIENCE, os._exit, args=(128 + number,))
        deadline.daemon = True
        deadline.start()
        loop.call_soon_threadsafe(app.exit, None, 128 + number)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, handle)
        signal.signal(signal.SIGTERM, handle)
