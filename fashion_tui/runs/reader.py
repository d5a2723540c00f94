"""A run as a viewer follows it: the reader polls the files and hands out frozen snapshots."""

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

from fashion_tui.schema.events import CheckpointSaved, EpochEnd, Failed, Finished, RunEvent, Started, Stopped, Warned
from fashion_tui.schema.run import LIVE_STATES, RunConfig, RunStatus, State

from .disk import usage
from .events import EVENTS_FILE, encode_number, last_event
from .follow import EventFollower, LogReplaced
from .lock import holder, is_held
from .records import DamagedRun, load_config, load_status
from .series import Curve
from .state import HEARTBEAT_LIMIT, derive, is_alive, is_fresh
from .story import Story
from .text import reason

RECENT_STEPS = 60
FULL_DISK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """All that a viewer shows of a run, at one moment."""

    path: Path
    run: str
    """The directory's name."""
    config: RunConfig | None
    """None where config.json can't be read; `damage` says why."""
    status: RunStatus
    """With the derived state; put together from the log and the lock where status.json can't be read."""
    started: Started | None
    """Of the newest trainer that wrote one."""
    epochs: tuple[EpochEnd, ...]
    """Completed epochs that count, oldest first."""
    checkpoint: CheckpointSaved | None
    """The last one that was saved."""
    end: Finished | Stopped | Failed | None
    """How the run ended; None where it goes on or its trainer was killed."""
    warnings: tuple[Warned, ...]
    """The last ones, oldest first."""
    events: tuple[RunEvent, ...]
    """The last ones that are no chunks of steps, oldest first; among them the answers to requests."""
    loss: Curve
    accuracy: Curve
    learning_rate: Curve
    recent_loss: tuple[float, ...]
    """Of the last 60 steps, one by one; NaN where one is missing."""
    bad_lines: int
    """Lines of the log that can't be read."""
    missing_events: int
    """Lines of the log that aren't there, by its sequence numbers."""
    missing_steps: int
    """Steps without figures."""
    disk_bytes: int
    """What the run's files take, checkpoints included."""
    complete: bool
    """Whether the log was read to its end; where not, `poll` again."""
    damage: str | None
    """What of the directory can't be read, in one line; None where all is well."""
    notice: str | None
    """What the person should know of a run that is lost or silent, in one line."""

    @property
    def state(self) -> State:
        return self.status.state

    @property
    def total_steps(self) -> int:
        """0 until the trainer knows."""
        return self.status.steps_per_epoch * self.status.epochs


