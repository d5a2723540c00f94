"""Requests reach the trainer once and in order, and their answers are found."""

import shutil
import subprocess
import threading
import time

import pytest

from fashion_tui.runs import requests
from fashion_tui.runs.control import ControlFolder
from fashion_tui.runs.requests import wait_for_answer
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import RequestHandled, Warned

from .parts import steps


def test_requests_are_pending_in_order_until_finished(run: Run) -> None:
    assert run.control.pending() == []
    requests = [run.control.request(action) for action in ("pause", "checkpoint", "resume", "stop")]
    pending = run.control.pending()
    assert [request.id for request in pending] == requests
    assert [request.action for request in pending] == ["pause", "checkpoint", "resume", "stop"]
    run.control.finish(pending[0])
    assert [request.id for request in run.control.pending()] == requests[1:]
    assert [request.id for request in ControlFolder(run.folder).pending()] == requests[1:]


def test_other_files_are_ignored_and_removed(run: Run) -> None:
    folder = run.path / "control"
    (folder / "pause").write_text("")
    (folder / "00000000000000000001-00000000.dance").write_text("")
    (folder / ".hidden").write_text("")
    (folder / "folder").mkdir()
    (folder / "00000000000000000001-00000000.stop").mkdir()
    request = run.control.request("stop")
    for _ in range(2):
        assert [pending.id for pending in run.control.pending()] == [request]
    assert {path.name for path in folder.iterdir()} == {request, "folder", "00000000000000000001-00000000.stop"}


def test_a_request_that_cannot_be_removed_is_finished_once(run: Run) -> None:
    """The file is immutable, as if its file system had become read-only. Not even root can remove it."""
    file = run.path / "control" / run.control.request("pause")
    if shutil.which("chattr") is None or subprocess.run(["chattr", "+i", file], check=False).returncode != 0:
        pytest.skip("needs a file system and a user that can make a file immutable")
    try:
        (request,) = run.control.pending()
        run.control.finish(request)
        assert file.exists()
        assert run.control.pending() == []
    finally:
        subprocess.run(["chattr", "-i", file], check=True)


def test_polling_is_fast(run: Run) -> None:
    started = time.thread_time()
    for _ in range(200):
        run.control.pending()
    assert (time.thread_time() - started) / 200 < 0.002


def test_a_deleted_folder_is_created_again(run: Run) -> None:
    (run.path / "control").rmdir()
    assert run.control.pending() == []
    request = run.control.request("pause")
    assert [pending.id for pending in run.control.pending()] == [request]
    run.control.clear()
    assert run.control.pending() == []


def test_an_unwritable_folder_is_reported(run: Run) -> None:
    (run.path / "control").rmdir()
    (run.path / "control").write_text("")
    with pytest.raises(UserError, match="control can't be opened"):
        requests.request_stop(run)


def answer(request: str) -> RequestHandled:
    return RequestHandled(time=time.time(), action="pause", request=request, step=7)


def test_a_later_answer_is_found(run: Run) -> None:
    with run.lock():
        writer = run.event_writer()
        writer.write(steps(1, 20_000))  # larger than the part of the log that is searched
        request = run.control.request("pause")
        timer = threading.Timer(0.1, lambda: writer.write(answer(request)))
        timer.start()
        result = wait_for_answer(run, request, timeout=60)
        timer.join()
    assert result is not None
    assert result.step == 7


def test_an_earlier_answer_is_found(run: Run) -> None:
    writer = run.event_writer()
    request = run.control.request("pause")
    writer.write(answer("another"))
    writer.write(answer(request))
    writer.write(Warned(time=1.0, message="hot"))
    assert wait_for_answer(run, request, timeout=0) is not None


def test_waiting_for_an_answer_times_out(run: Run) -> None:
    with run.lock():
        started = time.monotonic()
        assert wait_for_answer(run, run.control.request("pause"), timeout=0.2) is None
        assert time.monotonic() - started >= 0.2


def test_waiting_ends_if_the_request_is_removed_without_an_answer(run: Run) -> None:
    """This is what the trainer does if it can't carry out the request."""
    with run.lock():
        request = run.control.request("checkpoint")
        timer = threading.Timer(0.1, lambda: run.control.finish(run.control.pending()[0]))
        timer.start()
        started = time.monotonic()
        assert wait_for_answer(run, request, timeout=90) is None
        assert time.monotonic() - started < 60
        timer.join()


def test_waiting_ends_if_no_trainer_is_live(run: Run) -> None:
    started = time.monotonic()
    assert wait_for_answer(run, run.control.request("pause"), timeout=90) is None
    assert time.monotonic() - started < 60
