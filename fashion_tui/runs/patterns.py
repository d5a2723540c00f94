"""Regular expressions with a time limit. A search for `(a|a)+b` in a few dozen letters `a` could take years."""

import time

import regex

MAX_SECONDS = 0.5
"""CPU time that all searches of a pattern may take together."""


class Pattern:
    """A regular expression that ignores letter case. Raises ValueError if it is invalid."""

    def __init__(self, expression: str) -> None:
        try:
            self._compiled = regex.compile(expression, regex.IGNORECASE)
        except (regex.error, RecursionError, OverflowError, MemoryError) as error:
            raise ValueError(str(error)) from None
        self._seconds_left = MAX_SECONDS

    def found_in(self, text: str) -> bool:
        """Return whether a part of the text matches. Raises TimeoutError if the searches have taken MAX_SECONDS."""
        if self._seconds_left <= 0:
            raise TimeoutError
        started = time.thread_time()
        try:
            return self._compiled.search(text, timeout=self._seconds_left) is not None
        finally:
            self._seconds_left -= time.thread_time() - started
