"""What runs take is told, and only what nobody will miss is taken away."""

import time
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from fashion_tui.runs.checkpoints import CheckpointStore
from fashion_tui.runs.disk import prunable, prune, usage
from fashion_tui.runs.lock import LockHeld, RunLock
from fashion_tui.runs.store import list_runs, load_status, summarise, write_status

from .parts import make_run

KILOBYTE = b"." * 1000


def save(run_path: Path, step: int, *, best: bool = False) -> None:
    def write(file: BinaryIO) -> None:
        file.write(KILOBYTE)

    CheckpointStore(run_path).save(write, step=step, epoch=1, best=best)


def end(run_path: Path) -> None:
    write_status(run_path, msgspec.structs.replace(load_status(run_path), state="stopped"))


@pytest.fixture
def ended(run_path: Path) -> Path:
    """A run with its best checkpoint, and the two newest."""
    for step in (1, 2, 3):
        save(run_path, step, best=step == 1)
    end(run_path)
    return run_path


def test_what_a_run_takes(ended: Path) -> None:
    files = [file for file in ended.rglob("*") if file.is_file()]
    taken = usage(ended)
    assert taken.total == sum(file.stat().st_size for file in files)
    assert 3000 < taken.checkpoints < 5000
    summary = summarise(ended)
    assert (summary.disk_bytes, summary.checkpoint_bytes) == (taken.total, taken.checkpoints)


def test_the_newest_and_the_best_checkpoint_stay(ended: Path) -> None:
    before = usage(ended).total
    (found,) = prunable(list_runs(ended.parent))
    assert usage(ended).total == before, "asking takes nothing away"
    pruned = prune(ended)
    assert pruned == found
    assert 1000 < pruned.bytes < 2000
    store = CheckpointStore(ended)
    latest, best = store.latest(), store.best()
    assert latest is not None
    assert best is not None
    assert (latest.step, best.step, store.steps()) == (3, 1, [3, 1])
    assert not prunable(list_runs(ended.parent))
    assert (ended / "config.json").exists()


def test_the_newest_whole_one_stays_where_a_newer_one_is_damaged(ended: Path) -> None:
    (ended / "checkpoints" / "step-3.pt").write_bytes(b"short")
    prune(ended)
    latest = CheckpointStore(ended).latest()
    assert latest is not None
    assert latest.step == 2


def test_nothing_is_taken_where_no_checkpoint_is_whole(ended: Path) -> None:
    for step in (1, 2, 3):
        (ended / "checkpoints" / f"step-{step}.pt").write_bytes(b"short")
    assert not prunable(list_runs(ended.parent))
    assert prune(ended).bytes == 0


def test_a_live_run_is_never_touched(ended: Path) -> None:
    before = usage(ended)
    with RunLock(ended):
        assert not prunable(list_runs(ended.parent))
        with pytest.raises(LockHeld):
            prune(ended)
    assert usage(ended).checkpoints == before.checkpoints


def test_a_run_that_is_about_to_start_is_never_touched(runs_dir: Path) -> None:
    run_path = make_run(runs_dir)
    for step in (1, 2):
        save(run_path, step)
    (run_path / "trainer.log").touch()
    write_status(run_path, msgspec.structs.replace(load_status(run_path), heartbeat=time.time()))
    assert not prunable(list_runs(runs_dir))
    with pytest.raises(LockHeld):
        prune(run_path)
