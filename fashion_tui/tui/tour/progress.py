"""The user's progress in the tour, stored in a file. The file exists once the tour has been offered."""

from contextlib import suppress
from pathlib import Path

import msgspec

MAX_BYTES = 1 << 10
"""Maximum size of the file, in bytes."""


def default_path() -> Path:
    import platformdirs  # noqa: PLC0415 -- not needed before the first paint

    return platformdirs.user_state_path("fashion-tui", appauthor=False) / "tour.json"


class _TourProgress(msgspec.Struct, frozen=True):
    next: str
    """Id of the next step, or an empty string for the first step."""


def load(path: Path) -> str:
    """Return the id of the next step, or an empty string for the first step. A damaged file counts as empty."""
    from fashion_tui.files import read_limited  # noqa: PLC0415 -- not needed before the first paint

    with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(read_limited(path, MAX_BYTES), type=_TourProgress).next
    return ""


def save(path: Path, step: str) -> None:
    """Store the id of the next step.

    If the file can't be written, the tour is offered again at the next start, or continues from an earlier step.
    """
    from fashion_tui.files import make_private_folder, write_atomically  # noqa: PLC0415 -- not needed before the first paint

    with suppress(OSError):
        make_private_folder(path.parent)
        write_atomically(path, msgspec.json.encode(_TourProgress(step)), durable=False)
