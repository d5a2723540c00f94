"""A run on disk, as one object."""

import os
import stat
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Self

import msgspec

from fashion_tui.schema.events import RunEvent
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.paths import is_utf8
from fashion_tui.schema.run import LIVE_STATES, LoggedConfig, RunConfig, RunStatus, StoredConfig
from fashion_tui.schema.text import one_line

from . import events, lock, records, trust
from .checkpoints import CheckpointStore
from .control import ControlFolder
from .errors import DamagedRun, NotTrained, ReadOnlyRun, reason
from .events import EventWriter
from .folder import Folder
from .follow import EventFollower, Follower
from .imported.formats import open_log
from .imported.imported_log import ImportedLog
from .layout import CHECKPOINTS_FOLDER, EVENTS_FILE, FOLDERS, LOG_FILE, MAX_BYTES, MODULES_FOLDER, RUN_FILES
from .lock import Holder, RunLock
from .state import is_fresh, trainer_is_gone
from .trust import StoredModel

LOG_MARK = "---- trainer started"
"""Beginning of the line that precedes each trainer's output in `trainer.log`."""

LOG_TAIL_BYTES = 4096


class Contents(msgspec.Struct, frozen=True):
    """What is known about the files in a run's directory without opening them."""

    bytes: int
    """Size of all files in bytes, including checkpoints."""
    checkpoint_bytes: int
    problems: tuple[str, ...]
    """One line for each file that can't be used, with the reason."""
    warning: str | None = None
    """One-line reason if some hyperparameters of an imported run can't be read."""

    def add_problems(self, damage: list[str]) -> list[str]:
        """Return `damage`, followed by the lines of `problems`. Leave out files that `damage` already mentions.

        Each line begins with the name of a file.
        """
        files = {line.split()[0].rstrip(":") for line in damage}
        return damage + [problem for problem in self.problems if problem.split()[0] not in files]


