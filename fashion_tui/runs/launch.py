"""Start a run's trainer, and ask it to pause, resume, stop or save a checkpoint."""

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
from fashion_tui.schema.events import RequestHandled, Warned
from fashion_tui.schema.fields import check_fields
from fashion_tui.schema.recipe import check_epochs, check_recipe, check_validation
from fashion_tui.schema.run import CheckpointRef, ControlAction, RunConfig, RunSummary, State
from fashion_tui.schema.text import one_line

from . import queue as queues
from .checkpoints import Report, ignore
from .errors import DamagedRun, NotTrained, reason
from .folder import UnsafeFile
from .follow import LogReplaced
from .layout import CONFIG_FILE, CONTROL_FOLDER
from .lock import LockHeld
from .reader import RunReader
from .run import LOG_MARK, Run
from .spare import SpareTrainer, trainer_environment
from .store import summarise

TRAINER = (sys.executable, "-P", "-u", "-m", "fashion_tui.trainer")
"""-P keeps files in the working directory from shadowing modules; -u makes the trainer write its log immediately."""

SPARE_TIMEOUT = 60.0
"""Timeout, in seconds, for a spare trainer to begin a run. After that, another trainer is started."""

QUEUE_TIMEOUT = 30.0
"""Timeout, in seconds, for a trainer to add its run to the queue. For a GPU, torch must be imported first."""

POLL_SECONDS = 0.02

ANSWER_TAIL_BYTES = 256 << 10
"""How many bytes at the end of the log to search for the answer to a request."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a run after a request."""

    run: str
    path: str
    state: State
    from_step: int
    """The run's current step or, if a trainer was started, the step of the checkpoint that it resumes from."""
    pid: int | None
    """Process id of the live trainer."""


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
    _require_trained(run, "resumed")
    while run.is_live() and not run.is_locked():
        time.sleep(POLL_SECONDS)  # wait until the new trainer takes the lock or ends
    if run.is_locked():
        return _resume_live(run, epochs, timeout)
    summary = summarise(run, trust_heartbeat=False)
    if summary.state == "finished" and (epochs is None or epochs <= summary.epoch):
        return _outcome(run, summary)
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
    steps_per_epoch = summary.total_steps // max(summary.epochs, 1)
    return math.ceil(checkpoint.step / steps_per_epoch) if steps_per_epoch else checkpoint.epoch


def pause(run: Run, *, timeout: float = 30.0) -> Outcome:
    """Pause a run. Its trainer stays in memory. Raises UserError if no live trainer answers in time."""
    _require_trained(run, "paused")
    _require_live(run, "paused")
    _require_started(run, "paused")
    summary = summarise(run)
    if summary.state == "paused":
        return _outcome(run, summary)
    return _outcome_of(run, _request(run, "pause", timeout), "paused")


def checkpoint(run: Run, *, timeout: float = 30.0) -> Outcome:
    """Save a checkpoint now. Raises UserError if no live trainer answers in time."""
    _require_trained(run, "checkpointed")
    _require_live(run, "checkpointed")
    _require_started(run, "checkpointed")
    return _outcome_of(run, _request(run, "checkpoint", timeout))


def stop(run: Run, *, timeout: float = 60.0) -> Outcome:
    """Save a checkpoint, stop the run and wait for its trainer to end. A run that has ended isn't changed.

    A script that logs a run is asked to end. Raises UserError if the trainer or script hasn't ended within `timeout`
    seconds, or if the trainer ended without saving its last steps.
    """
    run.check_writable()
    was_live = run.is_live()
    if was_live:
        _leave_request(run, "stop")
        deadline = time.monotonic() + timeout
        while run.is_live():
            if time.monotonic() >= deadline:
                raise UserError(_script_continues(run, timeout) if run.is_logged else _no_answer(run, "stop", timeout))
            time.sleep(POLL_SECONDS)
    summary = summarise(run, trust_heartbeat=False)
    if was_live and not run.is_logged and summary.state != "finished":
        newest = run.checkpoints.latest()
        saved = newest.step if newest else 0
        if saved < summary.step:
            raise UserError(
                f"run {run.id!r} is {summary.state} at step {summary.step:,}, but the steps after {saved:,} aren't "
                f"saved: {run.last_log_line() or 'the disk may be full'}"
            )
    return _outcome(run, summary)


