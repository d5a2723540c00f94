"""The error for a damaged run, and helpers that format error messages."""

from fashion_tui.schema.errors import UserError


class DamagedRun(UserError):
    """Raised if a file of the run is missing, unreadable or invalid."""

    def __init__(self, run: str, detail: str) -> None:
        super().__init__(f"run {run!r} is damaged: {detail}")
        self.detail = detail
        """The file and what is wrong with it."""


def one_line(text: str, limit: int = 200) -> str:
    """Return an untrusted string as one printable line of at most `limit` characters.

    Whitespace is collapsed, and control and invisible characters become `?`.
    """
    clean = "".join(character if character.isprintable() else "?" for character in " ".join(text.split()))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def reason(error: OSError) -> str:
    """Return the system's description of an error, such as `No space left on device`."""
    return error.strerror or type(error).__name__
