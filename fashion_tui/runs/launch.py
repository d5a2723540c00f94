"""Starting a trainer, and the four things that a person asks of a run."""

import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.events import RequestHandled, Warned
from fashion_tui.schema.recipe import check_recipe
from fashion_tui.schema.run import ControlAction, RunConfig, RunSummary, State, check_run_values

from .checkpoints import CheckpointStore
from .control import ask, clear, is_waiting, wait_answered
from .environment import trainer_environment
from .events import last_event
from .files import open_to_read, remove_unfinished
from .lock import LockHeld, holder, is_held
from .reader import RunReader
from .records import CONFIG_FILE, LOG_FILE, DamagedRun, load_config, load_status, write_status
from .stand_by import StandBy
from .state import is_live
from .store import summarise
from .text import one_line, reason
from .trust import trusted_network

LOG_MARK = "---- trainer started"
"""Begins the line that stands in the log before a trainer's own."""

TRAINER = (sys.executable, "-P", "-u", "-m", "fashion_tui.trainer")
"""-P: no file in the working directory can stand in for a module. -u: the log is written at once."""

POLL_SECONDS = 0.02
LAST_WORDS_BYTES = 4096


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stands after what was asked of it."""

    run: str
    path: str
    state: State
    from_step: int
    """The step it is at; where a trainer was started, the step of the checkpoint that it goes on from."""
    pid: int | None
    """Of the live trainer."""


def launch(run_path: Path, epochs: int | None = None, stand_by: StandBy | None = None) -> int:
    """Start a trainer for the run, free of this process and its terminal; its pid.

    One that waits in `stand_by` is taken where there is one. `epochs` replaces the configured number. LockHeld where a
    trainer lives; UserError where the directory can't be read or written; UntrustedSource where its network is code
    from elsewhere. Requests that were left for an earlier trainer are taken away.
    """
    run_path = run_path.absolute()
    config = load_config(run_path)
    _check(run_path, config)
    trusted_network(run_path, config)  # the trainer asks again, of what it executes: here a person gets the answer
    if is_held(run_path):
        raise LockHeld(run_path)
    clear(run_path)
    remove_unfinished(run_path)
    command = [*TRAINER, str(run_path), *([] if epochs is None else ["--epochs", str(epochs)])]
    try:
        _mark_starting(run_path, config.recipe.epochs if epochs is None else epochs)
        with (run_path / LOG_FILE).open("ab", buffering=0) as log:
            with suppress(OSError):  # a full disk
                log.write(f"{LOG_MARK} {time.strftime('%Y-%m-%d %H:%M:%S %z')}\n".encode())
            # A session of its own: the terminal's hangup and its Ctrl-C don't reach it. Files, not pipes: a pipe whose
            # reader is gone kills its writer.
            process = stand_by.hand_over(run_path, epochs) if stand_by is not None else None
            process = process or subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=run_path,
                env=trainer_environment(),
            )
    except OSError as error:
        raise UserError(f"can't start a trainer in {str(run_path)!r}: {reason(error)}") from error
    # Someone has to take note of its end, or it stays as a zombie for as long as this process lives.
    threading.Thread(target=process.wait, name=f"wait for trainer {process.pid}", daemon=True).start()
    return process.pid


def resume(run_path: Path, epochs: int | None = None, *, timeout: float = 30.0) -> Outcome:
    """Let the run go on: a paused trainer is asked, where none lives one is started, on a running one nothing changes.

    A finished run stays as it is unless `epochs` asks for more than it has done. UserError where a paused trainer
    doesn't answer within `timeout` seconds, or `epochs` can't be had.
    """
    if epochs is not None and epochs < 1:
        raise UsageError(f"epochs is {epochs}; it must be 1 or more")
    config = load_config(run_path)
    while is_live(run_path) and not is_held(run_path):
        time.sleep(POLL_SECONDS)  # launched a moment ago: it takes its lock now, or is gone
    if is_held(run_path):
        return _resume_live(run_path, epochs, timeout)
    summary = summarise(run_path, trust_heartbeat=False)
    if summary.state == "finished" and (epochs is None or epochs <= summary.epoch):
        return _outcome(summary)
    if epochs is not None and epochs < summary.epoch:
        raise UserError(f"run {run_path.name!r} has done {summary.epoch} epochs already; ask for more than {epochs}")
    target = epochs or summary.epochs or config.recipe.epochs
    newest = CheckpointStore(run_path).latest()
    pid = launch(run_path, None if target == config.recipe.epochs else target)
    return Outcome(
        run=run_path.name,
        path=str(run_path),
        state="starting",
        from_step=newest.step if newest else 0,
        pid=pid,
    )


def pause(run_path: Path, *, timeout: float = 30.0) -> Outcome:
    """Let the trainer rest, its process kept. UserError where none lives or it doesn't answer in time (seconds)."""
    _need_live(run_path, "paused")
    summary = summarise(run_path)
    if summary.state == "paused":
        return _outcome(summary)
    return _answered(run_path, _request(run_path, "pause", timeout), "paused")


