"""Errors that the user can fix."""

from collections.abc import Iterator
from contextlib import contextmanager

from .text import printable


class UserError(Exception):
    """An error that the user can fix. Its message is one line: what is wrong, with which value, and what to do.

    It is shown without a traceback, and the command exits with status 1.
    """

    exit_code = 1

    fields: tuple[str, ...] = ()
    """Names of the fields whose values cause the error, the one to change first. Empty if they are unknown."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))  # the message may quote an untrusted value


class UntrustedSource(UserError):
    """Raised when the run's network is someone else's code, which isn't executed until the user trusts it."""


class UsageError(UserError):
    """Raised for an invalid argument, such as an unknown recipe or a batch size of 0.

    The command exits with status 2.
    """

    exit_code = 2


@contextmanager
def caused_by(*fields: str) -> Iterator[None]:
    """Set the fields of a UserError that is raised in the `with` block, unless its fields are known."""
    try:
        yield
    except UserError as error:
        error.fields = error.fields or fields
        raise


class TimeLimitReached(BaseException):
    """Raised in the user's code at the time limit. A BaseException, because that code might catch an Exception."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"stopped after {seconds:g} s; check for an endless loop")
