"""Download a published data set in a background thread."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from fashion_tui.data.datasets import prepared_info
from fashion_tui.data.download import download
from fashion_tui.data.published import DatasetSource
from fashion_tui.schema.dataset import DatasetInfo, DatasetRef
from fashion_tui.schema.errors import UserError

PROGRESS_INTERVAL = 0.2
"""Seconds between progress messages."""


@dataclass
class DownloadProgress(Message):
    done: int
    """Number of bytes received so far."""
    total: int
    """Total size of all files, in bytes."""


@dataclass
class DownloadEnded(Message):
    ref: DatasetRef | None
    """The downloaded data set, or None if the download failed or was cancelled."""
    info: DatasetInfo | None
    """Summary of the data set, or None if its images must be converted first."""
    problem: str | None
    """One-line reason why the download failed, or None if it succeeded or was cancelled."""


class _Cancelled(Exception):
    """Raised when the user has cancelled the download."""


class Download:
    """A running download.

    It uses its own thread instead of a Textual worker, so that the app can exit even if the server doesn't respond.
    """

    def __init__(self, source: DatasetSource, directory: Path | None, post: Callable[[Message], object]) -> None:
        """Start the download. `post` is called from the download's thread."""
        self.source = source
        self._directory = directory
        self._post = post
        self._cancelled = threading.Event()
        self._last_progress = 0.0
        self._thread = threading.Thread(target=self._run, name="download", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Ask the download to stop. It then deletes incomplete files and posts DownloadEnded."""
        self._cancelled.set()

    def abandon(self, timeout: float = 1.0) -> None:
        """Cancel the download when the app exits.

        Wait at most `timeout` seconds for the thread to clean up, in case the server doesn't respond.
        """
        self.cancel()
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            ref = download(self.source, self._directory, self._progress)
            info = prepared_info(ref)
        except _Cancelled:
            self._post(DownloadEnded(None, None, None))
        except UserError as error:
            self._post(DownloadEnded(None, None, str(error)))
        else:
            self._post(DownloadEnded(ref, info, None))

    def _progress(self, done: int, total: int) -> None:
        if self._cancelled.is_set():
            raise _Cancelled
        now = time.monotonic()
        if now - self._last_progress >= PROGRESS_INTERVAL or done == total:
            self._last_progress = now
            self._post(DownloadProgress(done, total))
