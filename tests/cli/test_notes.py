"""`rename`, `tag` and `note`."""

import json
from pathlib import Path

import pytest

from fashion_tui.runs.run import Run
from tests.runs.parts import make_run

from .conftest import Call, assert_error


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(tmp_path / "runs")


def saved(run: Run) -> object:
    return json.loads((run.path / "notes.json").read_text())


@pytest.mark.covers("rename --json", "rename --runs")
def test_rename_changes_the_title_and_nothing_else(run: Run, call_in_process: Call) -> None:
    config = (run.path / "config.json").read_bytes()
    result = call_in_process("rename", "latest", "my title", "--json", "--runs", run.path.parent)
    assert (result.status, result.err) == (0, "")
    assert result.json == {"run": run.id, "title": "my title", "tags": [], "note": ""}
    assert saved(run) == {"title": "my title", "tags": [], "note": ""}
    assert (run.path / "config.json").read_bytes() == config
    assert "title removed" in call_in_process("rename", run.path, "").out


@pytest.mark.covers("tag --remove", "tag --json", "tag --runs")
def test_tags_are_added_removed_and_printed(run: Run, call_in_process: Call) -> None:
    tagged = call_in_process("tag", "latest", "paper", "baseline", "--runs", run.path.parent)
    assert tagged.out == f"{run.id}: tags: paper, baseline\n"
    removed = call_in_process("tag", run.path, "--remove", "paper", "new", "--json")
    assert removed.json == {"run": run.id, "title": "", "tags": ["baseline", "new"], "note": ""}
    assert call_in_process("tag", run.path).out == f"{run.id}: tags: baseline, new\n"
    assert_error(call_in_process("tag", run.path, "a", "--remove", "a"), 2, "'a'")


@pytest.mark.covers("note --json", "note --runs")
def test_a_note_is_written_and_printed(run: Run, call_in_process: Call) -> None:
    assert call_in_process("note", run.path).out == f"{run.id}: no note\n"
    written = call_in_process("note", "latest", "first\nsecond", "--json", "--runs", run.path.parent)
    assert written.json == {"run": run.id, "title": "", "tags": [], "note": "first\nsecond"}
    assert call_in_process("note", run.path).out == f"{run.id}: note:\nfirst\nsecond\n"
    assert call_in_process("note", run.path, "one line").out == f"{run.id}: note: one line\n"
    assert "note removed" in call_in_process("note", run.path, "").out


def test_damaged_notes_are_reported_in_one_line_and_kept(run: Run, call_in_process: Call) -> None:
    (run.path / "notes.json").write_text("{")
    assert_error(call_in_process("rename", run.path, "new"), 1, "notes.json", run.id)
    assert (run.path / "notes.json").read_text() == "{"


@pytest.mark.covers(
    "rename --data", "rename --dataset", "rename --image-size", "rename --fit",
    "tag --data", "tag --dataset", "tag --image-size", "tag --fit",
    "note --data", "note --dataset", "note --image-size", "note --fit",
)  # fmt: skip
def test_the_data_set_has_no_effect(run: Run, call_in_process: Call, tmp_path: Path) -> None:
    none = tmp_path / "none"
    ignored = ("--data", none, "--dataset", "fashion-mnist", "--image-size", 16, "--fit", "crop")
    for command in ("rename", "tag", "note"):
        result = call_in_process(command, run.path, "text")
        assert result.status == 0
        assert call_in_process(command, run.path, "text", *ignored) == result
    assert not none.exists()
