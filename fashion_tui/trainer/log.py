"""The run's log, as the trainer writes it."""

import time

import msgspec

from fashion_tui.runs.run import Run
from fashion_tui.schema.events import EpochEnd, RunEvent, StepChunk, Warned

from .console import say
from .status import StatusBoard

Figures = StepChunk | EpochEnd


class RunLog:
    """Writes events, and never fails for a full disk: what can't be written waits, and checkpoints keep it too."""

    def __init__(self, run: Run, board: StatusBoard) -> None:
        self.board = board
        self._writer = run.event_writer()
        self._unwritten: list[Figures] = []
        self._problem: str | None = None

    @property
    def continues(self) -> bool:
        """Whether an earlier trainer of this run has written into it."""
        return self._writer.is_continued

    def write(self, event: RunEvent) -> None:
        if isinstance(event, Figures):
            self._unwritten.append(event)
        self._settle(written=self._writer.write(event))

    def report(self, message: str) -> None:
        """Tells the person of something that needs them, while the training goes on."""
        say(message)
        self.board.update(message=message)
        self.write(Warned(time=time.time(), message=message))

    def sync(self) -> list[str]:
        """Waits until all is on the disk; the figures for which that fails, encoded for a checkpoint to keep."""
        self._settle(written=self._writer.sync())
        return [msgspec.json.encode(figures).decode() for figures in self._unwritten]

    def close(self) -> None:
        self._settle(written=self._writer.close())

    def _settle(self, *, written: bool) -> None:
        if written:
            self._unwritten.clear()
        if self._writer.problem != self._problem:
            self._problem = self._writer.problem
            if self._problem is not None:
                self.report(f"the log can't be written, the training goes on: {self._problem}")


def decode_figures(texts: list[str]) -> list[Figures]:
    """What `RunLog.sync` gave back."""
    return [msgspec.json.decode(text, type=Figures) for text in texts]
