"""On-end commands: shell commands of the user that the trainer executes after the end of a run.

They are stored in the user's state directory, not in the run, so that a run from someone else never contains a command
to execute.
"""

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import platformdirs

from fashion_tui.files import make_private_folder, read_limited, write_atomically
from fashion_tui.schema.errors import UserError
from fashion_tui.settings import user_settings

from .errors import reason
from .run import Run

TIME_LIMIT = 30.0
"""Timeout of a command, in seconds. After it, the command is killed."""

MAX_BYTES = 64 << 10

KEPT_DAYS = 30
"""Minimum age, in days, at which a stored command is deleted if the directory of its run doesn't exist. Until then, a
deleted run may be restored."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A shell command, and the directory in which it is executed."""

    command: str
    directory: str
    path: str
    """Directory of the run."""


def choose(run: Run, command: str | None) -> str | None:
    """Store the command to run after the end of a new run: `command` or, if it is None, the one in the settings file.

    `command` is executed in the working directory of this process, and the one in the settings file in the home
    directory. Return an error message if the command can't be stored, else None.
    """
    directory = Path.cwd() if command is not None else Path("~").expanduser()
    command = user_settings().on_end if command is None else command
    try:
        if command:
            remember(run, command, directory)
    except UserError as error:
        return str(error)
    return None


def remember(run: Run, command: str, directory: Path) -> None:
    """Store the command to execute in a directory whenever the run ends, even after it was resumed.

    Raises UserError if the command can't be stored.
    """
    file = _file(run)
    try:
        make_private_folder(file.parent)
        stored = Command(command=command, directory=str(directory), path=str(run.path))
        write_atomically(file, msgspec.json.encode(stored))
        _remove_old(file.parent)
    except OSError as error:
        raise UserError(f"can't store the command in {str(file)!r}: {reason(error)}; it won't be run") from error


def recall(run: Run) -> Command | None:
    """Return the command to run after the end of a run, or None if there is none.

    Raises UserError if the stored command can't be read, or if another user could have changed it.
    """
    file = _file(run)
    try:
        status = file.lstat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise UserError(f"{str(file)!r} contains a command, but others can write to it; the command isn't run")
        return msgspec.json.decode(read_limited(file, MAX_BYTES), type=Command)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"can't read the command in {str(file)!r}: {error}") from error


def commands_folder() -> Path:
    """Return the folder with the stored commands, which may not exist."""
    return platformdirs.user_state_path("fashion-tui", appauthor=False) / "on-end"


def _file(run: Run) -> Path:
    # The id in the configuration of a run from someone else could be the path of another file.
    return commands_folder() / f"{hashlib.sha256(run.stored_config.run.encode()).hexdigest()}.json"


def _remove_old(folder: Path) -> None:
    """Remove the commands of runs that were deleted long ago."""
    oldest = time.time() - KEPT_DAYS * 86400
    for file in folder.glob("*.json"):
        with suppress(OSError, ValueError):
            stored = msgspec.json.decode(read_limited(file, MAX_BYTES), type=Command)
            if file.stat().st_mtime < oldest and not Path(stored.path).exists():
                file.unlink()
