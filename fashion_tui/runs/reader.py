"""A reader that polls the files of a run and returns frozen snapshots."""

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import msgspec

from fashion_tui.schema.events import CheckpointSaved, End, EpochEnd, RunEvent, Started, Warned
from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.run import LIVE_STATES, RunConfig, RunStatus, State, StoredConfig

from .errors import DamagedRun, reason
from .follow import Follower, LogReplaced
from .imported.log import main_metrics_first
from .layout import EVENTS_FILE
from .queue import QueuePlace, find_place
from .replay import MAX_METRICS, Replay
from .run import Contents, Run
from .series import NO_CURVE, Curve, Series
from .state import HEARTBEAT_LIMIT, derive, is_fresh, total_steps, unknown_status
from .verdicts import Verdict, find_verdicts

RECENT_STEPS = 60
CLOCK_TIMES = 128
"""Maximum number of times in `RunSnapshot.clock`."""
DETAIL_BUCKETS = 1024
"""Maximum number of buckets in each of `RunSnapshot.details`, except for one more at the start."""
FULL_DISK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """Everything that a viewer displays about a run at one moment."""

    path: Path
    run: str
    """Name of the directory."""
    config: StoredConfig | None
    """The configuration, or None if config.json can't be read; see `damage`."""
    status: RunStatus
    """The status as `state.derive` returns it. If status.json can't be read, the log and the lock are used instead."""
    started: Started | None
    """The newest Started event, or None if there is none."""
    epochs: tuple[EpochEnd, ...]
    """Completed epochs, oldest first. Epochs that a resumed trainer discarded are left out."""
    checkpoint: CheckpointSaved | None
    """The checkpoint that was saved last, or None if there is none."""
    end: End | None
    """The event that ended the run, or None if the run hasn't ended or its trainer was killed."""
    warnings: tuple[Warned, ...]
    """The most recent warnings, oldest first."""
    events: tuple[RunEvent, ...]
    """The most recent events except step chunks, oldest first. Answers to requests are included."""
    metrics: tuple[str, ...]
    """Names of all metrics of the run, in the order in which they first appear in the log."""
    last_values: Mapping[str, float]
    """The last value of each metric of the whole network. Metrics of single layers, such as `gradient_norm/conv1`, are
    left out."""
    curves: Mapping[str, Curve]
    """Curves of the metrics in `RunReader.watched`, keyed by name. Use `curve` to read one."""
    details: Mapping[str, Curve]
    """Parts of curves in smaller buckets: those that `RunReader.windows` asks for."""
    clock: tuple[tuple[int, float], ...]
    """Steps and the seconds from the start of training to their end, both in ascending order.

    For a logged or imported run, the seconds are counted from its creation.
    """
    recent_loss: tuple[float, ...]
    """The last 60 losses."""
    verdicts: tuple[Verdict, ...]
    """Problems of the run, the most serious first."""
    bad_lines: int
    """Number of lines in the log that can't be read."""
    missing_events: int
    """Number of lines missing from the log, determined from gaps in the sequence numbers."""
    missing_steps: int
    """Number of steps whose metrics are missing from the log."""
    disk_bytes: int
    """Size of the run's files in bytes, including checkpoints."""
    complete: bool
    """Whether the log was read to its end. If not, call `poll` again."""
    damage: str | None
    """One-line description of what can't be read, or None if everything can be read."""
    notice: str | None
    """One-line notice for the user if the run is lost or if a live run's heartbeat is stale, else None."""

    queue: QueuePlace | None
    """Place of a queued run in the queue of its device, or None if the run isn't queued."""

    @property
    def state(self) -> State:
        return self.status.state

    def curve(self, metric: str) -> Curve:
        """Return the curve of a metric in `RunReader.watched`. The curve of a metric without values is empty."""
        return self.curves.get(metric, NO_CURVE)

    @property
    def total_steps(self) -> int:
        """Number of steps to train; see `state.total_steps`."""
        return total_steps(self.status)

    @property
    def current_epoch(self) -> int:
        """Number of the epoch that is being trained, counted from 1, or of the last epoch of a finished run."""
        status = self.status
        return status.epoch if status.state == "finished" else min(status.epoch + 1, status.epochs)


