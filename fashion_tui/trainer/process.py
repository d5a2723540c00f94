"""The life of a trainer: it takes the run's lock, says that it lives, trains, and says how that ended."""

import os
import time
from pathlib import Path

from fashion_tui.machine.host import boot_id, host_name, process_start_time
from fashion_tui.runs.errors import DamagedRun
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import Failed, Stopped
from fashion_tui.schema.run import RunStatus

from .console import say, say_traceback
from .endings import Stop
from .log import RunLog
from .preparation import Preparation
from .signals import StopSignals
from .status import StatusBoard


def run_trainer(run_path: Path, epochs: int | None, preparation: Preparation) -> int:
    """Trains the run; the exit status: 0 where it finished or was stopped, 1 where it failed.

    A run that another trainer holds, or whose configuration can't be read, isn't touched.
    """
    signals = StopSignals()
    signals.install()
    try:
        with Run(run_path) as run, run.lock():
            board = StatusBoard(run, _starting(run, epochs))
            board.start()
            try:
                log = RunLog(run, board)
                try:
                    return _train(run, epochs, log=log, signals=signals, preparation=preparation)
                finally:
                    log.close()
            finally:
                board.close()
    except UserError as error:
        say(str(error))
        return error.exit_code


def _starting(run: Run, epochs: int | None) -> RunStatus:
    """The status while torch, data and network are loaded: where the run stood before, and that this process has it."""
    try:
        before = run.read_status()
    except DamagedRun:
        before = None
    return RunStatus(
        state="starting",
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


def _train(run: Run, epochs: int | None, *, log: RunLog, signals: StopSignals, preparation: Preparation) -> int:
    """Trains, and writes into log and status how that ended."""
    board, taken = log.board, time.monotonic()
    try:
        # Only now, with the lock held and the first heartbeat written: it imports torch, which takes seconds.
        from .session import Orders, train  # noqa: PLC0415

        finished = train(Orders(run, epochs, log, board, signals, preparation, taken))
    except Stop as stop:
        status = board.status
        log.write(Stopped(time=time.time(), step=status.step, epoch=status.epoch, reason=stop.reason))
        board.update(state="stopped", images_per_second=0.0)
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it is, the run's viewers are to read it
        message = str(error)
        if not isinstance(error, UserError):
            say_traceback(error)
            message = _in_one_line(error)
        log.write(Failed(time=time.time(), step=board.status.step, message=message))
        board.update(state="failed", message=message, images_per_second=0.0)
        say(message)
        return 1
    log.write(finished)
    board.update(
        state="finished",
        message=None,
        test_accuracy=finished.test_accuracy,
        train_seconds=finished.train_seconds,
        images_per_second=finished.images_per_second,
    )
    return 0


def _in_one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    kind = type(error).__name__
    return f"{kind}: {lines[0]} (more in trainer.log)" if lines else f"{kind} (more in trainer.log)"
