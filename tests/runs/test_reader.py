"""A viewer sees every step once, whatever happened to the files."""

import math
import os
import random
import subprocess
import sys
import time

import msgspec
import pytest

from fashion_tui.runs.events import encode_line
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import (
    CheckpointSaved,
    EpochEnd,
    Failed,
    RequestHandled,
    Resumed,
    RunEvent,
    StepChunk,
    Stopped,
    Warned,
)
from fashion_tui.schema.run import RunStatus

from .parts import finished, started, steps, toy_loss

OPEN_A_LONG_RUN = """
import sys, time
from pathlib import Path
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
reader = RunReader(Run(Path(sys.argv[1])))
started = time.perf_counter()
snapshot = reader.poll()
seconds = time.perf_counter() - started
started = time.perf_counter()
reader._inputs = None
reader.poll()
print(snapshot.curve("loss").steps, len(snapshot.curve("loss")), seconds, time.perf_counter() - started)
# Not ru_maxrss, which includes the parent's memory at the time of the fork.
print(next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def write(run: Run, *events: RunEvent) -> None:
    writer = run.event_writer()
    for event in events:
        assert writer.write(event)
    writer.close()


def resumed(step: int, *, epochs: int = 3) -> Resumed:
    return Resumed(time=time.time(), step=step, epoch=0, epochs=epochs, checkpoint=f"step-{step}.pt", pid=1)


def epoch_end(epoch: int, step: int) -> EpochEnd:
    return EpochEnd(
        time=time.time(),
        epoch=epoch,
        step=step,
        train_loss=0.5,
        train_accuracy=0.8,
        validation_loss=None,
        validation_accuracy=None,
        seconds=1.0,
    )


def set_status(run: Run, **changes: object) -> RunStatus:
    status = msgspec.structs.replace(run.read_status(), **changes)
    run.write_status(status)
    return status


def losses(count: int) -> tuple[float, ...]:
    return tuple(toy_loss(step) for step in range(1, count + 1))


def test_a_reader_follows_a_run_from_its_start(run: Run) -> None:
    reader = RunReader(run)
    snapshot = reader.poll()
    assert (snapshot.state, snapshot.run, snapshot.damage, len(snapshot.curve("loss"))) == ("starting", run.id, None, 0)
    assert snapshot.config is not None
    write(run, started(run.id, steps_per_epoch=10), steps(1, 10), epoch_end(1, 10))
    set_status(run, state="running", step=10, steps_per_epoch=10, epoch=1)
    snapshot = reader.poll()
    assert snapshot.curve("loss").mean == losses(10)
    assert snapshot.total_steps == 30
    assert [epoch.epoch for epoch in snapshot.epochs] == [1]
    write(run, steps(11, 2), Warned(time=1.0, message="hot"))
    snapshot = reader.poll()
    assert snapshot.recent_loss == losses(12)
    assert snapshot.warnings[-1].message == "hot"
    write(run, finished(run.id, step=30))
    set_status(run, state="finished", test_accuracy=0.9)
    snapshot = reader.poll()
    assert snapshot.state == "finished"
    assert snapshot.end is not None


def test_a_reader_has_no_metrics_before_it_is_polled(run: Run) -> None:
    reader = RunReader(run)
    assert list(reader.series("loss").items()) == []
    assert reader.metrics == {}


def test_an_unchanged_run_returns_the_same_snapshot(run: Run) -> None:
    write(run, started(), steps(1, 10))
    reader = RunReader(run)
    first = reader.poll()
    assert reader.poll() is first
    write(run, steps(11, 1))
    assert reader.poll() is not first


def test_an_incomplete_line_is_read_when_it_is_complete(run: Run) -> None:
    line = encode_line(run.id, 0, steps(1, 5))
    log = run.path / "events.jsonl"
    reader = RunReader(run)
    for cut in range(0, len(line), 7):
        log.write_bytes(line[:cut])
        snapshot = reader.poll()
        assert (len(snapshot.curve("loss")), snapshot.damage) == (0, None)
    log.write_bytes(line)
    assert reader.poll().curve("loss").mean == losses(5)


def test_a_resumed_run_has_each_step_once(run: Run) -> None:
    """This also holds for a reader that has already seen the steps that are repeated."""
    watcher = RunReader(run)
    saved = CheckpointSaved(time=1.0, step=25, epoch=2, file="step-25.pt", bytes=1, seconds=0.1, reason="epoch")
    write(run, started(run.id), steps(1, 10), epoch_end(1, 10), steps(11, 15), epoch_end(2, 20), saved)
    assert watcher.poll().curve("loss").steps == 25
    write(run, started(run.id), resumed(12))
    snapshot = watcher.poll()
    assert snapshot.curve("loss").mean == losses(12)
    assert [epoch.epoch for epoch in snapshot.epochs] == [1]
    assert snapshot.checkpoint is None
    write(run, steps(13, 7))
    for reader in (watcher, RunReader(run)):
        assert reader.poll().curve("loss").mean == losses(19)
        assert reader.series("loss").values() == losses(19)


@pytest.mark.parametrize(
    "end",
    [
        finished(step=10),
        Stopped(time=1.0, step=10, epoch=0, reason="asked"),
        Failed(time=1.0, step=10, message="the loss is NaN"),
    ],
)
def test_a_resumed_run_has_not_ended(run: Run, end: RunEvent) -> None:
    write(run, started(run.id), steps(1, 10), end)
    reader = RunReader(run)
    assert reader.poll().end == end
    write(run, resumed(10, epochs=5))
    snapshot = reader.poll()
    assert snapshot.end is None
    assert snapshot.curve("loss").steps == 10


def test_repeated_steps_count_once(run: Run) -> None:
    """The `resumed` event before the repeated steps may be missing."""
    write(run, steps(1, 10), steps(6, 3))
    assert RunReader(run).poll().curve("loss").mean == losses(8)


def test_damaged_lines_are_skipped_counted_and_reported(run: Run) -> None:
    write(run, *(steps(1 + 10 * i, 10) for i in range(5)))
    log = run.path / "events.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    flipped = bytearray(lines[1])
    flipped[len(flipped) // 2] ^= 4
    foreign = encode_line("another", 3, steps(500, 5))
    log.write_bytes(b"".join([lines[0], flipped, lines[2], b"\x00\xff garbage\n", foreign, lines[2], *lines[3:]]))
    snapshot = RunReader(run).poll()
    assert (snapshot.bad_lines, snapshot.missing_events, snapshot.missing_steps) == (4, 1, 10)
    assert snapshot.damage == "events.jsonl: 4 unreadable lines, 1 missing line, 10 missing steps"
    assert snapshot.curve("loss").finite == (1,) * 10 + (0,) * 10 + (1,) * 30
    assert snapshot.curve("loss").mean[20:] == losses(50)[20:]


def test_flipped_bits_never_stop_a_reader_or_change_a_metric(run: Run) -> None:
    write(run, started(run.id), *(steps(1 + 10 * i, 10) for i in range(20)), finished(run.id))
    log = run.path / "events.jsonl"
    content = log.read_bytes()
    rng = random.Random(3)
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(rng.randrange(1, 4)):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        log.write_bytes(damaged)
        reader = RunReader(run)
        snapshot = reader.poll()
        for step, loss in reader.series("loss").items():
            assert loss == toy_loss(step)
        assert snapshot.missing_steps <= 40
        assert (snapshot.damage is not None) == (snapshot.bad_lines > 0)


def test_a_truncated_log_gives_its_complete_lines(run: Run) -> None:
    write(run, *(steps(1 + 10 * i, 10) for i in range(5)))
    log = run.path / "events.jsonl"
    content = log.read_bytes()
    reader = RunReader(run)
    for cut in range(len(content), 0, -97):
        log.write_bytes(content[:cut])
        assert reader.poll().curve("loss").mean == losses(10 * content[:cut].count(b"\n"))


def test_a_replaced_log_is_read_from_its_start(run: Run) -> None:
    write(run, steps(1, 10))
    reader = RunReader(run)
    reader.poll()
    other = run.path / "other"
    other.write_bytes(encode_line(run.id, 0, steps(1, 50)) * 1 + encode_line(run.id, 1, steps(51, 50)))
    other.replace(run.path / "events.jsonl")
    assert reader.poll().curve("loss").mean == losses(100)


def test_an_endless_line_is_skipped_in_bounded_memory(run: Run) -> None:
    log = run.path / "events.jsonl"
    with log.open("wb") as file:
        for _ in range(40):
            file.write(b"x" * (1 << 20))
        file.write(b"\n" + encode_line(run.id, 0, steps(1, 5)))
    reader = RunReader(run)
    snapshot = reader.poll()
    assert snapshot.bad_lines == 1
    assert snapshot.curve("loss").mean == losses(5)


def test_a_long_log_can_be_read_in_parts(run: Run) -> None:
    write(run, *(steps(1 + 100 * i, 100) for i in range(50)))
    reader = RunReader(run)
    polls = 0
    while not reader.poll(max_bytes=30_000).complete:
        polls += 1
    assert polls > 3
    assert reader.series("loss").values() == losses(5000)


def test_non_finite_losses_are_counted(run: Run) -> None:
    write(run, msgspec.structs.replace(steps(1, 4), metrics={"loss": [1.0, math.nan, math.inf, 2.0]}))
    curve = RunReader(run).poll().curve("loss")
    assert curve.nonfinite == (0, 1, 1, 0)
    assert (curve.mean[0], curve.mean[3]) == (1.0, 2.0)


def test_any_metric_can_be_watched(run: Run) -> None:
    validated = msgspec.structs.replace(epoch_end(1, 3), validation_loss=0.25)
    gradient = StepChunk(time=1.0, steps=[2], metrics={"gradient_norm/fc1": [1.5]})
    write(run, steps(1, 3), gradient, validated)
    reader = RunReader(run)
    snapshot = reader.poll()
    epoch = ("train_loss", "train_accuracy", "validation_loss")
    assert snapshot.metrics == ("loss", "accuracy", "learning_rate", "gradient_norm/fc1", *epoch)
    assert snapshot.curve("loss").mean == losses(3)
    assert len(snapshot.curve("validation_loss")) == 0, "it isn't watched"
    reader.watched = ("validation_loss", "gradient_norm/fc1", "unknown")
    snapshot = reader.poll()
    assert snapshot.curve("validation_loss").mean[2:] == (0.25,)
    assert snapshot.curve("gradient_norm/fc1").finite == (0, 1)
    assert len(snapshot.curve("unknown")) == len(snapshot.curve("loss")) == 0
    assert dict(reader.series("gradient_norm/fc1").items()) == {2: 1.5}


def test_a_part_of_a_curve_can_be_read_in_detail(run: Run) -> None:
    write(run, steps(1, 2000))
    reader = RunReader(run)
    before = reader.poll()
    assert (before.curve("loss").steps_per_bucket, before.details) == (4, {})
    reader.windows = {"loss": (1001, 1200)}
    snapshot = reader.poll()
    detail = snapshot.details["loss"]
    assert (detail.first_step, detail.steps_per_bucket) == (1001, 1)
    assert detail.mean == losses(2000)[1000:1200]
    assert reader.poll() is snapshot
    write(run, steps(2001, 100))
    reader.windows = {"loss": (2001, 3000)}
    assert reader.poll().details["loss"].mean == losses(2100)[2000:]


def test_too_many_metrics_are_reported(run: Run) -> None:
    def chunk(step: int) -> StepChunk:
        return StepChunk(time=1.0, steps=[step], metrics={f"{step}/{index}": [1.0] for index in range(4000)})

    write(run, *(chunk(step) for step in range(3)), steps(3, 1))
    snapshot = RunReader(run).poll()
    assert len(snapshot.metrics) == 10_000
    assert "10,000 metrics" in (snapshot.damage or "")
    assert (snapshot.bad_lines, snapshot.missing_events) == (0, 0)


def test_a_run_without_heartbeat_and_lock_is_lost(run: Run) -> None:
    set_status(run, state="running", heartbeat=time.time() - 6)
    with run.lock():
        snapshot = RunReader(run).poll()
        assert snapshot.state == "running"
        assert "no heartbeat for 6 s" in (snapshot.notice or "")
    snapshot = RunReader(run).poll()
    assert snapshot.state == "lost"
    assert "resume" in (snapshot.notice or "")


def test_a_heartbeat_in_the_future_is_stale(run: Run) -> None:
    set_status(run, state="running", heartbeat=time.time() + 3600)
    assert RunReader(run).poll().state == "lost"
    with run.lock():
        assert RunReader(run).poll().state == "running"


def test_a_changing_heartbeat_is_recent_even_if_clocks_differ(run: Run) -> None:
    """The trainer may run on a machine with a wrong clock, on a file system without locks across machines."""
    set_status(run, state="running", heartbeat=1000.0)
    reader = RunReader(run)
    assert reader.poll().state == "lost"
    set_status(run, state="running", heartbeat=1001.0)
    assert reader.poll().state == "running"


def test_the_end_in_the_log_overrides_the_status(run: Run) -> None:
    """The trainer was killed between its last event and its last status."""
    set_status(run, state="running", heartbeat=0.0)
    write(run, started(run.id), steps(1, 300), finished(run.id, step=300))
    status = RunReader(run).poll().status
    assert (status.state, status.test_accuracy, status.step) == ("finished", 0.9, 300)
    write(run, resumed(300, epochs=5))
    assert RunReader(run).poll().state == "lost"


@pytest.mark.parametrize("content", [b"", b'{"state": "runn', b"\x00" * 300, b'{"state": "dancing"}', None])
def test_without_a_status_the_log_and_the_lock_determine_it(run: Run, content: bytes | None) -> None:
    status_file = run.path / "status.json"
    status_file.unlink() if content is None else status_file.write_bytes(content)
    write(run, started(run.id, epochs=4, steps_per_epoch=10), steps(1, 15), epoch_end(1, 10))
    with run.lock():
        snapshot = RunReader(run).poll()
        status = snapshot.status
        assert (status.state, status.step, status.epoch, status.epochs, status.pid) == (
            "running",
            15,
            1,
            4,
            os.getpid(),
        )
        assert snapshot.total_steps == 40
        assert "status.json" in (snapshot.damage or "")
    assert RunReader(run).poll().state == "lost"
    write(run, Failed(time=1.0, step=15, message="CUDA out of memory"))
    status = RunReader(run).poll().status
    assert (status.state, status.message) == ("failed", "CUDA out of memory")


def test_without_a_configuration_the_metrics_are_still_read(run: Run) -> None:
    write(run, steps(1, 10))
    (run.path / "config.json").write_text("{")
    snapshot = RunReader(Run(run.path)).poll()
    assert snapshot.config is None
    assert "config.json" in (snapshot.damage or "")
    assert snapshot.curve("loss").mean == losses(10)


def test_an_incomplete_last_line_of_an_ended_run_is_damage(run: Run) -> None:
    write(run, steps(1, 10), finished(run.id))
    set_status(run, state="finished")
    log = run.path / "events.jsonl"
    log.write_bytes(log.read_bytes()[:-20])
    assert "last line is incomplete" in (RunReader(run).poll().damage or "")


def test_the_snapshot_has_the_answers_to_requests(run: Run) -> None:
    answer = RequestHandled(time=1.0, action="pause", request="1.pause", step=3)
    write(run, started(), answer)
    assert answer in RunReader(run).poll().events


def test_a_million_steps_are_read_quickly(run: Run) -> None:
    """Reading takes less than 1 s on an idle machine. The limit is higher because other tests run in parallel."""
    chunk = steps(1, 1000)
    with (run.path / "events.jsonl").open("wb") as log:
        for i in range(1000):
            log.write(encode_line(run.id, i, msgspec.structs.replace(chunk, first_step=1 + 1000 * i)))
    answer = subprocess.run(
        [sys.executable, "-c", OPEN_A_LONG_RUN, str(run.path)], capture_output=True, text=True, check=True
    ).stdout.split()
    read, buckets, seconds, next_seconds, megabytes = (float(value) for value in answer)
    assert (read, buckets) == (1_000_000, 489)
    assert seconds < 4
    assert next_seconds < 0.05
    assert megabytes < 150