class RunReader:
    """Follows one run. `poll` reads what is new; call it from one thread at a time, about twice a second."""

    def __init__(self, run_path: Path, *, buckets: int = 512) -> None:
        """`buckets` bounds the length of the snapshot's curves."""
        self.path = run_path.absolute()
        self._buckets = buckets
        self._config: RunConfig | None = None
        self._story = Story()
        self._follower: EventFollower | None = None
        self._snapshot: RunSnapshot | None = None
        self._made_of: object = None
        """What decides whether the snapshot still holds."""
        self._heartbeat: float | None = None
        self._changed = -math.inf
        """When the heartbeat was seen to change, on the monotonic clock: whatever the clocks say, it beats."""

    def poll(self, max_bytes: int | None = None) -> RunSnapshot:
        """The run now; the very object of the last call where nothing has changed.

        At most `max_bytes` of the log are read; `RunSnapshot.complete` tells whether that was all.
        """
        damage = []
        if self._config is None:
            try:
                self._config = load_config(self.path)
            except DamagedRun as error:
                damage.append(error.detail)
        status: RunStatus | None = None
        try:
            status = load_status(self.path)
        except DamagedRun as error:
            damage.append(error.detail)
        # In this order, so that the log holds all that was written before a state which is seen here.
        alive = is_held(self.path) if status is None else is_alive(self.path, status, fresh=self._beats(status))
        damage += self._follow(max_bytes)
        return self._take(derive(status or self._rebuilt(), self._last_event, alive=alive), damage)

    def losses(self) -> tuple[float, ...]:
        """The loss of every step so far, NaN where it is missing or not a number."""
        return self._story.loss.values()

    def _follow(self, max_bytes: int | None) -> list[str]:
        """Tell the story what is new in the log; what is wrong with the file."""
        try:
            self._tell(max_bytes)
        except LogReplaced:
            self._follower = None
            return self._follow(max_bytes)
        except OSError as error:
            return [f"{EVENTS_FILE} can't be read: {reason(error)}"]
        return []

    def _tell(self, max_bytes: int | None) -> None:
        if self._follower is None:
            self._follower = EventFollower(self.path, self._config.run if self._config else None)
            self._story = Story()
            self._snapshot = None
        for event in self._follower.events(max_bytes):
            self._story.tell(event)

    def _beats(self, status: RunStatus) -> bool:
        """Whether the heartbeat is recent by the clock, or was seen to change a moment ago."""
        if self._heartbeat not in {None, status.heartbeat}:
            self._changed = time.monotonic()
        self._heartbeat = status.heartbeat
        return is_fresh(status) or time.monotonic() - self._changed <= HEARTBEAT_LIMIT

    def _rebuilt(self) -> RunStatus:
        """The status of a live trainer, as far as the log tells it."""
        story, who = self._story, holder(self.path)
        last_loss = story.loss.values(last=1)
        return RunStatus(
            state="running",
            step=len(story.loss),
            steps_per_epoch=story.started.steps_per_epoch if story.started else 0,
            epoch=story.epochs[-1].epoch if story.epochs else 0,
            epochs=story.target_epochs or (self._config.recipe.epochs if self._config else 0),
            heartbeat=story.last_time,
            pid=who.pid if who else None,
            pid_started=None,
            boot_id="",
            host=who.host if who else "",
            loss=encode_number(last_loss[0]) if last_loss else None,
        )

    def _last_event(self) -> RunEvent | None:
        return self._story.end if self._complete else last_event(self.path)

    @property
    def _complete(self) -> bool:
        return self._follower is not None and self._follower.complete

    def _take(self, status: RunStatus, damage: list[str]) -> RunSnapshot:
        story, before = self._story, self._snapshot
        bad_lines = story.bad_events + (self._follower.bad_lines if self._follower else 0)
        missing_events = self._follower.missing_events if self._follower else 0
        told = "; ".join([*damage, *self._log_damage(status, bad_lines, missing_events)]) or None
        notice = _notice(self.path, status)
        disk_bytes = usage(self.path).total
        made_of = (
            story.told,
            status,
            self._config,
            bad_lines,
            missing_events,
            self._complete,
            told,
            notice,
            disk_bytes,
        )
        if before is not None and made_of == self._made_of:
            return before
        self._made_of = made_of
        self._snapshot = RunSnapshot(
            path=self.path,
            run=self.path.name,
            config=self._config,
            status=status,
            started=story.started,
            epochs=tuple(story.epochs),
            checkpoint=story.checkpoints[-1] if story.checkpoints else None,
            end=story.end,
            warnings=tuple(story.warnings),
            events=tuple(story.events),
            loss=story.loss.curve(self._buckets),
            accuracy=story.accuracy.curve(self._buckets),
            learning_rate=story.learning_rate.curve(self._buckets),
            recent_loss=story.loss.values(last=RECENT_STEPS),
            bad_lines=bad_lines,
            missing_events=missing_events,
            missing_steps=story.loss.missing,
            disk_bytes=disk_bytes,
            complete=self._complete,
            damage=told,
            notice=notice,
        )
        return self._snapshot

    def _log_damage(self, status: RunStatus, bad_lines: int, missing_events: int) -> list[str]:
        counts = {
            "unreadable line": bad_lines,
            "missing line": missing_events,
            "missing step": self._story.loss.missing,
        }
        damage = [f"{count:,} {what}{'s' if count > 1 else ''}" for what, count in counts.items() if count]
        cut = self._complete and self._follower is not None and self._follower.waits and status.state not in LIVE_STATES
        if cut and status.state != "lost":
            damage.append("its last line is cut")
        return [f"{EVENTS_FILE}: {', '.join(damage)}"] if damage else []


def _notice(run_path: Path, status: RunStatus) -> str | None:
    if status.state == "lost":
        return "its trainer is gone without a word (killed, or the machine went down); resume goes on from a checkpoint"
    if status.state not in LIVE_STATES or is_fresh(status):
        return None
    silence = time.time() - status.heartbeat
    since = f"no sign of life for {silence:.0f} s" if silence > 0 else "its clock and this one differ"
    return f"{since}, but its trainer holds the run{': the disk is full' if _disk_is_full(run_path) else ''}"


def _disk_is_full(run_path: Path) -> bool:
    try:
        disk = os.statvfs(run_path)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < FULL_DISK_BYTES