class RunReader:
    """Follows one run. Call `poll` from one thread at a time, about twice a second."""

    def __init__(
        self,
        run: Run,
        *,
        buckets: int = 512,
        compact: bool = False,
        on_event: Callable[[RunEvent], None] | None = None,
    ) -> None:
        """`buckets` limits the length of the snapshot's curves. `on_event` is called with each new event of the log.

        If `compact` is true, long series are read in single precision, which halves their memory.
        """
        self.run = run
        self.watched: tuple[str, ...] = ("loss", "accuracy", "learning_rate")
        """Names of the metrics whose curves are in the snapshots. Change it to display other metrics."""
        self.windows: Mapping[str, tuple[int, int]] = {}
        """The first and the last step of the details in the snapshots, by metric. Change it to zoom in."""
        self._buckets = buckets
        self._compact = compact
        self._on_event = on_event
        self._replay = Replay(compact=self._compact)
        self._follower: Follower | None = None
        self._snapshot: RunSnapshot | None = None
        self._inputs: object = None
        """Values from which the last snapshot was built, kept to detect changes."""
        self._heartbeat: float | None = None
        self._heartbeat_changed = -math.inf
        """Time at which the heartbeat last changed, on this process's monotonic clock."""

    def poll(self, max_bytes: int | None = None) -> RunSnapshot:
        """Return a snapshot of the run, or the previous snapshot if nothing has changed.

        Read at most `max_bytes` bytes of the log; see `RunSnapshot.complete`.
        """
        if self.run.reopen_if_removed():
            self._follower = None
        damage = []
        config: StoredConfig | None = None
        try:
            config = self.run.stored_config
        except DamagedRun as error:
            damage.append(error.detail)
        status: RunStatus | None = None
        try:
            status = self.run.read_status()
        except DamagedRun as error:
            if self.run.imported is None:  # else, following the log reports the problem
                damage.append(error.detail)
        # Check this before reading the log, so that the log of an ended trainer is complete when it is read.
        alive = self.run.is_locked() if status is None else self.run.is_alive(status, fresh=self._has_heartbeat(status))
        damage += self._follow(max_bytes)
        status = derive(status or self._compose_status(config), self._last_event, alive=alive)
        return self._take_snapshot(config, status, damage)

    def series(self, metric: str) -> Series:
        """Return all values of a metric so far. Don't use the series while `poll` runs in another thread."""
        return self._replay.series(metric)

    @property
    def metrics(self) -> Mapping[str, Series]:
        """All metrics that have values, by name. Don't use the series while `poll` runs in another thread."""
        return {name: series for name, series in self._replay.metrics.items() if len(series)}

    @property
    def times(self) -> Series:
        """Unix times at which metrics were logged. The time of a chunk is stored at its last step."""
        return self._replay.times

    def _follow(self, max_bytes: int | None) -> list[str]:
        """Replay the new events of the log. Return one line for each problem with the log."""
        try:
            self._replay_new_events(max_bytes)
        except LogReplaced:
            self._follower = None
            return self._follow(max_bytes)
        except OSError as error:
            return [f"{EVENTS_FILE if self._follower is None else self._follower.file} can't be read: {reason(error)}"]
        return []

    def _replay_new_events(self, max_bytes: int | None) -> None:
        if self._follower is None:
            self._follower = self.run.follow_log()
            self._replay = Replay(compact=self._compact)
            self._snapshot = None
        for event in self._follower.events(max_bytes):
            self._replay.apply(event)
            if self._on_event is not None:
                self._on_event(event)

    def _has_heartbeat(self, status: RunStatus) -> bool:
        """Return whether the heartbeat is recent: either its timestamp is recent, or it has just changed."""
        if self._heartbeat not in {None, status.heartbeat}:
            self._heartbeat_changed = time.monotonic()
        self._heartbeat = status.heartbeat
        return is_fresh(status) or time.monotonic() - self._heartbeat_changed <= HEARTBEAT_LIMIT

    def _compose_status(self, config: StoredConfig | None) -> RunStatus:
        """Reconstruct the status of a live trainer from the log, the lock and the configuration."""
        replay, process = self._replay, self.run.lock_holder()
        last_loss = replay.series("loss").values(last=1)
        return msgspec.structs.replace(
            unknown_status("running" if self.run.imported is None else "imported"),
            step=replay.last_step,
            steps_per_epoch=replay.started.steps_per_epoch if replay.started else 0,
            epoch=replay.epochs[-1].epoch if replay.epochs else 0,
            epochs=replay.target_epochs or (config.recipe.epochs if isinstance(config, RunConfig) else 0),
            heartbeat=replay.last_time,
            pid=process.pid if process else None,
            host=process.host if process else "",
            loss=encode_float(last_loss[0]) if last_loss else None,
        )

    def _last_event(self) -> RunEvent | None:
        return self._replay.end if self._is_complete else self.run.last_event()

    @property
    def _is_complete(self) -> bool:
        return self._follower is not None and self._follower.complete

    def _take_snapshot(self, config: StoredConfig | None, status: RunStatus, damage: list[str]) -> RunSnapshot:
        replay = self._replay
        bad_lines = replay.bad_events + (self._follower.bad_lines if self._follower else 0)
        missing_events = self._follower.missing_events if self._follower else 0
        contents = self.run.contents()
        damage = contents.add_problems([*damage, *self._log_damage(status, bad_lines, missing_events)])
        notice = _notice(self.run, status, is_logged=self.run.is_logged)
        queue = find_place(self.run.path) if status.state == "queued" else None
        inputs = (
            replay.count,
            status,
            config,
            bad_lines,
            missing_events,
            self._is_complete,
            damage,
            notice,
            contents.bytes,
            contents.warning,
            queue,
            self.watched,
            self.windows,
        )
        if self._snapshot is not None and inputs == self._inputs:
            return self._snapshot
        self._inputs = inputs
        self._snapshot = RunSnapshot(
            path=self.run.path,
            run=self.run.id,
            config=config,
            status=status,
            started=replay.started,
            epochs=tuple(replay.epochs),
            checkpoint=replay.checkpoints[-1] if replay.checkpoints else None,
            end=replay.end,
            warnings=(*_warnings(contents, replay.last_time), *replay.warnings),
            events=tuple(replay.events),
            metrics=tuple(replay.metrics),
            last_values=self._last_values(),
            curves={name: replay.series(name).curve(self._buckets) for name in self.watched},
            details={name: replay.series(name).window(*steps, DETAIL_BUCKETS) for name, steps in self.windows.items()},
            clock=_clock(replay.times, replay.first_started or (config.created if config else None)),
            recent_loss=replay.series("loss").values(last=RECENT_STEPS),
            verdicts=find_verdicts(
                replay.metrics,
                buckets=self._buckets,
                epoch_ends={epoch.step: epoch.epoch for epoch in replay.epochs},
                config=config,
                started=replay.started,
            ),
            bad_lines=bad_lines,
            missing_events=missing_events,
            missing_steps=replay.steps.missing,
            disk_bytes=contents.bytes,
            complete=self._is_complete,
            damage="; ".join(damage) or None,
            notice=notice,
            queue=queue,
        )
        return self._snapshot

    def _last_values(self) -> dict[str, float]:
        """Return the last values of the metrics of the whole network, in the order of the log.

        For an imported run, losses come first.
        """
        metrics = self.metrics
        is_imported = self.run.imported is not None
        names = main_metrics_first(metrics) if is_imported else [name for name in metrics if "/" not in name]
        return {name: metrics[name].values(last=1)[0] for name in names}

    def _log_damage(self, status: RunStatus, bad_lines: int, missing_events: int) -> list[str]:
        unit, file = ("line", EVENTS_FILE) if self._follower is None else (self._follower.unit, self._follower.file)
        counts = {
            f"unreadable {unit}": bad_lines,
            f"missing {unit}": missing_events,
            "missing step": self._replay.steps.missing,
        }
        damage = [f"{count:,} {what}{'s' if count > 1 else ''}" for what, count in counts.items() if count]
        if self._replay.has_ignored_metrics:
            damage.append(f"only the first {MAX_METRICS:,} metrics are read")
        has_ended = self._is_complete and status.state not in LIVE_STATES and status.state != "lost"
        if has_ended and self._follower is not None and self._follower.ends_unfinished:
            damage.append(f"its last {unit} is incomplete")
        return [f"{file}: {', '.join(damage)}"] if damage else []


