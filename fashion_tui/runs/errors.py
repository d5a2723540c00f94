"""The error for a damaged run, and helpers that format error messages."""

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.text import printable

NO_NETWORK = "it has no network, data set or checkpoints; choose a run that fashion-tui has trained"


class DamagedRun(UserError):
    """Raised when a file of the run is missing, unreadable or invalid."""

    def __init__(self, run: str, detail: str) -> None:
        super().__init__(f"run {run!r} is damaged: {detail}")
        self.detail = printable(detail)
        """The file and what is wrong with it."""


class NotTrained(UserError):
    """Raised when an operation needs a recipe, network, data set or checkpoint, but the run is logged by a script."""

    def __init__(self, run: str, detail: str = NO_NETWORK) -> None:
        super().__init__(f"run {run!r} is logged by a script: {detail}")


def reason(error: OSError) -> str:
    """Return the system's description of an error, such as `No space left on device`."""
    return error.strerror or type(error).__name__
