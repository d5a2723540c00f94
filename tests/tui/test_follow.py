"""The thread that reads the displayed runs."""

import threading
from pathlib import Path

import pytest
from textual.message import Message

from fashion_tui.runs.layout import EVENTS_FILE
from fashion_tui.schema.events import StepChunk
from fashion_tui.tui.train import follow
from fashion_tui.tui.train.follow import RunFollower, RunNotOpened, SnapshotTaken
from tests.runs.parts import make_run, started

TIMEOUT = 90.0


def logged_run(folder: Path, name: str, steps: int) -> Path:
    with make_run(folder, name=name) as run:
        writer = run.event_writer()
        writer.write(started(run.id, epochs=1, steps_per_epoch=steps))
        for step in range(1, steps + 1):
            writer.write(StepChunk(time=run.config.created, first_step=step, metrics={"loss": [1.0], "other": [2.0]}))
        writer.close()
        return run.path


def read(*paths: Path, metrics: tuple[str, ...] = (), messages: int) -> list[Message]:
    """Return the first messages of a follower of these runs."""
    posted: list[Message] = []
    follower = RunFollower(posted.append, lambda: paths[0].parent)
    follower.follow(paths, metrics)
    thread = threading.Thread(target=follower.run, args=(lambda: len(posted) >= messages,), daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    assert not thread.is_alive(), posted
    return posted


def test_runs_are_read_to_the_end_of_their_logs_in_small_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "MAX_READ", 1000)
    paths = [logged_run(tmp_path, name, 50) for name in ("first", "second")]
    messages = read(*paths, metrics=("other",), messages=2)
    snapshots = [message.snapshot for message in messages if isinstance(message, SnapshotTaken)]
    assert [snapshot.run for snapshot in snapshots] == [path.name for path in paths]
    assert [snapshot.curve("other").steps for snapshot in snapshots] == [50, 50]
    assert all({"loss", "accuracy"} <= set(snapshot.curves) for snapshot in snapshots)


def test_runs_that_cannot_be_read_do_not_stop_the_others(tmp_path: Path) -> None:
    unreadable, good = logged_run(tmp_path, "unreadable", 3), logged_run(tmp_path, "good", 3)
    (unreadable / EVENTS_FILE).unlink()
    (unreadable / EVENTS_FILE).mkdir()
    missing = tmp_path / "missing"
    first, second, third = read(missing, unreadable, good, messages=3)
    assert isinstance(first, RunNotOpened)
    assert first.run == "missing"
    assert isinstance(second, SnapshotTaken)
    assert EVENTS_FILE in (second.snapshot.damage or "")
    assert isinstance(third, SnapshotTaken)
    assert third.snapshot.curve("loss").steps == 3
