"""Start the trainer of a run, and resume a run."""

import math
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from fashion_tui.machine.gpus import resolves_to_cpu
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.fields import check_fields
from fashion_tui.schema.recipe_checks import check_epochs, check_recipe, check_validation
from fashion_tui.schema.run import CheckpointRef, RunConfig, RunSummary, State
from fashion_tui.schema.text import one_line

from . import queue as queues
from .checkpoints import Report, ignore
from .errors import DamagedRun, reason
from .layout import CONFIG_FILE
from .lock import LockHeld
from .reader import RunReader
from .requests import POLL_SECONDS, Outcome, outcome_of, outcome_of_answer, require_trained, send
from .run import LOG_MARK, Run
from .spare import SpareTrainer, trainer_environment
from .store import summarise

TRAINER = (sys.executable, "-P", "-u", "-m", "fashion_tui.trainer")
"""-P keeps files in the working directory from shadowing modules; -u makes the trainer write its log immediately."""

SPARE_TIMEOUT = 60.0
"""Timeout, in seconds, for a spare trainer to begin a run. After that, another trainer is started."""

QUEUE_TIMEOUT = 30.0
"""Timeout, in seconds, for a trainer to add its run to the queue. For a GPU, torch must be imported first."""


def launch(run: Run, epochs: int | None = None, spare: SpareTrainer | None = None, *, queue: bool = False) -> int:
    """Start a trainer that is independent of this process and its terminal, and return its process id.

    `epochs` replaces the configured number of epochs. If `spare` has a waiting trainer, that trainer is used. If
    `queue` is true, the trainer waits until no other run uses the device. This function then returns as soon as the run
    is in the queue, so that a run that is started next is queued behind it. Requests to an earlier trainer are removed.
    Raises LockHeld if a trainer is live, DamagedRun and UserError if the directory can't be read or written, and
    UntrustedSource if the custom model isn't trusted.
    """
    config = run.config
    _check(run, config)
    run.trusted_model()  # fail early; the trainer checks again before it executes the model
    if run.is_locked():
        raise LockHeld(run.folder)
    try:
        run.control.clear()
        run.folder.remove_temporary_files()
        queues.remove_entries(run.path)
        _mark_started(run, config.recipe.epochs if epochs is None else epochs, "queued" if queue else "starting")
        with open(run.open_log(), "ab", buffering=0) as log, suppress(OSError):  # noqa: PTH123 - a descriptor
            # Ignore errors: writing fails if the disk is full, but the trainer can still start.
            log.write(f"{LOG_MARK} {time.strftime('%Y-%m-%d %H:%M:%S %z')}\n".encode())
        use_spare = spare is not None and not (queue and _must_wait(run))
        spare_process = spare.train(run, epochs, queue=queue) if spare is not None and use_spare else None
        process = spare_process or _start_trainer(run, epochs, queue=queue)
    except OSError as error:
        raise UserError(f"can't start a trainer in {str(run.path)!r}: {reason(error)}") from error
    if spare_process is None:
        _wait_in_background(process)
    else:
        arguments = (run.path, epochs, queue, spare_process)
        threading.Thread(target=_watch_spare, args=arguments, name=f"watch {process.pid}", daemon=True).start()
    if queue:
        _wait_until_queued(run, process)
    return process.pid


def _must_wait(run: Run) -> bool:
    """Return whether a queued run may have to wait. A spare trainer shouldn't wait: with torch, it uses much memory."""
    return not (resolves_to_cpu(run.config.device) and queues.is_device_free(run.path.parent, "cpu"))


