"""Exit statuses of the commands."""

DONE = 0
FAILED = 1
INTERRUPTED = 130
"""After Ctrl-C."""
