"""The trainer process: take the run's lock, start the heartbeat, train, and report the end."""

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from fashion_tui.machine.gpus import resolves_to_cpu
from fashion_tui.machine.host import boot_id, host_name, process_start_time
from fashion_tui.runs.errors import DamagedRun
from fashion_tui.runs.run import Run
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import Failed, Stopped
from fashion_tui.schema.run import RunStatus, State

from .on_end import run_command
from .queue import DeviceQueue
from .reporting import EventLog, StatusUpdater, print_line, print_traceback
from .stopping import StepFailed, StopSignals, StopTraining

if TYPE_CHECKING:
    from fashion_tui.lab.data.datasets import Dataset

    LoadDataset = Callable[[DatasetRef], Dataset]


def load_dataset(ref: DatasetRef) -> "Dataset":
    from fashion_tui.lab.data.datasets import load  # noqa: PLC0415 - imports torch

    return load(ref)


def run_trainer(run: Run, epochs: int | None, load: "LoadDataset", *, queue: bool = False) -> int:
    """Train a run. Return the exit status: 0 if the run finished or was stopped, 1 if it failed.

    If `queue` is true, first wait until no other run in the runs folder uses the device. Raises UserError without
    changing the run if its lock is held or its configuration can't be read.
    """
    signals = StopSignals()
    signals.install()
    with run.lock(), DeviceQueue(run) as devices:
        status = StatusUpdater(run, _first_status(run, epochs, "queued" if queue else "starting"))
        status.start()
        try:
            log = EventLog(run, status)
            try:
                code = _train(run, epochs, log=log, signals=signals, load=load, devices=devices, queue=queue)
            finally:
                log.close()
        finally:
            status.close()
        if "torch" in sys.modules:
            from .devices import free_gpu_memory  # noqa: PLC0415 - imports torch

            free_gpu_memory()
    run_command(run, status.status)
    return code


def _first_status(run: Run, epochs: int | None, state: State) -> RunStatus:
    """Return the status shown while the run waits in the queue, or while torch, the data and the network load.

    It contains the progress of the earlier trainer, if any, and identifies this process.
    """
    try:
        before = run.read_status()
    except DamagedRun:
        before = None
    return RunStatus(
        state=state,
        step=before.step if before else 0,
        steps_per_epoch=before.steps_per_epoch if before else 0,
        epoch=before.epoch if before else 0,
        epochs=epochs or (before.epochs if before else run.config.recipe.epochs),
        heartbeat=time.time(),
        pid=os.getpid(),
        pid_started=process_start_time(),
        boot_id=boot_id(),
        host=host_name(),
        train_seconds=before.train_seconds if before else 0.0,
    )


def _train(  # noqa: PLR0913
    run: Run,
    epochs: int | None,
    *,
    log: EventLog,
    signals: StopSignals,
    load: "LoadDataset",
    devices: DeviceQueue,
    queue: bool,
) -> int:
    """Train, and record in the log and the status how the run ended. Return the exit status."""
    status = log.status
    try:
        if queue:
            devices.join()
            devices.wait(log, signals)
        elif resolves_to_cpu(run.config.device):
            devices.occupy("cpu")
        started = time.monotonic()
        # Imported after taking the lock and writing the first heartbeat, because importing torch takes seconds.
        from .session import Job, train  # noqa: PLC0415

        finished = train(Job(run, epochs, log, status, signals, load, devices, started))
    except StopTraining as stop:
        step, epoch = status.status.step, status.status.epoch
        log.write(Stopped(time=time.time(), step=step, epoch=epoch, reason=stop.reason))
        status.update(state="stopped", images_per_second=0.0)
        return 0
    except Exception as error:  # noqa: BLE001 - every error has to reach the viewers of the run
        cause, step = (error.error, error.step) if isinstance(error, StepFailed) else (error, status.status.step)
        message = str(cause)
        if not isinstance(cause, UserError):
            print_traceback(cause)
            message = _in_one_line(cause)
        log.write(Failed(time=time.time(), step=step, message=message))
        status.update(state="failed", message=message, images_per_second=0.0)
        print_line(message)
        return 1
    log.write(finished)
    accuracy = None if isinstance(finished.test_accuracy, str) else finished.test_accuracy
    status.update(
        state="finished",
        message=status.status.message if accuracy is None else None,  # the message says why the accuracy is unknown
        test_accuracy=accuracy,
        train_seconds=finished.train_seconds,
        images_per_second=finished.images_per_second,
    )
    return 0


def _in_one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    kind = type(error).__name__
    return f"{kind}: {lines[0]} (more in trainer.log)" if lines else f"{kind} (more in trainer.log)"
