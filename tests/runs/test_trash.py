"""Deleted runs are moved to the trash, from which they can be restored. Live runs are never deleted."""

import os
import time
from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs.lock import LockHeld
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import list_runs
from fashion_tui.runs.trash import delete, deleted_runs, remove_old, restore
from fashion_tui.schema.errors import UserError

from .parts import make_run, steps


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """An ended run with a log."""
    run = make_run(tmp_path)
    with run.lock():
        writer = run.event_writer()
        writer.write(steps(1, 10))
        writer.close()
    run.write_status(msgspec.structs.replace(run.read_status(), state="stopped"))
    return run


def ended(run: Run) -> Run:
    run.write_status(msgspec.structs.replace(run.read_status(), state="stopped"))
    return run


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != "run.lock")
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_a_deleted_run_is_restored_unchanged(run: Run) -> None:
    os.utime(run.path, (1e9, 1e9))
    runs_dir, before, start = run.path.parent, contents(run.path), time.time()
    path = delete(run, runs_dir)
    assert path == runs_dir / ".trash" / run.id
    assert start - 1 <= path.stat().st_mtime <= time.time() + 1
    assert (list_runs(runs_dir), run.path.exists()) == ([], False)
    assert restore(runs_dir, run.id) == run.path
    assert contents(run.path) == before
    assert [each.run for each in list_runs(runs_dir)] == [run.id]


def test_a_run_whose_lock_is_held_is_not_deleted(run: Run) -> None:
    with run.lock(), pytest.raises(LockHeld):
        delete(run, run.path.parent)
    assert run.path.exists()


def test_a_run_with_a_recent_heartbeat_is_not_deleted(run: Run) -> None:
    """Its trainer may be on another machine, from which a network file system doesn't report the lock."""
    status = msgspec.structs.replace(run.read_status(), state="running", heartbeat=time.time(), host="elsewhere")
    run.write_status(status)
    with pytest.raises(LockHeld):
        delete(run, run.path.parent)
    assert run.path.exists()


@pytest.mark.parametrize("file", ["config.json", "status.json", "run.lock", "events.jsonl"])
def test_a_damaged_run_can_be_deleted(run: Run, file: str) -> None:
    (run.path / file).unlink(missing_ok=True)
    (run.path / file).mkdir()
    assert delete(run, run.path.parent).is_dir()
    assert not run.path.exists()


def test_only_directories_of_the_runs_folder_are_deleted(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    link = other / run.id
    link.symlink_to(run.path)
    for path, runs_dir in ((run.path, other), (link, other), (link, tmp_path)):
        with Run(path) as opened, pytest.raises(UserError, match="isn't a directory of the runs folder"):
            delete(opened, runs_dir)
    assert run.path.exists()


def test_a_run_is_restored_by_a_unique_prefix_with_or_without_the_time(run: Run) -> None:
    runs_dir = run.path.parent
    for name in (run.id[:-2], run.id.split("-", 2)[2][:-2]):
        with Run(run.path) as opened:
            delete(opened, runs_dir)
        assert restore(runs_dir, name) == run.path


def test_nothing_is_overwritten(run: Run) -> None:
    runs_dir = run.path.parent
    with pytest.raises(UserError, match="the trash is empty"):
        restore(runs_dir, run.id)
    trashed = delete(run, runs_dir)
    (runs_dir / run.id).mkdir()
    with pytest.raises(UserError, match="already contains"):
        restore(runs_dir, run.id)
    with Run(run.path) as second, pytest.raises(UserError, match="already contains"):
        delete(second, runs_dir)
    assert (trashed / "config.json").is_file()
    with pytest.raises(UserError, match=f"choose from {run.id}"):
        restore(runs_dir, "unknown")


def test_only_runs_that_were_deleted_more_than_a_week_ago_are_removed(run: Run) -> None:
    folder, now = run.path.parent, time.time()
    old, young, link = make_run(folder, name="old"), make_run(folder, name="young"), make_run(folder, name="link")
    for other in (old, young):
        os.utime(delete(ended(other), folder), (now, now - (8 if other is old else 6) * 86400))
    outside = link.path.rename(folder / ".outside")
    (folder / ".trash" / link.id).symlink_to(outside)
    os.utime(outside, (now, now - 8 * 86400))
    left_over = folder / ".trash" / ".20200101-000000-x-abcd.removed"
    left_over.mkdir()
    assert next(summary.run for summary, _ in deleted_runs(folder)) == young.id
    assert remove_old(folder) == [old.id]
    assert {path.name for path in (folder / ".trash").iterdir()} == {young.id, link.id}
    assert (outside / "config.json").exists()
    assert remove_old(folder) == []
    assert restore(folder, young.id).exists()
    assert remove_old(folder.parent / "nothing") == []
