"""How a run stands: what its status says, unless its trainer is gone without having said so."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from fashion_tui.machine.host import boot_id, host_name, process_has_ended
from fashion_tui.schema.events import Failed, Finished, RunEvent, Stopped
from fashion_tui.schema.run import LIVE_STATES, RunStatus

from .lock import is_held
from .records import LOG_FILE, DamagedRun, load_status

HEARTBEAT_LIMIT = 5.0
"""Seconds after which a heartbeat is stale. One that lies as far in the future is too: a clock was set back."""


def is_fresh(status: RunStatus) -> bool:
    """Whether the heartbeat is recent."""
    return abs(time.time() - status.heartbeat) <= HEARTBEAT_LIMIT


def is_alive(run_path: Path, status: RunStatus, *, fresh: bool) -> bool:
    """Whether the run should live and does: its heartbeat is `fresh` and its trainer there, or its lock is held.

    Looking at the lock opens its file, and takes it for an instant: as long as all is well it is left alone.
    """
    return status.state in LIVE_STATES and ((fresh and not trainer_is_gone(status)) or is_held(run_path))


def trainer_is_gone(status: RunStatus) -> bool:
    """Whether the process that wrote the status has ended, as far as that can be seen: on this machine alone."""
    if status.pid is None or status.pid_started is None:
        return False
    return (
        status.host == host_name() and status.boot_id == boot_id() and process_has_ended(status.pid, status.pid_started)
    )


def derive(status: RunStatus, last_event: Callable[[], RunEvent | None], *, alive: bool) -> RunStatus:
    """The status as it holds now.

    A run that should live and doesn't is `lost`, or what the last event of its log says: the trainer may have been
    killed between the run's end and its last status. The log has to be read after `is_alive` was asked: what a trainer
    wrote before its end is in it then.
    """
    return status if alive or status.state not in LIVE_STATES else after(status, last_event())


def after(status: RunStatus, event: RunEvent | None) -> RunStatus:
    """The status of a run whose trainer is gone, by the last event that it wrote."""
    match event:
        case Finished():
            return msgspec.structs.replace(
                status,
                state="finished",
                step=event.step,
                epoch=event.epochs,
                epochs=event.epochs,
                test_accuracy=event.test_accuracy,
                train_seconds=event.train_seconds,
                images_per_second=event.images_per_second,
            )
        case Stopped():
            return msgspec.structs.replace(status, state="stopped", step=event.step, epoch=event.epoch)
        case Failed():
            return msgspec.structs.replace(status, state="failed", step=event.step, message=event.message)
        case _:
            return msgspec.structs.replace(status, state="lost")


def is_live(run_path: Path) -> bool:
    """Whether a trainer holds the run now, or was launched a moment ago and is about to."""
    if is_held(run_path):
        return True
    try:
        status = load_status(run_path)
    except DamagedRun:
        return False
    was_launched = status.state == "starting" and is_fresh(status) and (run_path / LOG_FILE).exists()
    return was_launched and not trainer_is_gone(status)
