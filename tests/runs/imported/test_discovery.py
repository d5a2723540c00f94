"""The search for logs in a tree finds each of them once, and ends in any tree."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fashion_tui.runs.errors import DamagedRun
from fashion_tui.runs.imported import discovery
from fashion_tui.runs.imported.discovery import LogFinder, find_logs
from fashion_tui.runs.index import RunIndex
from fashion_tui.runs.store import list_runs, open_run
from fashion_tui.schema.errors import UserError
from tests.runs.parts import make_run

NOBODY = 65534


def log(folder: Path, name: str = "metrics.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("step,loss\n1,0.5\n")
    return folder


def test_logs_of_all_formats_are_found_at_any_depth(tmp_path: Path) -> None:
    log(tmp_path / "a" / "lightning_logs" / "version_0")
    log(tmp_path / "a" / "lightning_logs" / "version_1")
    log(tmp_path / "board" / "run" / "train", "events.out.tfevents.1.host")
    log(tmp_path / "board" / "run", "model.tfevents")
    log(tmp_path / "hf" / "checkpoint-5", "trainer_state.json")
    log(tmp_path / "hf" / "checkpoint-10", "trainer_state.json")
    log(tmp_path / "hf" / "runs" / "today", "events.out.tfevents.1.host")
    log(tmp_path / "other", "results.csv")
    log(tmp_path / ".hidden")
    (tmp_path / "folder" / "metrics.csv").mkdir(parents=True)
    assert find_logs(tmp_path).names == {
        "a/lightning_logs/version_0", "a/lightning_logs/version_1", "board/run/train", "board/run", "hf",
        "hf/runs/today",
    }  # fmt: skip


def test_the_root_itself_may_have_a_log(tmp_path: Path) -> None:
    log(tmp_path / "run")
    (listed,) = list_runs(tmp_path / "run")
    assert (listed.run, listed.step, listed.loss) == ("run", 1, 0.5)
    assert open_run(tmp_path / "run", "run").path == tmp_path / "run"


def test_ids_are_paths_from_the_runs_folder_and_may_be_abbreviated(tmp_path: Path) -> None:
    for name in ("one/version_0", "one/version_1", "two/version_0"):
        log(tmp_path / name)
    with make_run(tmp_path) as own:
        assert {run.run for run in list_runs(tmp_path)} == {own.id, "one/version_0", "one/version_1", "two/version_0"}
    assert open_run(tmp_path, "one/version_0").id == "one/version_0"
    assert open_run(tmp_path, "two").id == "two/version_0"
    assert open_run(tmp_path, str(tmp_path / "two" / "version_0")).path == tmp_path / "two" / "version_0"
    with pytest.raises(UserError, match=r"several.*one/version_0, one/version_1"):
        open_run(tmp_path, "one")


def test_links_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    log(tmp_path / "real" / "deep" / "run")
    log(tmp_path / "elsewhere" / "run")
    root = tmp_path / "root"
    root.mkdir()
    (root / "here").symlink_to(tmp_path / "elsewhere")
    (root / "loop").symlink_to(root)
    (root / "self").symlink_to("self")
    (root / "nowhere").symlink_to("missing")
    (root / "again").symlink_to(tmp_path / "elsewhere" / "run")
    finder = find_logs(root)
    assert len(finder.names) == 1
    assert finder.names < {"again", "here/run"}
    assert finder.problems == ()


def test_a_deep_or_large_tree_is_searched_within_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "deep"
    for depth in range(discovery.MAX_DEPTH + 3):
        deep /= str(depth)
    log(deep)
    log(tmp_path / "b" / "run")
    assert find_logs(tmp_path).names == {"b/run"}
    monkeypatch.setattr(discovery, "MAX_FOLDERS", 3)
    finder = find_logs(tmp_path)
    assert ["only the first 3 folders" in problem for problem in finder.problems] == [True]
    monkeypatch.setattr(discovery, "MAX_ENTRIES", 1)
    assert any("only the first 1 entries" in problem for problem in find_logs(tmp_path).problems)


def test_a_search_is_continued_and_unchanged_folders_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "FRESH_NS", -(10**18))
    for name in "abcdef":
        log(tmp_path / name / "run")
    read: list[str] = []
    original = LogFinder._read

    def read_and_count(self: LogFinder, name: str, path: str) -> object:
        read.append(name)
        return original(self, name, path)

    monkeypatch.setattr(LogFinder, "_read", read_and_count)
    finder = LogFinder(tmp_path)
    counts = []
    while not finder.search(seconds=0):
        counts.append(len(finder.names))
    assert counts == [0] * 7 + [1, 2, 3, 4, 5, 6]
    assert finder.names == {f"{name}/run" for name in "abcdef"}
    assert len(read) == len(set(read)) == 13
    read.clear()
    log(tmp_path / "c" / "new")
    shutil.rmtree(tmp_path / "d")
    assert finder.search()
    assert finder.names == {*(f"{name}/run" for name in "abcef"), "c/new"}
    assert sorted(read) == [".", "c", "c/new"]


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder whose parents can be read by all users."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_folder_without_read_permission_is_reported(shared_folder: Path) -> None:
    log(shared_folder / "open" / "run")
    closed = log(shared_folder / "closed" / "run").parent
    closed.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        finder = find_logs(shared_folder)
    finally:
        if is_root:
            os.seteuid(0)
        closed.chmod(0o700)
    assert finder.names == {"open/run"}
    assert finder.problems == ("the folder 'closed' can't be searched for logs: Permission denied",)


def test_the_index_lists_logs_beside_runs_and_notices_changes(tmp_path: Path) -> None:
    index = RunIndex(tmp_path)

    def listed() -> dict[str, int]:
        index._next_search = 0.0
        index.refresh(60)
        assert index.is_complete
        assert list(index.runs) == list_runs(tmp_path)
        return {run.run: run.step for run in index.runs}

    assert listed() == {}
    with make_run(tmp_path) as own:
        log(tmp_path / "x" / "run")
        assert listed() == {own.id: 0, "x/run": 1}
        with (tmp_path / "x" / "run" / "metrics.csv").open("a") as file:
            file.write("2,0.25\n")
        assert listed() == {own.id: 0, "x/run": 2}
        shutil.rmtree(tmp_path / "x")
        assert listed() == {own.id: 0}


def test_a_folder_whose_name_is_not_utf8_is_listed_as_damaged(tmp_path: Path) -> None:
    log(Path(os.fsdecode(os.fsencode(tmp_path / "lo") + b"\xff")))
    (listed,) = list_runs(tmp_path)
    assert listed.damage is not None
    assert "UTF-8" in listed.damage
    with pytest.raises(DamagedRun, match=r"'lo\ufffd'.*UTF-8"):
        open_run(tmp_path, listed.run)
