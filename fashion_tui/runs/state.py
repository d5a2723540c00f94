"""Determine a run's state: the state in status.json, unless the trainer ended without updating that file."""

import time
from collections.abc import Callable

import msgspec

from fashion_tui.machine.host import boot_id, host_name, process_has_ended
from fashion_tui.schema.events import Failed, Finished, RunEvent, ScriptEnded, Stopped
from fashion_tui.schema.run import LIVE_STATES, RunStatus, State

HEARTBEAT_LIMIT = 5.0
"""Age, in seconds, above which a heartbeat is stale.

A heartbeat is also stale if it is that far in the future, because the clock has then been set back.
"""


def is_fresh(status: RunStatus) -> bool:
    """Return whether the heartbeat is recent."""
    return abs(time.time() - status.heartbeat) <= HEARTBEAT_LIMIT


def trainer_is_gone(status: RunStatus) -> bool:
    """Return whether the trainer that wrote the status has ended. Return False if this can't be determined."""
    if status.pid is None or status.pid_started is None:
        return False
    return (
        status.host == host_name() and status.boot_id == boot_id() and process_has_ended(status.pid, status.pid_started)
    )


def derive(status: RunStatus, last_event: Callable[[], RunEvent | None], *, alive: bool) -> RunStatus:
    """Return the current status, given whether the run's trainer is `alive`.

    If the status says that the run is live but its trainer isn't alive, the state is derived from the last event in the
    log: the trainer may have been killed after the run ended but before the last status was written. Determine `alive`
    before reading the log, so that the log contains everything that the trainer wrote before it ended.
    """
    return status if alive or status.state not in LIVE_STATES else after(status, last_event())


def after(status: RunStatus, event: RunEvent | None) -> RunStatus:
    """Return the status of a run whose trainer ended after this event.

    The state is `lost` unless the event reports the end of the run.
    """
    match event:
        case Finished():
            return msgspec.structs.replace(
                status,
                state="finished",
                step=event.step,
                epoch=event.epochs,
                epochs=max(status.epochs, event.epochs),
                test_accuracy=None if isinstance(event.test_accuracy, str) else event.test_accuracy,
                train_seconds=event.train_seconds,
                images_per_second=event.images_per_second,
            )
        case ScriptEnded():
            return msgspec.structs.replace(status, state="finished", step=event.step, train_seconds=event.seconds)
        case Stopped():
            return msgspec.structs.replace(status, state="stopped", step=event.step, epoch=event.epoch)
        case Failed():
            return msgspec.structs.replace(status, state="failed", step=event.step, message=event.message)
        case _:
            return msgspec.structs.replace(status, state="lost")


def total_steps(status: RunStatus) -> int:
    """Return the number of steps to train; 0 until the trainer has loaded the data, and for logged and imported runs.

    A finished run has completed all its steps, even if early stopping ended it before its last planned epoch.
    """
    planned = status.steps_per_epoch * status.epochs
    return min(status.step, planned) if status.state == "finished" else planned


def unknown_status(state: State) -> RunStatus:
    """Return a placeholder status for a run when only its state is known."""
    return RunStatus(
        state=state,
        step=0,
        steps_per_epoch=0,
        epoch=0,
        epochs=0,
        heartbeat=0.0,
        pid=None,
        pid_started=None,
        boot_id="",
        host="",
    )
