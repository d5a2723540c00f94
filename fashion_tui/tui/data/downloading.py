"""The download of the real data set, beside the app."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from textual.message import Message

from fashion_tui.data.download import download
from fashion_tui.data.sources import FASHION_MNIST
from fashion_tui.schema.errors import UserError

from .messages import DownloadEnded, DownloadMoved

INTERVAL = 0.2
"""Seconds between two messages about its progress."""


class _Cancelled(Exception):
    """Nobody wants the data set any more."""


class Downloading:
    """A download under way.

    It has a thread of its own rather than a worker's: a server that doesn't answer must not hold up the app's end.
    """

    def __init__(self, directory: Path | None, post: Callable[[Message], object]) -> None:
        """`post` may be called from any thread."""
        self._directory = directory
        self._post = post
        self._cancelled = threading.Event()
        self._told = 0.0
        self._thread = threading.Thread(target=self._run, name="download", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """End it soon; what was half fetched is thrown away, and DownloadEnded is posted then."""
        self._cancelled.set()

    def leave(self, patience: float = 1.0) -> None:
        """End it because the app ends: wait for the thread to tidy up, but not for a silent server."""
        self.cancel()
        self._thread.join(patience)

    def _run(self) -> None:
        try:
            ref = download(self._directory, self._progress, source=FASHION_MNIST)
        except _Cancelled:
            self._post(DownloadEnded(None, None))
        except UserError as error:
            self._post(DownloadEnded(None, str(error)))
        else:
            self._post(DownloadEnded(ref, None))

    def _progress(self, done: int, whole: int) -> None:
        if self._cancelled.is_set():
            raise _Cancelled
        now = time.monotonic()
        if now - self._told >= INTERVAL or done == whole:
            self._told = now
            self._post(DownloadMoved(done, whole))
