"""The filter, order and columns of the list of runs, stored in a file for the next start of the app."""

from contextlib import suppress
from pathlib import Path

import msgspec
import platformdirs

from fashion_tui.files import make_private_folder, read_limited, write_atomically

from .arrangement import ListOptions

MAX_BYTES = 1 << 20
"""Maximum size of the file, in bytes."""
MAX_FOLDERS = 32
"""Maximum number of runs folders whose options are stored. The least recently changed ones are dropped."""


def default_path() -> Path:
    return platformdirs.user_state_path("fashion-tui", appauthor=False) / "run-lists.json"


def load(path: Path, runs_dir: Path) -> ListOptions:
    """Return the options that were stored for a runs folder, or the defaults. A damaged file counts as empty."""
    return _read(path).get(str(runs_dir.absolute()), ListOptions())


def save(path: Path, runs_dir: Path, options: ListOptions) -> None:
    """Store the options for a runs folder. If the file can't be written, the next start uses the previous options."""
    folder = str(runs_dir.absolute())
    others = [(name, stored) for name, stored in _read(path).items() if name != folder]
    stored = dict([*others, (folder, options)][-MAX_FOLDERS:])
    with suppress(OSError):
        make_private_folder(path.parent)
        write_atomically(path, msgspec.json.encode(stored), durable=False)


def _read(path: Path) -> dict[str, ListOptions]:
    with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(read_limited(path, MAX_BYTES), type=dict[str, ListOptions])
    return {}
