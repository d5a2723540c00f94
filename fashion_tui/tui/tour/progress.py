"""The user's progress in the tour, stored in a file. The file exists once the tour has been offered."""

from contextlib import suppress
from pathlib import Path

import msgspec


def default_path() -> Path:
    import platformdirs  # noqa: PLC0415 -- not needed before the first paint

    return platformdirs.user_state_path("fashion-tui", appauthor=False) / "tour.json"


class _TourProgress(msgspec.Struct, frozen=True):
    next: str
    """Id of the next step, or an empty string for the first step."""


def load(path: Path) -> str:
    """Return the id of the next step, or an empty string for the first step. A damaged file counts as empty."""
    with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(path.read_bytes(), type=_TourProgress).next
    return ""


def save(path: Path, step: str) -> None:
    """Store the id of the next step. If that fails, the tour is offered again or continues from an earlier step."""
    from fashion_tui.files import write_atomically  # noqa: PLC0415 -- not needed before the first paint

    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(path, msgspec.json.encode(_TourProgress(step)), durable=False)
