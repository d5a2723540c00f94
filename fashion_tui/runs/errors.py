"""The error for a damaged run, and helpers that format error messages."""

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.text import printable


class DamagedRun(UserError):
    """Raised when a file of the run is missing, unreadable or invalid."""

    def __init__(self, run: str, detail: str) -> None:
        super().__init__(f"run {run!r} is damaged: {detail}")
        self.detail = printable(detail)
        """The file and what is wrong with it."""


def reason(error: OSError) -> str:
    """Return the system's description of an error, such as `No space left on device`."""
    return error.strerror or type(error).__name__
