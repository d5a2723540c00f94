"""The error for a damaged run, and helpers that format error messages."""

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.text import printable

ONLY_METRICS = "only its metrics are known; choose a run that fashion-tui has trained"
NO_NETWORK = "it has no network, data set or checkpoints; choose a run that fashion-tui has trained"


class DamagedRun(UserError):
    """Raised when a file of the run is missing, unreadable or invalid."""

    def __init__(self, run: str, detail: str) -> None:
        super().__init__(f"run {printable(run)!r} is damaged: {detail}")  # the name may not be UTF-8
        self.detail = printable(detail)
        """The file and what is wrong with it."""


class NotTrained(UserError):
    """Raised when an operation needs a recipe, network, data set or checkpoint, but the run has only a log."""

    def __init__(self, run: str, detail: str = NO_NETWORK, *, library: str | None = None) -> None:
        """`library` is the library that logs the run, or None if a script logs it with `log_run`."""
        if library is None:
            super().__init__(f"run {run!r} is logged by a script: {detail}")
        else:
            super().__init__(f"run {run!r} is imported from {library}: {ONLY_METRICS}")


class ReadOnlyRun(UserError):
    """Raised when an operation would change a run that another library logs."""

    def __init__(self, run: str, library: str) -> None:
        super().__init__(f"run {run!r} is imported from {library}: it can be read, but not changed or controlled")


def reason(error: OSError) -> str:
    """Return the system's description of an error, such as `No space left on device`."""
    return error.strerror or type(error).__name__
