"""Progress is kept between sessions and shared by concurrent ones."""

import stat
from pathlib import Path

from fashion_tui.lessons.progress import Progress


def progress_at(path: Path) -> Progress:
    progress = Progress()
    progress.load(path)
    return progress


def test_steps_and_finished_lessons_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lessons.json"
    progress = progress_at(path)
    assert (progress.steps_done("01"), progress.is_finished("01")) == (0, False)
    progress.finish_step("01", 1, 2)
    assert (progress.steps_done("01"), progress.is_finished("01")) == (1, False)
    progress.finish_step("01", 2, 2)
    progress.finish_step("02", 3, 7)
    again = progress_at(path)
    assert (again.steps_done("01"), again.is_finished("01")) == (2, True)
    assert (again.steps_done("02"), again.is_finished("02")) == (3, False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_repeating_a_step_does_not_reduce_the_progress(tmp_path: Path) -> None:
    progress = progress_at(tmp_path / "lessons.json")
    progress.finish_step("01", 2, 2)
    progress.finish_step("01", 1, 3)  # the lesson has one more step now
    assert (progress.steps_done("01"), progress.is_finished("01")) == (2, True)


def test_sessions_that_share_the_file_keep_each_others_progress(tmp_path: Path) -> None:
    path = tmp_path / "lessons.json"
    first, second = progress_at(path), progress_at(path)
    first.finish_step("01", 1, 2)
    second.finish_step("02", 1, 1)
    second.finish_step("01", 2, 2)
    first.finish_step("03", 1, 2)
    assert first.is_finished("01")
    assert first.is_finished("02")
    assert [progress_at(path).steps_done(lesson) for lesson in ("01", "02", "03")] == [2, 1, 1]


def test_a_damaged_file_counts_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "lessons.json"
    for damage in (b"", b"\xff\xfe", b"[1, 2]", b'{"01": {"steps": "many"}}', b'{"01": {"steps": 1'):
        path.write_bytes(damage)
        progress = progress_at(path)
        assert progress.steps_done("01") == 0
        progress.finish_step("01", 1, 1)
        assert progress_at(path).is_finished("01")


def test_without_a_writable_directory_the_session_still_keeps_its_progress(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    progress = progress_at(blocked / "lessons.json")  # can't be created, not even by root
    progress.finish_step("01", 1, 2)
    progress.finish_step("02", 1, 1)
    assert progress.steps_done("01") == 1
    assert progress.is_finished("02")


def test_progress_is_written_once_the_directory_is_writable_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lessons.json"
    progress_at(path).finish_step("01", 1, 1)
    moved = path.parent.rename(tmp_path / "away")
    path.parent.write_text("not a directory")
    progress = progress_at(path)
    progress.finish_step("02", 1, 1)
    path.parent.unlink()
    moved.rename(path.parent)
    progress.finish_step("03", 1, 1)
    again = progress_at(path)
    assert [again.is_finished(lesson) for lesson in ("01", "02", "03")] == [True, True, True]