def _clock(times: Series, start: float | None) -> tuple[tuple[int, float], ...]:
    """Return steps with the seconds since `start`, or since the first time if it is None. They never decrease."""
    known = times.sample(CLOCK_TIMES)
    if start is None:
        start = known[0][1] if known else 0.0
    seconds = accumulate((max(time - start, 0.0) for _, time in known), max)
    return tuple(zip((step for step, _ in known), seconds, strict=True))


def _warnings(contents: Contents, time: float) -> list[Warned]:
    return [] if contents.warning is None else [Warned(time=time, message=contents.warning)]


def _notice(run: Run, status: RunStatus, *, is_logged: bool) -> str | None:
    if status.state == "lost":
        killed = f"the {'script' if is_logged else 'trainer'} was killed, or the machine went down"
        return killed if is_logged else f"{killed}; resume the run from its last checkpoint"
    if status.state not in LIVE_STATES or is_fresh(status):
        return None
    silence = time.time() - status.heartbeat
    since = f"no heartbeat for {silence:.0f} s" if silence > 0 else "the clock of the run differs from this machine's"
    holder = "script" if is_logged else "trainer"
    return f"{since}, but the {holder} holds the lock{'; the disk is full' if _disk_is_full(run) else ''}"


def _disk_is_full(run: Run) -> bool:
    try:
        disk = os.statvfs(run.path)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < FULL_DISK_BYTES
