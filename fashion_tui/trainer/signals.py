"""Signals that ask a trainer to end."""

import signal
from types import FrameType


class StopSignals:
    """Remembers SIGTERM and SIGINT, to be looked at between two steps. SIGHUP, a lost terminal, is ignored."""

    def __init__(self) -> None:
        self.received: str | None = None
        """The name of the first signal that came; None where none did."""

    def install(self) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._remember)
        signal.signal(signal.SIGINT, self._remember)

    def _remember(self, number: int, _: FrameType | None) -> None:
        self.received = self.received or signal.Signals(number).name
