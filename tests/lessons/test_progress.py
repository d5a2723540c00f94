"""How far a person has come is remembered, whatever becomes of the file."""

from pathlib import Path

import pytest

from fashion_tui.lessons.progress import Progress


def loaded(path: Path) -> Progress:
    progress = Progress()
    progress.load(path)
    return progress


def test_it_is_kept_from_session_to_session(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lessons.json"
    first = loaded(path)
    assert first.steps_done("04") == 0
    first.finish_step("04", 1, 3)
    first.finish_step("01", 2, 2)
    again = loaded(path)
    assert (again.steps_done("04"), again.is_finished("04")) == (1, False)
    assert again.is_finished("01")
    again.finish_step("01", 1, 2)  # once more from the start
    assert again.is_finished("01")
    again.forget("01")
    assert not loaded(path).is_finished("01")


def test_two_sessions_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "lessons.json"
    one, other = loaded(path), loaded(path)
    one.finish_step("01", 1, 1)
    other.finish_step("02", 1, 1)
    assert loaded(path).is_finished("01")
    assert loaded(path).is_finished("02")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]", b'{"01": 3}'])
def test_a_file_that_cannot_be_read_is_as_if_it_were_not_there(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lessons.json"
    path.write_bytes(content)
    progress = loaded(path)
    assert progress.steps_done("01") == 0
    progress.finish_step("01", 1, 2)
    assert loaded(path).steps_done("01") == 1


def test_where_nothing_can_be_written_it_is_remembered_for_now(tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    progress = loaded(blocked / "lessons.json")
    progress.finish_step("01", 1, 1)
    assert progress.is_finished("01")
