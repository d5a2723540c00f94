"""Runs that a script logs: their end, requests, other processes, and folders that can't be written."""

import multiprocessing
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from fashion_tui.runs import log_run, requests
from fashion_tui.runs.layout import EVENTS_FILE
from fashion_tui.runs.script.logged_run import LoggedRun
from fashion_tui.runs.store import list_runs, summarise
from fashion_tui.schema.events import Failed, RequestHandled, ScriptEnded, Stopped, Warned
from tests.runs.parts import wait_until as wait_for

from .parts import events_of, metrics_of, opened

Printed = pytest.CaptureFixture[str]


def wait_until(condition: Callable[[], bool]) -> None:
    wait_for(condition, seconds=90)


def state_of(run: LoggedRun) -> tuple[str, int, str | None]:
    with opened(run) as stored:
        summary = summarise(stored, trust_heartbeat=False)
        assert not stored.is_locked()
        return summary.state, summary.step, summary.message


class CustomError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [
        (None, "finished", None),
        (SystemExit(0), "finished", None),
        (ValueError("x is\n  negative"), "failed", "ValueError: x is"),
        (CustomError(), "failed", f"{__name__}.CustomError"),
        (SystemExit("no data"), "failed", "SystemExit: no data"),
        (KeyboardInterrupt(), "stopped", None),
    ],
    ids=["none", "exit", "error", "custom error", "exit status", "ctrl-c"],
)
def test_the_state_says_how_the_script_ended(
    error: BaseException | None, state: str, message: str | None, tmp_path: Path
) -> None:
    def script() -> None:
        with run:
            run.log(3, loss=0.5)
            if error is not None:
                raise error

    run = log_run("net", runs=tmp_path)
    if error is None:
        script()
    else:
        with pytest.raises(type(error)):
            script()
    assert state_of(run) == (state, 3, message)
    assert isinstance(events_of(run)[-1], {"finished": ScriptEnded, "failed": Failed, "stopped": Stopped}[state])
    assert metrics_of(run) == {"loss": {3: 0.5}}


def test_nothing_is_logged_after_the_end(tmp_path: Path, capsys: Printed) -> None:
    with log_run("net", runs=tmp_path) as run:
        run.log(1, loss=0.5)
    before = events_of(run)
    for _ in range(3):
        run.log(2, loss=0.5)
    run.close()
    assert events_of(run) == before
    assert capsys.readouterr().err.count("\n") == 1


def test_two_runs_may_be_logged_at_once(tmp_path: Path) -> None:
    with log_run("a", runs=tmp_path) as first, log_run("b", runs=tmp_path) as second:
        first.log(1, loss=0.5)
        second.log(2, loss=0.25)
    assert (metrics_of(first), metrics_of(second)) == ({"loss": {1: 0.5}}, {"loss": {2: 0.25}})


@pytest.mark.parametrize("name", ["", "\udcff\x1b", "...", "x" * 300, 5])
def test_a_run_may_have_any_name(name: Any, tmp_path: Path, capsys: Printed) -> None:
    with log_run(name, runs=tmp_path):
        pass
    (listed,) = list_runs(tmp_path)
    assert (listed.state, listed.damage) == ("finished", None)
    assert capsys.readouterr().err == ""


def test_a_call_takes_at_most_five_microseconds(tmp_path: Path) -> None:
    """The median hardly depends on how busy the machine is."""
    seconds = []
    with log_run("net", runs=tmp_path) as run:
        for step in range(50_000):
            started = time.perf_counter()
            run.log(step, loss=0.5, accuracy=0.25)
            seconds.append(time.perf_counter() - started)
    assert median(seconds) <= 5e-6
    with opened(run) as stored:
        assert summarise(stored).step == 49_999


# Requests


def test_a_user_stops_the_script(tmp_path: Path) -> None:
    with log_run("net", runs=tmp_path) as run, opened(run) as stored:
        run.log(8, loss=0.5)
        assert not run.should_stop
        requests.request_stop(stored)
        wait_until(lambda: run.should_stop)
    assert state_of(run) == ("stopped", 8, None)
    assert [event.action for event in events_of(run) if isinstance(event, RequestHandled)] == ["stop"]
    with opened(run) as stored:
        assert stored.control.pending() == []


def test_another_request_is_answered_by_a_warning(tmp_path: Path) -> None:
    with log_run("net", runs=tmp_path) as run, opened(run) as stored:
        request = stored.control.request("pause")
        wait_until(lambda: not stored.control.is_pending(request))
    (warned,) = [event for event in events_of(run) if isinstance(event, Warned)]
    assert "pause" in warned.message
    assert not run.should_stop


def test_the_status_is_current_while_the_script_computes(tmp_path: Path) -> None:
    with log_run("net", runs=tmp_path) as run, opened(run) as stored:
        run.log(41, loss=0.125)
        wait_until(lambda: stored.read_status().step == 41)
        status = stored.read_status()
        assert (status.state, status.loss, status.pid) == ("running", 0.125, os.getpid())
        assert stored.is_locked()
        wait_until(lambda: stored.read_status().heartbeat > status.heartbeat)


# Other processes


def in_fork(function: Callable[[], object]) -> int:
    """Call a function in a forked process, and return the exit status."""
    process = multiprocessing.get_context("fork").Process(target=function)
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def test_a_forked_process_logs_nothing_and_says_so_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with log_run("net", runs=tmp_path) as run:
        run.log(1, loss=0.5)

        def log_in_child() -> None:
            for step in range(2, 5):
                run.log(step, loss=99.0)
            run.close()

        assert in_fork(log_in_child) == 0
        with opened(run) as stored:
            assert stored.is_locked()
        run.log(2, loss=0.25)
    assert state_of(run) == ("finished", 2, None)
    assert metrics_of(run) == {"loss": {1: 0.5, 2: 0.25}}
    (line,) = capfd.readouterr().err.splitlines()
    assert "process" in line


