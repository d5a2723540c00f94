"""The index of runs gives the same list as a complete read, without rereading unchanged runs."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs import index as index_module
from fashion_tui.runs.index import RunIndex
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import list_runs, summarise_path
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import RunSummary, State

from .parts import make_run


def refreshed(index: RunIndex, seconds: float = 60) -> list[RunSummary]:
    index.refresh(seconds)
    return list(index.runs)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that were read, in order."""
    names: list[str] = []

    def summarise_and_count(path: Path, runs_dir: Path) -> RunSummary:
        names.append(path.name)
        return summarise_path(path, runs_dir)

    monkeypatch.setattr(index_module, "summarise_path", summarise_and_count)
    return names


def ended_run(runs_dir: Path, name: str, state: State = "finished") -> Run:
    run = make_run(runs_dir, name=name)
    run.write_status(msgspec.structs.replace(run.read_status(), state=state))
    return run


def test_only_what_has_changed_is_read_again(tmp_path: Path, read: list[str]) -> None:
    runs = [ended_run(tmp_path, name) for name in ("first", "second", "third")]
    index = RunIndex(tmp_path)
    assert refreshed(index) == list_runs(tmp_path)
    assert sorted(read) == sorted(run.id for run in runs)
    changes: tuple[Callable[[Run], object], ...] = (
        lambda run: run.write_status(msgspec.structs.replace(run.read_status(), step=7)),
        lambda run: (run.path / "config.json").write_bytes((run.path / "config.json").read_bytes() + b" "),
        lambda run: run.checkpoints.save(lambda _file: None, step=1, epoch=0),
        lambda run: (run.path / "status.json").write_text("{"),
        lambda run: os.truncate(run.path / "status.json", 0),
    )
    for change in changes:
        read.clear()
        assert refreshed(index) == list_runs(tmp_path)
        assert read == []
        change(runs[1])
        assert refreshed(index) == list_runs(tmp_path)
        assert read == [runs[1].id]


def test_new_deleted_and_live_runs(tmp_path: Path, read: list[str]) -> None:
    index = RunIndex(tmp_path / "runs")
    assert refreshed(index) == []
    first, live = ended_run(tmp_path / "runs", "first"), make_run(tmp_path / "runs", name="live")
    assert [run.run for run in refreshed(index)] == [live.id, first.id]
    read.clear()
    with live.lock():
        live.write_status(msgspec.structs.replace(live.read_status(), state="running", step=3))
        refreshed(index)
        read.clear()
        assert refreshed(index) == list_runs(tmp_path / "runs")
        assert read == [live.id], "a live run is read each time"
    shutil.rmtree(first.path)
    assert [run.run for run in refreshed(index)] == [live.id]
    (tmp_path / "runs").rename(tmp_path / "moved")
    for _ in range(2):
        with pytest.raises(UserError, match="no longer exists"):
            index.refresh(60)
        assert index.runs == ()
    (tmp_path / "moved").rename(tmp_path / "runs")
    assert [run.run for run in refreshed(index)] == [live.id]


def test_many_runs_are_read_in_parts_newest_first(tmp_path: Path) -> None:
    original = ended_run(tmp_path, "run")
    for number in range(200):
        shutil.copytree(original.path, tmp_path / f"20250101-{number:06d}-run-aaaa")
    index = RunIndex(tmp_path)
    assert [run.run for run in refreshed(index, 0)] == [original.id]
    parts, listed = 1, list[RunSummary]()
    while not index.is_complete:
        listed = refreshed(index, 0.01)
        parts += 1
    assert listed == list_runs(tmp_path)
    assert parts > 2

    oldest = tmp_path / "20250101-000000-run-aaaa"
    with Run(oldest) as run:
        run.write_status(msgspec.structs.replace(run.read_status(), step=9))
    for _ in range(1 + 201 // index_module.MIN_CHECKED):
        listed = refreshed(index, 0)
    assert listed == list_runs(tmp_path), "within a few refreshes, however short they are"
