"""Paths that a user types or sets in the environment."""

from pathlib import Path

from .errors import UsageError, UserError


def user_path(value: str | Path, source: str) -> Path:
    """Return a path that the user gave, with `~` expanded. Raises UsageError if the path can't be used.

    `source` is the name of the option, variable or field that contains the path; error messages begin with it.
    """
    if "\0" in str(value):
        raise UsageError(f"{source} is {str(value)!r}, but a path can't contain a NUL character")
    try:
        return check_utf8(Path(value).expanduser(), source)
    except RuntimeError:
        raise UsageError(f"{source} is {str(value)!r}, but the home directory of that user is unknown") from None


def check_utf8(path: Path, source: str) -> Path:
    """Return the path. Raises UserError if the path isn't UTF-8, because JSON can't contain such a path."""
    if not is_utf8(path):
        raise UserError(f"{source} is {str(path)!r}, which isn't UTF-8; rename it, or choose another one")
    return path


def is_utf8(value: str | Path) -> bool:
    """Return whether a path or another string from the operating system can be encoded in UTF-8."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True