def test_a_copy_in_another_process_logs_nothing_and_says_so_once(tmp_path: Path, capsys: Printed) -> None:
    """`multiprocessing` with spawn pickles the arguments of a process."""
    with log_run("net", runs=tmp_path) as run:
        copy = pickle.loads(pickle.dumps(run))  # noqa: S301
        for step in range(3):
            copy.log(step, loss=99.0)
        copy.watch(None)
        copy.close()
        assert (copy.id, copy.should_stop) == (None, False)
        run.log(0, loss=0.5)
    assert metrics_of(run) == {"loss": {0: 0.5}}
    (line,) = capsys.readouterr().err.splitlines()
    assert "process" in line


# Folders that can't be written


def wait_for_warning(capsys: Printed) -> str:
    """Wait until a line is printed to stderr, and return it."""
    printed = ""

    def is_complete() -> bool:
        nonlocal printed
        printed += capsys.readouterr().err
        return "\n" in printed

    wait_until(is_complete)
    return printed


def test_a_deleted_folder_is_reported_once(tmp_path: Path, capsys: Printed) -> None:
    with log_run("net", runs=tmp_path) as run:
        run.log(1, loss=0.5)
        assert run.path is not None
        shutil.rmtree(run.path)
        err = wait_for_warning(capsys)
        run.log(2, loss=0.5)
    err += capsys.readouterr().err
    assert err.count("\n") == 1
    assert str(run.path) in err
    assert "was deleted" in err
    assert list_runs(tmp_path) == []


def test_a_full_disk_is_reported_once_and_nothing_is_lost(tmp_path: Path, capsys: Printed) -> None:
    with log_run("net", runs=tmp_path) as run, opened(run) as stored:
        run.log(1, loss=0.5)
        wait_until(lambda: stored.folder.size(EVENTS_FILE) > 0)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (stored.folder.size(EVENTS_FILE), hard))
        try:
            run.log(2, loss=0.25)
            err = wait_for_warning(capsys)
            run.log(3, loss=0.125)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        run.log(4, loss=0.0625)
    err += capsys.readouterr().err
    assert metrics_of(run) == {"loss": {1: 0.5, 2: 0.25, 3: 0.125, 4: 0.0625}}
    assert err.count("\n") == 1
    assert EVENTS_FILE in err
    assert state_of(run) == ("finished", 4, None)


def test_the_script_runs_if_the_run_cannot_be_created(tmp_path: Path, capsys: Printed) -> None:
    (tmp_path / "file").touch()
    with log_run("net", runs=tmp_path / "file") as run:
        run.log(1, loss=0.5)
        run.watch(None)
        assert (run.id, run.path, run.should_stop) == (None, None, False)
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "file") in line


@pytest.mark.parametrize("runs", [3, b"runs", ["runs"]])
def test_a_folder_that_is_not_a_path_is_named(runs: Any, capsys: Printed) -> None:
    assert log_run("net", runs=runs).path is None
    (line,) = capsys.readouterr().err.splitlines()
    assert f"runs is {runs!r}" in line


def test_an_error_of_the_writing_thread_does_not_stop_the_script(
    tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: object) -> list[object]:
        raise RuntimeError("x")

    with log_run("net", runs=tmp_path) as run:
        monkeypatch.setattr("fashion_tui.runs.control.ControlFolder.pending", fail)
        run.log(1, loss=0.5)
    (line,) = capsys.readouterr().err.splitlines()
    assert "RuntimeError: x" in line
    assert state_of(run)[0] == "lost"


# Scripts that don't reach their end


def start_script(folder: Path, code: str) -> "subprocess.Popen[str]":
    script = folder / "train.py"
    script.write_text(code)
    return subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    )


LOG_WITHOUT_WITH = """
from fashion_tui.runs import log_run
run = log_run("net", runs="runs")
run.log(1, loss=0.5)
"""


WAIT_FOREVER = """
import time
while run.path.joinpath("events.jsonl").stat().st_size == 0:
    time.sleep(0.01)
print("logged", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("end", "state", "message"),
    [("", "finished", None), ("\n[][1]", "failed", "IndexError: list index out of range")],
    ids=["end", "error"],
)
def test_a_run_without_a_with_block_ends_with_its_script(
    end: str, state: str, message: str | None, tmp_path: Path
) -> None:
    script = start_script(tmp_path, LOG_WITHOUT_WITH + end)
    _, err = script.communicate(timeout=90)
    assert "fashion-tui" not in err
    (listed,) = list_runs(tmp_path / "runs")
    assert (listed.state, listed.step, listed.message) == (state, 1, message)


def test_the_run_of_a_killed_script_is_lost(tmp_path: Path) -> None:
    script = start_script(tmp_path, LOG_WITHOUT_WITH + WAIT_FOREVER)
    assert script.stdout is not None
    assert script.stdout.readline() == "logged\n"
    (listed,) = list_runs(tmp_path / "runs")
    assert (listed.state, listed.pid) == ("running", script.pid)
    script.send_signal(signal.SIGKILL)
    script.communicate()
    (listed,) = list_runs(tmp_path / "runs")
    assert (listed.state, listed.damage) == ("lost", None)
