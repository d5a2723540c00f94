"""Ask the trainer of a run to pause, stop or save a checkpoint, and wait for its answer."""

import time

import msgspec

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import RequestHandled, Warned
from fashion_tui.schema.run import ControlAction, RunSummary, State
from fashion_tui.schema.text import one_line

from .errors import DamagedRun, NotTrained, reason
from .folder import UnsafeFile
from .follow import LogReplaced
from .layout import CONTROL_FOLDER
from .run import Run
from .store import summarise

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


def pause(run: Run, *, timeout: float = 30.0) -> Outcome:
    """Pause a run. Its trainer stays in memory. Raises UserError if no live trainer answers in time."""
    require_trained(run, "paused")
    _require_live(run, "paused")
    _require_started(run, "paused")
    summary = summarise(run)
    if summary.state == "paused":
        return outcome_of(run, summary)
    return outcome_of_answer(run, send(run, "pause", timeout), "paused")


def checkpoint(run: Run, *, timeout: float = 30.0) -> Outcome:
    """Save a checkpoint now. Raises UserError if no live trainer answers in time."""
    require_trained(run, "checkpointed")
    _require_live(run, "checkpointed")
    _require_started(run, "checkpointed")
    return outcome_of_answer(run, send(run, "checkpoint", timeout))


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
    return outcome_of(run, summary)


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


def require_trained(run: Run, participle: str) -> None:
    """Raise an error if the run can't be changed, or if a script logs it: such a run can only be stopped.

    `participle` is what was asked for, such as `paused`.
    """
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


def send(run: Run, action: ControlAction, timeout: float) -> RequestHandled:
    """Send a request and return the answer. Raises UserError if no live trainer answers within `timeout` seconds."""
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


def outcome_of_answer(run: Run, answer: RequestHandled, state: State | None = None) -> Outcome:
    """Return the outcome of a request. The answer and `state` take precedence over the status, which may be old."""
    outcome = outcome_of(run, summarise(run))
    return msgspec.structs.replace(outcome, from_step=answer.step, state=state or outcome.state)


def outcome_of(run: Run, summary: RunSummary) -> Outcome:
    """Return the outcome of a request that left the run as it was."""
    process = run.lock_holder() if run.is_locked() else None
    return Outcome(
        run=summary.run,
        path=summary.path,
        state=summary.state,
        from_step=summary.step,
        pid=process.pid if process else None,
    )
