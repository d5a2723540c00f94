"""The conversions of one data set in the cache, each named after a hash of the files that were converted."""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from fashion_tui.files import make_private_folder

from .stored import Cancelled

LOCK_FILE = "lock"
RETRY_SECONDS = 0.1
"""Interval at which a locked cache is tried again, in seconds."""


class Conversions:
    """A folder with the conversions of one data set. Usually there is one; a new one replaces it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, files: object) -> Path:
        """Return the path of the conversion of `files`. The path exists only if the files have been converted.

        `files` are the name, size and time of the last modification of each file, as a value that JSON can contain.
        """
        return self.directory / hashlib.sha256(msgspec.json.encode(files)).hexdigest()[:32]

    @contextmanager
    def locked(self, should_stop: Callable[[], bool]) -> Iterator[None]:
        """Wait until no other process converts this data set, and prevent others from doing so.

        Files left behind by killed processes are removed. Raises Cancelled if `should_stop` returns True, and OSError
        if the cache can't be written.
        """
        make_private_folder(self.directory)
        descriptor = os.open(self.directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _try_lock(descriptor):
                if should_stop():
                    raise Cancelled
                time.sleep(RETRY_SECONDS)
            for path in self.directory.glob(".*"):
                shutil.rmtree(path, ignore_errors=True)
            yield
        finally:
            os.close(descriptor)  # this releases the lock; the system does so if the process is killed

    def remove_others(self, current: Path) -> None:
        """Remove all conversions except `current`. Processes that have mapped one can still read it."""
        for path in self.directory.iterdir():
            if path not in {current, self.directory / LOCK_FILE}:
                shutil.rmtree(path, ignore_errors=True)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # the file system has no locks, so the last conversion replaces the others
    return True
