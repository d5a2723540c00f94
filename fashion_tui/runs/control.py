"""Requests to a live trainer: files in the folder `control`, each answered by a `RequestHandled` event.

A file's name starts with the time of the request, so that names sort by age, and ends with the action. The file is
empty, so creating it is atomic, even on a full disk.
"""

import re
import secrets
import stat
import time
from typing import cast, get_args

import msgspec

from fashion_tui.schema.run import ControlAction

from .folder import Folder
from .layout import CONTROL_FOLDER

REQUEST = re.compile(rf"\d{{20}}-[0-9a-f]{{8}}\.({'|'.join(get_args(ControlAction))})")


class ControlRequest(msgspec.Struct, frozen=True):
    id: str
    """Name of the request's file. The answer contains it as `RequestHandled.request`."""
    action: ControlAction


class ControlFolder:
    """The folder `control` of a run. Each operation reopens the folder, because a user may delete it at any time."""

    def __init__(self, run: Folder) -> None:
        self._run = run
        self._finished: set[str] = set()
        """Names of files that couldn't be removed. These files are ignored."""

    def request(self, action: ControlAction) -> str:
        """Create a request for the trainer, and return the request's id. Raises OSError."""
        request = f"{time.time_ns():020d}-{secrets.token_hex(4)}.{action}"
        with self._run.subfolder(CONTROL_FOLDER, create=True) as folder:
            folder.create(request)
        return request

    def pending(self) -> list[ControlRequest]:
        """Return the unfinished requests, oldest first. Remove files that aren't requests.

        An unreadable folder counts as empty. The call takes about 20 µs if there are no requests.
        """
        try:
            with self._run.subfolder(CONTROL_FOLDER) as folder:
                entries = sorted(folder.entries())
                requests = []
                for name, status in entries:
                    match = REQUEST.fullmatch(name)
                    if match and stat.S_ISREG(status.st_mode):
                        requests.append(ControlRequest(name, cast("ControlAction", match[1])))
                    elif name not in self._finished:
                        self._remove(folder, name)
        except OSError:
            return []
        return [request for request in requests if request.id not in self._finished]

    def finish(self, request: ControlRequest) -> None:
        """Remove a request. Call this method after the request's `RequestHandled` event is written."""
        try:
            with self._run.subfolder(CONTROL_FOLDER) as folder:
                self._remove(folder, request.id)
        except OSError:
            self._finished.add(request.id)

    def clear(self) -> None:
        """Remove all pending requests. They were meant for an earlier trainer."""
        for request in self.pending():
            self.finish(request)

    def is_pending(self, request: str) -> bool:
        """Return whether the request with this id is still unfinished."""
        try:
            with self._run.subfolder(CONTROL_FOLDER) as folder:
                return folder.exists(request)
        except OSError:
            return False

    def _remove(self, folder: Folder, name: str) -> None:
        try:
            folder.remove(name)
        except FileNotFoundError:
            pass
        except OSError:
            self._finished.add(name)
