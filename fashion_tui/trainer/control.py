"""What others ask of a live trainer: by a file in the folder `control`, or by a signal."""

import time

from fashion_tui.runs.control import ControlRequest
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import RequestHandled

from .checkpoints import Checkpoints
from .endings import Stop, TrainingFailed
from .figures import StepFigures
from .signals import StopSignals

EVERY = 0.05
"""Seconds between two looks."""


class Control:
    """Looks for requests between two steps, and within a long one, and does what they say."""

    def __init__(self, run: Run, signals: StopSignals, figures: StepFigures, checkpoints: Checkpoints) -> None:
        self.signals = signals
        self.figures = figures
        self.checkpoints = checkpoints
        self._run = run
        self._paused = False
        self._due = 0.0

    @property
    def is_asked(self) -> bool:
        """Whether somebody waits for an answer."""
        return self.signals.received is not None or any(self._run.control.pending())

    def look(self) -> None:
        """Does what was asked since the last look; returns at once where that is not long ago, and late from a pause.

        Raises Stop, all being saved, where the run is to end; TrainingFailed where its folder was removed.
        """
        if time.monotonic() < self._due:
            return
        self._answer_all()
        while self._paused:
            time.sleep(EVERY)
            self._answer_all()
        self._due = time.monotonic() + EVERY

    def _answer_all(self) -> None:
        if self._run.folder.is_removed:
            raise TrainingFailed("the run's folder was removed")
        if self.signals.received is not None:
            self._save("stop")
            raise Stop(self.signals.received)
        for request in self._run.control.pending():
            self._answer(request)

    def _answer(self, request: ControlRequest) -> None:
        done = True
        if request.action == "pause":
            self._pause()
        elif request.action == "resume":
            self._go_on()
        elif request.action == "checkpoint":
            done = self._save("asked")
        else:
            self._save("stop")
        if done:
            step = self.checkpoints.training.step
            answer = RequestHandled(time=time.time(), action=request.action, request=request.id, step=step)
            self.checkpoints.log.write(answer)
        self._run.control.finish(request)
        if request.action == "stop":
            raise Stop("asked")

    def _pause(self) -> None:
        if not self._paused:
            self.figures.flush()
            self.figures.stop_clock()
            self._paused = True
            self.figures.board.update(state="paused", images_per_second=0.0)

    def _go_on(self) -> None:
        if self._paused:
            self._paused = False
            self.figures.restart_clock()
            self.figures.board.update(state="running")

    def _save(self, reason: str) -> bool:
        self.figures.flush()
        return self.checkpoints.save(reason)
