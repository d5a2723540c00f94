"""Wait until the device of a run is free, before torch is imported."""

import subprocess
import sys
import time
from contextlib import suppress
from typing import Self

from fashion_tui.machine.gpus import resolves_to_cpu
from fashion_tui.runs.errors import reason
from fashion_tui.runs.queue import QueueEntry
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import RequestHandled, Warned

from .reporting import EventLog
from .stopping import StopSignals, StopTraining, TrainingFailed

POLL_PERIOD = 0.5
"""Seconds between checks whether the device is free."""

DEVICE_COMMAND = (sys.executable, "-P", "-m", "fashion_tui.trainer", "--find-device")


class DeviceQueue:
    """A context manager for the entry of a run in the queue of its device. It removes the entry on exit."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._entry: QueueEntry | None = None
        self.device: str | None = None
        """The device that the run has waited for, or None if it hasn't waited and the configuration decides."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._entry is not None:
            self._entry.remove()

    def join(self) -> None:
        """Add the run at the end of the queue. Raises UserError if that fails."""
        self.device, key = find_device(self._run.config.device)
        try:
            self._entry = QueueEntry(self._run.path, key, waits=True)
        except OSError as error:
            folder = str(self._run.path.parent)
            raise UserError(f"can't add the run to the queue in {folder!r}: {reason(error)}") from error

    def wait(self, log: EventLog, signals: StopSignals) -> None:
        """Wait until no other run trains on the device and all runs before this one have started.

        Raises StopTraining if the run is stopped, and TrainingFailed if the run's folder is removed.
        """
        assert self._entry is not None  # noqa: S101 - for the type checker
        problem = ""
        while True:
            try:
                if self._entry.try_start():
                    break
            except OSError as error:  # try again: the file system may become available
                if problem != (problem := reason(error)):
                    log.report(f"the queue can't be read: {problem}")
            _handle_requests(self._run, log, signals)
            time.sleep(POLL_PERIOD)
        log.status.update(state="starting")

    def occupy(self, key: str) -> None:
        """Make queued runs wait for this run, which trains on a device without waiting.

        Do nothing if the run has waited for a device. Errors are ignored, because the run can train without an entry.
        """
        if self._entry is None:
            with suppress(OSError):
                self._entry = QueueEntry(self._run.path, key, waits=False)


def _handle_requests(run: Run, log: EventLog, signals: StopSignals) -> None:
    if run.folder.is_removed:
        raise TrainingFailed("the run's folder was removed")
    if signals.received is not None:
        raise StopTraining(signals.received)
    for request in run.control.pending():
        now = time.time()
        if request.action == "stop":
            step = log.status.status.step
            log.write(RequestHandled(time=now, action="stop", request=request.id, step=step))
        else:
            log.write(Warned(time=now, message=f"a queued run can't {request.action}; it can be stopped"))
        run.control.finish(request)
        if request.action == "stop":
            raise StopTraining("asked")


def find_device(name: str) -> tuple[str, str]:
    """Return the device that torch selects for a name such as `auto`, and its key: `cpu`, `mps` or `gpu-UUID`.

    For a GPU, this takes seconds: a child process imports torch, so that this process needs little memory while it
    waits. Raises UserError if torch can't use the device.
    """
    if resolves_to_cpu(name):
        return "cpu", "cpu"
    answer = subprocess.run([*DEVICE_COMMAND, name], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    lines = (answer.stdout if answer.returncode == 0 else answer.stderr).decode(errors="replace").split("\n")
    if answer.returncode != 0:
        raise UserError(next((line for line in reversed(lines) if line.strip()), "torch can't be imported"))
    device, _, key = lines[0].partition(" ")
    return device, key