def _wait_until_queued(run: Run, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the run has a place in the queue, has started because the device is free, or has ended."""
    deadline = time.monotonic() + QUEUE_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        if queues.find_place(run.path) is not None or run.read_status().state != "queued":
            break
        time.sleep(POLL_SECONDS)


def _start_trainer(run: Run, epochs: int | None, *, queue: bool) -> "subprocess.Popen[bytes]":
    command = [*TRAINER, str(run.path), *(["--queue"] if queue else [])]
    command += [] if epochs is None else ["--epochs", str(epochs)]
    with open(run.open_log(), "ab", buffering=0) as log:  # noqa: PTH123 - a descriptor
        # The trainer runs in a new session, so that a hangup or Ctrl-C in the terminal doesn't reach it.
        # The output goes to a file because writing to a pipe without a reader would kill the trainer.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=run.path,
            env=trainer_environment(),
        )


def _wait_in_background(process: "subprocess.Popen[bytes]") -> None:
    """Wait in a thread for the trainer to end. Otherwise, the ended trainer would remain a zombie process."""
    threading.Thread(target=process.wait, name=f"wait for trainer {process.pid}", daemon=True).start()


def _watch_spare(path: Path, epochs: int | None, queue: bool, process: "subprocess.Popen[bytes]") -> None:  # noqa: FBT001
    """Replace the spare trainer if it doesn't begin the run in time. Then wait for the run's trainer to end."""
    deadline = time.monotonic() + SPARE_TIMEOUT
    with suppress(OSError, UserError), Run(path) as run:
        while process.poll() is None and not run.is_locked():
            if time.monotonic() >= deadline:
                process.kill()
                process.wait()
                process = _start_trainer(run, epochs, queue=queue)
                break
            time.sleep(POLL_SECONDS)
    process.wait()


class InexactResume(UserError):
    """Raised when a resumed run would differ from an uninterrupted one because state is missing from the checkpoint."""

    def __init__(self, run: str, unsaved: tuple[str, ...]) -> None:
        self.unsaved = one_line(", ".join(unsaved))
        """Names of the missing values, separated by commas."""
        super().__init__(
            f"the checkpoint of run {run!r} is missing part of the network's state ({self.unsaved}), so the resumed "
            "run would differ from an uninterrupted one; resume it anyway with --inexact"
        )


def resume(  # noqa: PLR0913
    run: Run,
    epochs: int | None = None,
    *,
    queue: bool = False,
    inexact: bool = False,
    timeout: float = 30.0,
    warn: Report = ignore,
) -> Outcome:
    """Resume a paused run, or start a trainer if none is live. A running or queued run is left unchanged.

    If `queue` is true, a new trainer first waits until no other run uses the device.

    A finished run continues only if `epochs` is greater than its number of completed epochs. `warn` is called with a
    message about each damaged checkpoint, and if training starts again from step 0 because no checkpoint is intact.
    Raises UserError if a paused trainer doesn't answer within `timeout` seconds, if a live trainer trains a different
    number of epochs, or if the run has already begun more than `epochs` epochs. Raises InexactResume if part of a
    custom model's state is missing from the checkpoint and `inexact` is False.
    """
    if epochs is not None:
        check_epochs(epochs)
    require_trained(run, "resumed")
    while run.is_live() and not run.is_locked():
        time.sleep(POLL_SECONDS)  # wait until the new trainer takes the lock or ends
    if run.is_locked():
        return _resume_live(run, epochs, timeout)
    summary = summarise(run, trust_heartbeat=False)
    if summary.state == "finished" and (epochs is None or epochs <= summary.epoch):
        return outcome_of(run, summary)
    newest = run.checkpoints.latest(warn)
    if newest is None and summary.step:
        warn(f"run {run.id!r} reached step {summary.step:,} but has no intact checkpoint; it starts again from step 0")
    if epochs is not None and newest is not None and epochs < (fewest := _epochs_begun(newest, summary)):
        raise UserError(
            f"epochs is {epochs}, but the newest checkpoint of run {run.id!r} is at step {newest.step:,}, in epoch "
            f"{fewest}; ask for at least {fewest}"
        )
    if newest is not None and newest.unsaved and not inexact:
        raise InexactResume(run.id, newest.unsaved)
    # Pass the number of epochs even if it is the configured one, because the checkpoint may contain a larger number.
    pid = launch(run, epochs or summary.epochs or None, queue=queue)
    from_step = newest.step if newest else 0
    state: State = "queued" if queue else "starting"
    return Outcome(run=run.id, path=str(run.path), state=state, from_step=from_step, pid=pid)


def _epochs_begun(checkpoint: CheckpointRef, summary: RunSummary) -> int:
    """Return the number of epochs begun before a checkpoint. A resumed run must have at least this many epochs."""
    epochs = summary.epoch if summary.state == "finished" else summary.epochs
    steps_per_epoch = summary.total_steps // max(epochs, 1)
    return math.ceil(checkpoint.step / steps_per_epoch) if steps_per_epoch else checkpoint.epoch


def _check(run: Run, config: RunConfig) -> None:
    """Raise DamagedRun if a file is unsafe, or if a value is invalid because a user edited the configuration."""
    run.check()
    try:
        check_recipe(config.recipe, is_custom=config.source is not None)
        check_validation(config.recipe, config.validation)
        check_fields(config)
    except UsageError as error:
        raise DamagedRun(run.id, f"{CONFIG_FILE}: {error}") from error


def _mark_started(run: Run, epochs: int, state: State) -> None:
    try:
        status = run.read_status()
    except DamagedRun:
        status = RunReader(run).poll().status
    starting = msgspec.structs.replace(
        status,
        state=state,
        epochs=epochs,
        heartbeat=time.time(),
        pid=None,
        pid_started=None,
        test_accuracy=None,
        message=None,
    )
    run.write_status(starting)


def _resume_live(run: Run, epochs: int | None, timeout: float) -> Outcome:
    summary = summarise(run)
    if epochs is not None and epochs != summary.epochs:
        raise UserError(f"run {run.id!r} is training {summary.epochs} epochs; stop it first, then resume with {epochs}")
    if summary.state != "paused":
        return outcome_of(run, summary)
    return outcome_of_answer(run, send(run, "resume", timeout), "running")
