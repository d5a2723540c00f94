"""Names of signals."""

import signal


def signal_name(number: int) -> str:
    """Return the name of a signal, such as `SIGTERM`, or `signal 40` if it has none, like most real-time signals."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