def request_stop(run: Run) -> None:
    """Ask the trainer to stop, without waiting for it. Raises UserError if the request can't be written."""
    _leave_request(run, "stop")


def wait_for_answer(run: Run, request: str, timeout: float) -> RequestHandled | None:
    """Return the trainer's answer to a request, or None if there is none within `timeout` seconds.

    Return early if the trainer has ended, or has removed the request without an answer because it couldn't carry out
    the request.
    """
    deadline = time.monotonic() + timeout
    follower = run.follow_events(last_bytes=ANSWER_TAIL_BYTES)
    while True:
        # Check this before reading the log, so that an answer written before the check is certain to be read.
        is_last = time.monotonic() >= deadline or not run.control.is_pending(request) or not run.is_live()
        try:
            for event in follower.events():
                if isinstance(event, RequestHandled) and event.request == request:
                    return event
        except LogReplaced:
            follower = run.follow_events(last_bytes=ANSWER_TAIL_BYTES)
            continue
        except OSError:
            pass  # try again: the file system may become available before the timeout
        if is_last:
            return None
        time.sleep(POLL_SECONDS)


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
        return _outcome(run, summary)
    return _outcome_of(run, _request(run, "resume", timeout), "running")


def _require_trained(run: Run, participle: str) -> None:
    run.check_writable()
    if run.is_logged:
        raise NotTrained(run.id, f"it can be stopped, but not {participle}")


def _script_continues(run: Run, timeout: float) -> str:
    return (
        f"run {run.id!r} was asked to stop, but its script hasn't ended within {timeout:g} s; the script must end its "
        "loop when run.should_stop is true"
    )


def _require_live(run: Run, participle: str) -> None:
    if not run.is_live():
        state = summarise(run, trust_heartbeat=False).state
        raise UserError(f"run {run.id!r} is {state}; only a live run can be {participle}")


def _require_started(run: Run, participle: str) -> None:
    """Raise UserError if the run is queued. The trainer would refuse the request, too, but only at its next check."""
    if summarise(run).state == "queued":
        raise UserError(f"run {run.id!r} is queued; it can be stopped, but not {participle}")


def _leave_request(run: Run, action: ControlAction) -> str:
    try:
        return run.control.request(action)
    except UnsafeFile as error:
        raise DamagedRun(run.id, f"{CONTROL_FOLDER} can't be opened: {reason(error)}") from error
    except OSError as error:
        raise UserError(f"can't ask run {run.id!r} to {action}: {str(run.path)!r}: {reason(error)}") from error


def _request(run: Run, action: ControlAction, timeout: float) -> RequestHandled:
    request = _leave_request(run, action)
    if (answer := wait_for_answer(run, request, timeout)) is not None:
        return answer
    last = run.last_event()
    if isinstance(last, Warned) and not run.control.is_pending(request):
        raise UserError(f"run {run.id!r} couldn't {action}: {one_line(last.message)}")
    raise UserError(_no_answer(run, action, timeout))


def _no_answer(run: Run, action: ControlAction, timeout: float) -> str:
    if run.is_live():
        return f"run {run.id!r} hasn't answered the request to {action} within {timeout:g} s; try again later"
    state = summarise(run, trust_heartbeat=False).state
    return f"run {run.id!r} ended before it could {action}; it is {state}"


def _outcome_of(run: Run, answer: RequestHandled, state: State | None = None) -> Outcome:
    """Return the outcome of a request. The answer and `state` take precedence over the status, which may be old."""
    outcome = _outcome(run, summarise(run))
    return msgspec.structs.replace(outcome, from_step=answer.step, state=state or outcome.state)


def _outcome(run: Run, summary: RunSummary) -> Outcome:
    process = run.lock_holder() if run.is_locked() else None
    return Outcome(
        run=summary.run,
        path=summary.path,
        state=summary.state,
        from_step=summary.step,
        pid=process.pid if process else None,
    )
