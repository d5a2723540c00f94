"""Requests reach the trainer, once and in order."""

import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from fashion_tui.runs.control import ControlBox, ask, clear, wait_answered
from fashion_tui.runs.events import EventWriter
from fashion_tui.runs.lock import RunLock
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import RequestHandled, Warned

from .parts import steps


def test_requests_come_once_in_order(run_path: Path) -> None:
    box = ControlBox(run_path)
    assert box.pending() == []
    asked = [ask(run_path, action) for action in ("pause", "checkpoint", "resume", "stop")]
    pending = box.pending()
    assert [request.id for request in pending] == asked
    assert [request.action for request in pending] == ["pause", "checkpoint", "resume", "stop"]
    box.done(pending[0])
    assert [request.id for request in box.pending()] == asked[1:]
    assert [request.id for request in ControlBox(run_path).pending()] == asked[1:]


def test_garbage_is_ignored_and_removed(run_path: Path) -> None:
    folder = run_path / "control"
    (folder / "pause").write_text("")
    (folder / "00000000000000000001-00000000.dance").write_text("")
    (folder / ".hidden").write_text("")
    (folder / "folder").mkdir()
    (folder / "00000000000000000001-00000000.stop").mkdir()
    asked = ask(run_path, "stop")
    box = ControlBox(run_path)
    assert [request.id for request in box.pending()] == [asked]
    assert [request.id for request in box.pending()] == [asked]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [asked, "folder", "00000000000000000001-00000000.stop"]
    )


def test_a_request_that_cannot_be_removed_is_not_done_twice(run_path: Path) -> None:
    """Not even by root, as on a file system that became read-only."""
    file = run_path / "control" / ask(run_path, "pause")
    if shutil.which("chattr") is None or subprocess.run(["chattr", "+i", file], check=False).returncode != 0:
        pytest.skip("needs a file system and a user that can make a file immutable")
    try:
        box = ControlBox(run_path)
        (request,) = box.pending()
        box.done(request)
        assert file.exists()
        assert box.pending() == []
    finally:
        subprocess.run(["chattr", "-i", file], check=True)


def test_looking_costs_next_to_nothing(run_path: Path) -> None:
    box = ControlBox(run_path)
    begun = time.perf_counter()
    for _ in range(200):
        box.pending()
    assert (time.perf_counter() - begun) / 200 < 0.002


def test_a_run_without_the_folder_can_be_asked(run_path: Path) -> None:
    (run_path / "control").rmdir()
    assert ControlBox(run_path).pending() == []
    asked = ask(run_path, "pause")
    assert [request.id for request in ControlBox(run_path).pending()] == [asked]
    clear(run_path)
    assert ControlBox(run_path).pending() == []


def test_a_folder_that_cannot_be_written_is_told(run_path: Path) -> None:
    (run_path / "control").rmdir()
    (run_path / "control").write_text("")
    with pytest.raises(UserError, match=r"can't ask run .* to pause"):
        ask(run_path, "pause")


def answer(run_path: Path, request: str) -> RequestHandled:
    return RequestHandled(time=time.time(), action="pause", request=request, step=7)


def test_an_answer_is_waited_for(run_path: Path) -> None:
    with RunLock(run_path):
        writer = EventWriter(run_path, run_path.name)
        writer.write(steps(1, 20_000))  # more than is searched for an answer
        request = ask(run_path, "pause")
        timer = threading.Timer(0.1, lambda: writer.write(answer(run_path, request)))
        timer.start()
        found = wait_answered(run_path, request, timeout=10)
        timer.join()
    assert found is not None
    assert found.step == 7


def test_an_answer_that_is_there_already_is_found(run_path: Path) -> None:
    writer = EventWriter(run_path, run_path.name)
    request = ask(run_path, "pause")
    writer.write(answer(run_path, "another"))
    writer.write(answer(run_path, request))
    writer.write(Warned(time=1.0, message="hot"))
    assert wait_answered(run_path, request, timeout=0) is not None


def test_no_answer_in_time(run_path: Path) -> None:
    with RunLock(run_path):
        begun = time.monotonic()
        assert wait_answered(run_path, ask(run_path, "pause"), timeout=0.2) is None
        assert time.monotonic() - begun >= 0.2


def test_a_request_that_was_taken_away_unanswered_is_not_waited_for(run_path: Path) -> None:
    """The trainer couldn't do it."""
    with RunLock(run_path):
        request = ask(run_path, "checkpoint")
        box = ControlBox(run_path)
        timer = threading.Timer(0.1, lambda: box.done(box.pending()[0]))
        timer.start()
        begun = time.monotonic()
        assert wait_answered(run_path, request, timeout=30) is None
        assert time.monotonic() - begun < 5
        timer.join()


def test_nobody_is_waited_for_when_the_trainer_is_gone(run_path: Path) -> None:
    begun = time.monotonic()
    assert wait_answered(run_path, ask(run_path, "pause"), timeout=30) is None
    assert time.monotonic() - begun < 5
