"""Errors that the user can fix."""


class UserError(Exception):
    """One line that says what is wrong, with which value, and what to do.

    It is shown without a traceback, and the command exits with status 1.
    """

    exit_code = 1


class UntrustedSource(UserError):
    """The run's network is code from someone else; it is not executed until the user has agreed."""


class UsageError(UserError):
    """An argument is invalid, such as an unknown recipe or a batch size of 0; the command exits with status 2."""

    exit_code = 2