def checkpoint(run_path: Path, *, timeout: float = 30.0) -> Outcome:
    """Let the trainer save a checkpoint now. UserError where none lives or it doesn't answer in time (seconds)."""
    _need_live(run_path, "checkpointed")
    return _answered(run_path, _request(run_path, "checkpoint", timeout))


def stop(run_path: Path, *, timeout: float = 60.0) -> Outcome:
    """Let the trainer save a checkpoint and end, and wait for that; on a run that has ended nothing changes.

    UserError where it hasn't ended within `timeout` seconds, or ended without its last steps saved.
    """
    was_live = is_live(run_path)
    if was_live:
        ask(run_path, "stop")
        deadline = time.monotonic() + timeout
        while is_live(run_path):
            if time.monotonic() >= deadline:
                raise UserError(_unanswered(run_path, "stop", timeout))
            time.sleep(POLL_SECONDS)
    summary = summarise(run_path, trust_heartbeat=False)
    if was_live and summary.state != "finished":
        newest = CheckpointStore(run_path).latest()
        saved = newest.step if newest else 0
        if saved < summary.step:
            raise UserError(
                f"run {run_path.name!r} is {summary.state} at step {summary.step:,}, but what it learned after step "
                f"{saved:,} isn't saved: {last_words(run_path) or 'the disk may be full'}"
            )
    return _outcome(summary)


def last_words(run_path: Path) -> str | None:
    """The last line that the newest trainer left in `trainer.log`; None where there is none."""
    try:
        with open_to_read(run_path / LOG_FILE) as log:
            log.seek(max(0, log.seek(0, 2) - LAST_WORDS_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
    except OSError:
        return None
    last = next((line for line in reversed(lines) if line.strip()), LOG_MARK)
    return None if last.startswith(LOG_MARK) else one_line(last)


def _check(run_path: Path, config: RunConfig) -> None:
    """DamagedRun where a value can't work: the file may come from elsewhere, or have been edited."""
    try:
        check_recipe(config.recipe, written=config.source is not None)
        check_run_values(
            seed=config.seed,
            threads=config.threads,
            validation=config.validation,
            checkpoint_every=config.checkpoint_every,
        )
    except UsageError as error:
        raise DamagedRun(run_path, f"{CONFIG_FILE}: {error}") from error


def _mark_starting(run_path: Path, epochs: int) -> None:
    try:
        status = load_status(run_path)
    except DamagedRun:
        status = RunReader(run_path).poll().status
    starting = msgspec.structs.replace(
        status,
        state="starting",
        epochs=epochs,
        heartbeat=time.time(),
        pid=None,
        pid_started=None,
        test_accuracy=None,
        message=None,
    )
    write_status(run_path, starting)


def _resume_live(run_path: Path, epochs: int | None, timeout: float) -> Outcome:
    summary = summarise(run_path)
    if epochs is not None and epochs != summary.epochs:
        raise UserError(
            f"run {run_path.name!r} is training {summary.epochs} epochs; stop it first, then resume with {epochs}"
        )
    if summary.state != "paused":
        return _outcome(summary)
    return _answered(run_path, _request(run_path, "resume", timeout), "running")


def _need_live(run_path: Path, done: str) -> None:
    if not is_live(run_path):
        state = summarise(run_path, trust_heartbeat=False).state
        raise UserError(f"run {run_path.name!r} is {state}; only a live run can be {done}")


def _request(run_path: Path, action: ControlAction, timeout: float) -> RequestHandled:
    request = ask(run_path, action)
    if (answer := wait_answered(run_path, request, timeout)) is not None:
        return answer
    last = last_event(run_path)
    if isinstance(last, Warned) and not is_waiting(run_path, request):
        raise UserError(f"run {run_path.name!r} couldn't do {action!r}: {one_line(last.message)}")
    raise UserError(_unanswered(run_path, action, timeout))


def _unanswered(run_path: Path, action: ControlAction, timeout: float) -> str:
    if is_live(run_path):
        return f"run {run_path.name!r} hasn't answered {action!r} within {timeout:g} s; look at it again in a while"
    state = summarise(run_path, trust_heartbeat=False).state
    return f"run {run_path.name!r} ended before it could {action}; it is {state}"


def _answered(run_path: Path, answer: RequestHandled, state: State | None = None) -> Outcome:
    """What the answer tells, and the new `state`, are newer than the status, which is written once a second."""
    outcome = _outcome(summarise(run_path))
    return msgspec.structs.replace(outcome, from_step=answer.step, state=state or outcome.state)


def _outcome(summary: RunSummary) -> Outcome:
    path = Path(summary.path)
    who = holder(path) if is_held(path) else None
    return Outcome(
        run=summary.run,
        path=summary.path,
        state=summary.state,
        from_step=summary.step,
        pid=who.pid if who else None,
    )