class Run:
    """A run on disk: its directory, opened once, and everything that is read from it or written to it.

    Within a process, pass the `Run` object. To other processes, pass its `path`; they open the run themselves. The path
    may contain links, but nothing inside the directory may be a link: every file is opened relative to the open
    directory and checked (`Folder`). Use a run as a context manager or close it. Only `write_status` may be called in
    several threads at the same time.
    """

    def __init__(self, path: Path, runs_dir: Path | None = None) -> None:
        """Open the directory of a run; see `store.open_run` to find it by its id. Raises DamagedRun.

        `runs_dir` is the runs folder, by default the parent of the directory. An imported run may be in a subfolder of
        the runs folder. Its id is the path relative to the runs folder.
        """
        self.path = path.absolute()
        """Path of the directory, for use in messages and by other processes."""
        self.id = run_id(self.path, runs_dir)
        """Name of the directory. In a copied run, `config.run` is still the id of the original run."""
        if not is_utf8(self.path):
            raise DamagedRun(self.id, "its path isn't UTF-8; rename it")
        try:
            self.folder = Folder.open(self.path)
        except FileNotFoundError:
            raise DamagedRun(self.id, "its directory is gone, because it was deleted or moved") from None
        except OSError as error:
            raise DamagedRun(self.id, f"its directory can't be opened: {reason(error)}") from error
        self.imported = self._open_log()
        """The log of another library, or None for a run of this package."""
        self.control = ControlFolder(self.folder)
        self.checkpoints = CheckpointStore(self.folder)

    def close(self) -> None:
        """Close the directory. Closing it again has no effect."""
        self.folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_log(self) -> ImportedLog | None:
        """Return the log of another library, unless the directory has files of this package."""
        if any(self.folder.exists(name) for name in RUN_FILES):
            return None
        log = open_log(self.folder)
        return None if log is None else ImportedLog(self.id, log)

    def reopen_if_removed(self) -> bool:
        """If the directory was deleted and recreated, open the new one. Return whether a new one was opened."""
        is_reopened = self.folder.reopen_if_removed()
        if is_reopened:
            self.__dict__.pop("_config_file", None)
        return is_reopened

    @property
    def stored_config(self) -> StoredConfig:
        """The validated `config.json`, read on first use. Raises DamagedRun.

        For an imported run, it is composed from the files of the other library, which may change.
        """
        return self._config_file if self.imported is None else self.imported.config()

    @cached_property
    def _config_file(self) -> RunConfig | LoggedConfig:
        return records.read_config(self.folder)

    @property
    def config(self) -> RunConfig:
        """The configuration of a run that a trainer trains. Raises DamagedRun, and NotTrained for other runs."""
        if not isinstance(self.stored_config, RunConfig):
            raise NotTrained(self.id, library=None if self.imported is None else self.imported.library)
        return self.stored_config

    def check_writable(self) -> None:
        """Raise ReadOnlyRun if the run is imported. Nothing is written into its directory."""
        if self.imported is not None:
            raise ReadOnlyRun(self.id, self.imported.library)

    @property
    def is_logged(self) -> bool:
        """Whether the run is logged by a script. False if the configuration can't be read."""
        try:
            return isinstance(self.stored_config, LoggedConfig)
        except DamagedRun:
            return False

    # Status

    def read_status(self) -> RunStatus:
        """Read `status.json`, which may be out of date; see `state.derive`. Raises DamagedRun.

        For an imported run, the status is composed from the end of the log.
        """
        return records.read_status(self.folder) if self.imported is None else self.imported.status()

    def write_status(self, status: RunStatus, *, durable: bool = False) -> None:
        """Replace `status.json`. Set `durable` for a state that must survive a power failure. Raises OSError."""
        records.write_status(self.folder, status, durable=durable)

    def is_alive(self, status: RunStatus, *, fresh: bool) -> bool:
        """Return whether a run with this status has a live trainer.

        Pass `fresh=True` if the status's heartbeat is recent. The lock is checked only if the heartbeat isn't fresh or
        the trainer's process is known to have ended.
        """
        return status.state in LIVE_STATES and ((fresh and not trainer_is_gone(status)) or self.is_locked())

    def is_live(self) -> bool:
        """Return whether a trainer holds the lock or has just been started and is about to take the lock."""
        if self.is_locked():
            return True
        try:
            status = self.read_status()
        except DamagedRun:
            return False
        was_launched = status.state in {"queued", "starting"} and is_fresh(status) and self.folder.exists(LOG_FILE)
        return was_launched and not trainer_is_gone(status)

    # Lock

    def lock(self) -> RunLock:
        """Return the run's lock. Acquire it before writing to the run. Raises ReadOnlyRun if the run is imported."""
        self.check_writable()
        return RunLock(self.folder)

    def is_locked(self) -> bool:
        """Return whether a process holds the lock."""
        return lock.is_held(self.folder)

    def lock_holder(self) -> Holder | None:
        """Return the process that took the lock last, or None if the lock's file can't be read."""
        return lock.holder(self.folder)

    # Events

    def event_writer(self) -> EventWriter:
        """Open the log for appending. The caller must hold the lock. Raises UserError if the log can't be opened."""
        return EventWriter(self.folder, self.stored_config.run)

    def follow_log(self) -> Follower:
        """Return a follower that starts at the beginning of the log, which may be a log of another library."""
        return self.follow_events() if self.imported is None else self.imported.follow()

    def follow_events(self, *, last_bytes: int | None = None) -> EventFollower:
        """Return a follower that starts at the beginning of the log, or `last_bytes` bytes before the log's end."""
        try:
            log_id = self.stored_config.run
        except DamagedRun:
            log_id = None
        offset = 0 if last_bytes is None else max(0, self.folder.size(EVENTS_FILE) - last_bytes)
        return EventFollower(self.folder, log_id, offset=offset)

    def follow_new_events(self) -> EventFollower:
        """Return a follower that yields only the events written from now on."""
        return self.follow_events(last_bytes=1)  # start at the last byte of the log, which is a newline

    def last_event(self) -> RunEvent | None:
        """Return the last valid event of the log, or None if there is none."""
        return events.last_event(self.folder)

    # Custom model

    def stored_model(self) -> StoredModel | None:
        """Read the custom model, or return None if the run trains a built-in one. Raises DamagedRun."""
        return trust.read_model(self.folder, self.config)

    def trusted_model(self) -> CustomModel | None:
        """Return the custom model if it may be executed, or None if the run trains a built-in one.

        Raises UntrustedSource if the user has neither trained nor trusted the model, and DamagedRun if the model's file
        is damaged.
        """
        return trust.trusted_model(self.folder, self.config)

    def trust_model(self) -> None:
        """Allow the custom model to be executed from now on. Do nothing for a built-in model. Raises UserError."""
        if (stored := self.stored_model()) is not None:
            trust.trust(stored)

    # The trainer's output

    def open_log(self) -> int:
        """Open `trainer.log` for appending and return the descriptor. Raises OSError."""
        return self.folder.open_file(LOG_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MAX_BYTES[LOG_FILE])

    def last_log_line(self) -> str | None:
        """Return the last line that the newest trainer wrote to `trainer.log`, or None if there is none."""
        try:
            with self.folder.open_to_read(LOG_FILE, MAX_BYTES[LOG_FILE]) as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
                lines = log.read(LOG_TAIL_BYTES).decode(errors="replace").splitlines()
        except OSError:
            return None
        last = next((line for line in reversed(lines) if line.strip()), LOG_MARK)
        return None if last.startswith(LOG_MARK) else one_line(last)

    # All files

    def contents(self) -> Contents:
        """Inspect all files without opening them. An unreadable folder counts as empty.

        For an imported run, inspect the files of the log.
        """
        if self.imported is not None:
            log_bytes, warning = self.imported.bytes_and_warning()
            return Contents(log_bytes, 0, (), warning)
        total, checkpoint_bytes, problems = _module_bytes(self.folder), 0, []
        for name, status in _entries(self.folder):
            if stat.S_ISREG(status.st_mode):
                total += status.st_size
            if name in MAX_BYTES or name in FOLDERS:
                problem = self.folder.problem(status, MAX_BYTES.get(name))
                if problem is not None:
                    problems.append(f"{name} can't be opened: {problem}")
        with suppress(OSError), self.folder.subfolder(CHECKPOINTS_FOLDER) as checkpoints:
            checkpoint_bytes = sum(
                status.st_size for _, status in _entries(checkpoints) if stat.S_ISREG(status.st_mode)
            )
        return Contents(total + checkpoint_bytes, checkpoint_bytes, tuple(problems))

    def check(self) -> None:
        """Raise DamagedRun if a file can't be used."""
        if problems := self.contents().problems:
            raise DamagedRun(self.id, problems[0])


def run_id(path: Path, runs_dir: Path | None) -> str:
    """Return the id of the run in a directory: its path from the runs folder or, outside this folder, its name."""
    if runs_dir is not None and path != (root := runs_dir.absolute()) and path.is_relative_to(root):
        return str(path.relative_to(root))
    return path.name


def _module_bytes(folder: Folder, subfolder: str = MODULES_FOLDER) -> int:
    """Return the size of all files in a folder and in its subfolders."""
    try:
        with folder.subfolder(subfolder) as modules:
            entries = _entries(modules)
            inside = sum(_module_bytes(modules, name) for name, status in entries if stat.S_ISDIR(status.st_mode))
            return inside + sum(status.st_size for _, status in entries if stat.S_ISREG(status.st_mode))
    except OSError:
        return 0


def _entries(folder: Folder) -> list[tuple[str, os.stat_result]]:
    try:
        return folder.entries()
    except OSError:
        return []
