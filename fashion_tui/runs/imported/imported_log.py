"""The configuration and the status of an imported run, composed from its log."""

import os
from collections.abc import Mapping

import msgspec

from fashion_tui.runs.errors import DamagedRun, reason
from fashion_tui.runs.follow import Follower
from fashion_tui.runs.state import unknown_status
from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.run import FORMAT_VERSION, ImportedConfig, RunStatus

from .log import LastValues, Log

_Settings = tuple[dict[str, object], str | None]


class ImportedLog:
    """A log of another library, as the source of a run's configuration, status and events."""

    def __init__(self, run: str, log: Log) -> None:
        """`run` is the id of the run."""
        self._run = run
        self._log = log
        self._fingerprint: object = None
        self._settings: _Settings = ({}, None)
        """Result of `Log.settings` for the files with this fingerprint."""
        self._last: LastValues | None = None
        """Result of `Log.last` for the same files, or None if it hasn't been called."""

    @property
    def library(self) -> str:
        """Name of the library or of the format."""
        return self._log.library

    def config(self) -> ImportedConfig:
        """Return the configuration, which may change while the log grows. Raises DamagedRun."""
        try:
            created = self._log.created()
        except OSError as error:
            raise DamagedRun(self._run, f"its folder can't be read: {reason(error)}") from error
        return ImportedConfig(
            format=FORMAT_VERSION,
            run=self._run,
            created=created,
            versions={},
            host="",
            library=self.library,
            settings=self._check_changes(self._files())[0],
        )

    def status(self) -> RunStatus:
        """Return the status from the end of the log. Raises DamagedRun if the log can't be read.

        Apart from the progress, all that is known about the run is when its log was last changed.
        """
        files = self._files()
        self._check_changes(files)
        try:
            last = self._last = self._last or self._log.last()
        except OSError as error:
            raise DamagedRun(self._run, f"the log of {self.library} can't be read: {reason(error)}") from error
        return msgspec.structs.replace(
            unknown_status("imported"),
            step=last.step,
            epoch=last.epoch,
            heartbeat=max((status.st_mtime for status in files.values()), default=0.0),
            loss=None if last.loss is None else encode_float(last.loss),
            train_seconds=last.seconds,
        )

    def bytes_and_warning(self) -> tuple[int, str | None]:
        """Return the size of the log's files, and a one-line reason if some hyperparameters can't be read."""
        files = self._files()
        return sum(status.st_size for status in files.values()), self._check_changes(files)[1]

    def follow(self) -> Follower:
        """Return a follower that starts at the beginning of the log."""
        return self._log.follow()

    def _check_changes(self, files: Mapping[str, os.stat_result]) -> _Settings:
        """Return the hyperparameters. If a file has changed, read them again and forget the last values."""
        fingerprint = {name: (status.st_ino, status.st_size, status.st_mtime_ns) for name, status in files.items()}
        if fingerprint != self._fingerprint:
            self._settings, self._last, self._fingerprint = self._log.settings(), None, fingerprint
        return self._settings

    def _files(self) -> Mapping[str, os.stat_result]:
        """Return the log's files, or an empty mapping if the folder can't be read."""
        try:
            return self._log.files()
        except OSError:
            return {}
