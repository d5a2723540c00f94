"""Titles, tags and notes: written atomically, limited in size, and never lost."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fashion_tui.runs.notes import read_notes, rename, tag, write_note
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import list_runs
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.notes import Notes

from .parts import make_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(tmp_path)


def test_a_run_without_the_file_has_empty_notes(run: Run) -> None:
    assert read_notes(run.folder) == Notes(title="", tags=(), note="")


def test_each_change_keeps_the_other_fields(run: Run) -> None:
    rename(run.folder, " a\ttitle ")
    tag(run.folder, add=["one", "two", "one"])
    write_note(run.folder, "two\nlines")
    assert tag(run.folder, add=["three"], remove=["one", "none"]).tags == ("two", "three")
    assert json.loads((run.path / "notes.json").read_text()) == {
        "title": "a title", "tags": ["two", "three"], "note": "two\nlines"
    }  # fmt: skip
    (summary,) = list_runs(run.path.parent)
    assert (summary.title, summary.tags, summary.note) == ("a title", ("two", "three"), "two\nlines")
    assert (summary.run, summary.damage) == (run.id, None)


@pytest.mark.parametrize(
    "content", [b"", b'{"title": ', b'{"title": 3}', b'{"colour": "red"}', b"\xff", b"[" * 100_000, b" " * (1 << 20)]
)
def test_a_damaged_file_is_reported_and_kept(run: Run, content: bytes) -> None:
    file = run.path / "notes.json"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"notes\.json can't be read") as caught:
        rename(run.folder, "new")
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == content
    (summary,) = list_runs(run.path.parent)
    assert "notes.json" in (summary.damage or "")
    assert (summary.recipe, summary.title) == ("guide", "")
    run.check()


def test_a_link_is_not_followed(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"title": "secret"}')
    (run.path / "notes.json").symlink_to(other)
    with pytest.raises(UserError, match="symbolic link"):
        rename(run.folder, "new")
    assert other.read_text() == '{"title": "secret"}'


def test_tags_added_at_the_same_time_are_all_kept(run: Run) -> None:
    def add(name: str) -> None:
        with Run(run.path) as viewer:
            tag(viewer.folder, add=[name])

    names = [f"tag{number}" for number in range(20)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, names))
    assert sorted(read_notes(run.folder).tags) == sorted(names)


def test_text_that_is_too_long_is_refused_and_changes_nothing(run: Run) -> None:
    rename(run.folder, "x" * 200)
    changes: list[Callable[[], object]] = [
        lambda: rename(run.folder, "x" * 201),
        lambda: write_note(run.folder, "x" * 10_001),
        lambda: tag(run.folder, add=["x" * 51]),
        lambda: tag(run.folder, add=[str(number) for number in range(51)]),
        lambda: tag(run.folder, add=["two words"]),
        lambda: tag(run.folder, add=[""]),
    ]
    for change in changes:
        with pytest.raises(UsageError):
            change()
    assert read_notes(run.folder) == Notes(title="x" * 200)
