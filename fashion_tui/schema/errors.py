"""Errors that a person can mend."""


class UserError(Exception):
    """One line: what is wrong, with what value, and what to do. Shown without a traceback; the command exits 1."""

    exit_code = 1


class UntrustedSource(UserError):
    """A run's network is code from elsewhere, which is executed only once the person has said so."""


class UsageError(UserError):
    """The words of the call are wrong (an unknown recipe, a batch size of 0); the command exits 2."""

    exit_code = 2
