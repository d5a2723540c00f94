"""How far one has come is there again in the next session, and in the one beside."""

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


def test_a_step_that_is_run_again_takes_nothing_back(tmp_path: Path) -> None:
    progress = progress_at(tmp_path / "lessons.json")
    progress.finish_step("01", 2, 2)
    progress.finish_step("01", 1, 3)  # it has grown by a step since
    assert (progress.steps_done("01"), progress.is_finished("01")) == (2, True)


def test_who_starts_over_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "lessons.json"
    progress = progress_at(path)
    progress.finish_step("01", 2, 2)
    progress.forget("01")
    progress.forget("never begun")
    for one in (progress, progress_at(path)):
        assert (one.steps_done("01"), one.is_finished("01")) == (0, False)


def test_sessions_that_share_the_file_keep_each_others_steps(tmp_path: Path) -> None:
    path = tmp_path / "lessons.json"
    first, second = progress_at(path), progress_at(path)
    first.finish_step("01", 1, 2)
    second.finish_step("02", 1, 1)
    second.finish_step("01", 2, 2)
    first.finish_step("03", 1, 2)
    assert first.is_finished("01")
    assert first.is_finished("02")
    second.forget("03")
    first.finish_step("04", 1, 2)
    assert [progress_at(path).steps_done(lesson) for lesson in ("01", "02", "03", "04")] == [2, 1, 0, 1]


def test_what_cannot_be_read_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    path = tmp_path / "lessons.json"
    for damage in (b"", b"\xff\xfe", b"[1, 2]", b'{"01": {"steps": "many"}}', b'{"01": {"steps": 1'):
        path.write_bytes(damage)
        progress = progress_at(path)
        assert progress.steps_done("01") == 0
        progress.finish_step("01", 1, 1)
        assert progress_at(path).is_finished("01")


def test_without_a_place_to_write_the_session_still_remembers(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    progress = progress_at(blocked / "lessons.json")  # can't be made, whoever runs this
    progress.finish_step("01", 1, 2)
    progress.finish_step("02", 1, 1)
    assert progress.steps_done("01") == 1
    assert progress.is_finished("02")


def test_a_folder_that_opens_up_again_gets_what_it_missed(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lessons.json"
    progress_at(path).finish_step("01", 1, 1)
    closed = path.parent.rename(tmp_path / "away")
    path.parent.write_text("no folder")
    progress = progress_at(path)
    progress.finish_step("02", 1, 1)
    path.parent.unlink()
    closed.rename(path.parent)
    progress.finish_step("03", 1, 1)
    again = progress_at(path)
    assert [again.is_finished(lesson) for lesson in ("01", "02", "03")] == [True, True, True]
