"""The size of runs, and removing their older checkpoints."""

import time
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from fashion_tui.runs.lock import LockHeld
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import list_runs, prunable, prune, summarise

from .parts import make_run

KILOBYTE = b"." * 1000


def save(run: Run, step: int, *, best: bool = False) -> None:
    def write(file: BinaryIO) -> None:
        file.write(KILOBYTE)

    run.checkpoints.save(write, step=step, epoch=1, best=best)


@pytest.fixture
def ended(run: Run) -> Run:
    """A stopped run with three checkpoints: the best one and the two newest."""
    for step in (1, 2, 3):
        save(run, step, best=step == 1)
    run.write_status(msgspec.structs.replace(run.read_status(), state="stopped"))
    return run


def runs_of(run: Run) -> tuple[object, ...]:
    return prunable(list_runs(run.path.parent))


def test_the_size_of_a_run(ended: Run) -> None:
    files = [file for file in ended.path.rglob("*") if file.is_file()]
    contents = ended.contents()
    assert contents.bytes == sum(file.stat().st_size for file in files)
    assert 3000 < contents.checkpoint_bytes < 5000
    summary = summarise(ended)
    assert (summary.disk_bytes, summary.checkpoint_bytes) == (contents.bytes, contents.checkpoint_bytes)


def test_the_newest_and_the_best_checkpoint_are_kept(ended: Run) -> None:
    before = ended.contents().bytes
    (expected,) = runs_of(ended)
    assert ended.contents().bytes == before, "listing what is prunable removes nothing"
    pruned = prune(ended)
    assert pruned == expected
    assert 1000 < pruned.bytes < 2000
    latest, best = ended.checkpoints.latest(), ended.checkpoints.best()
    assert latest is not None
    assert best is not None
    assert (latest.step, best.step, ended.checkpoints.steps()) == (3, 1, [3, 1])
    assert not runs_of(ended)
    assert (ended.path / "config.json").exists()


def test_the_newest_intact_checkpoint_is_kept(ended: Run) -> None:
    (ended.path / "checkpoints" / "step-3.pt").write_bytes(b"short")
    prune(ended)
    latest = ended.checkpoints.latest()
    assert latest is not None
    assert latest.step == 2


def test_nothing_is_removed_if_no_checkpoint_is_intact(ended: Run) -> None:
    for step in (1, 2, 3):
        (ended.path / "checkpoints" / f"step-{step}.pt").write_bytes(b"short")
    assert not runs_of(ended)
    assert prune(ended).bytes == 0


def test_a_live_run_is_not_pruned(ended: Run) -> None:
    before = ended.contents()
    with ended.lock():
        assert not runs_of(ended)
        with pytest.raises(LockHeld):
            prune(ended)
    assert ended.contents().checkpoint_bytes == before.checkpoint_bytes


def test_a_run_that_is_about_to_start_is_not_pruned(runs_dir: Path) -> None:
    run = make_run(runs_dir)
    for step in (1, 2):
        save(run, step)
    (run.path / "trainer.log").touch()
    run.write_status(msgspec.structs.replace(run.read_status(), heartbeat=time.time()))
    assert not prunable(list_runs(runs_dir))
    with pytest.raises(LockHeld):
        prune(run)
