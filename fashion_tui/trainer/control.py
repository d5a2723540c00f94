"""Requests to a live trainer: files in the folder `control`, and signals."""

import time

from fashion_tui.runs.control import ControlRequest
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import RequestHandled

from .checkpoints import CheckpointSaver
from .metrics import StepMetrics
from .stopping import StopSignals, StopTraining, TrainingFailed

POLL_PERIOD = 0.05
"""Seconds between polls of the folder `control`."""


class Control:
    """Handles requests between steps and during long steps."""

    def __init__(self, run: Run, signals: StopSignals, metrics: StepMetrics, checkpoints: CheckpointSaver) -> None:
        self.signals = signals
        self.metrics = metrics
        self.checkpoints = checkpoints
        self._run = run
        self._is_paused = False
        self._due = 0.0

    @property
    def has_request(self) -> bool:
        """Whether a request is waiting."""
        return self.signals.received is not None or any(self._run.control.pending())

    def poll(self) -> None:
        """Handle pending requests, at most once every POLL_PERIOD seconds. Block while the run is paused.

        If a stop is requested, save a checkpoint and raise StopTraining. Raises TrainingFailed if the run's folder was
        removed.
        """
        if time.monotonic() < self._due:
            return
        self._handle_all()
        while self._is_paused:
            time.sleep(POLL_PERIOD)
            self._handle_all()
        self._due = time.monotonic() + POLL_PERIOD

    def _handle_all(self) -> None:
        if self._run.folder.is_removed:
            raise TrainingFailed("the run's folder was removed")
        if self.signals.received is not None:
            self._save("stop")
            raise StopTraining(self.signals.received)
        for request in self._run.control.pending():
            self._handle(request)

    def _handle(self, request: ControlRequest) -> None:
        succeeded = True
        if request.action == "pause":
            self._pause()
        elif request.action == "resume":
            self._resume()
        elif request.action == "checkpoint":
            succeeded = self._save("asked")
        else:
            self._save("stop")
        if succeeded:
            step = self.checkpoints.training.step
            answer = RequestHandled(time=time.time(), action=request.action, request=request.id, step=step)
            self.checkpoints.log.write(answer)
        self._run.control.finish(request)
        if request.action == "stop":
            raise StopTraining("asked")

    def _pause(self) -> None:
        if not self._is_paused:
            self.metrics.flush()
            self.metrics.stop_clock()
            self._is_paused = True
            self.metrics.status.update(state="paused", images_per_second=0.0)

    def _resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self.metrics.restart_clock()
            self.metrics.status.update(state="running")

    def _save(self, reason: str) -> bool:
        self.metrics.flush()
        return self.checkpoints.save(reason)
