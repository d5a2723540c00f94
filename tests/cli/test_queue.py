"""Runs that wait in the queue, from the command line."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fashion_tui.runs.queue import QueueEntry, find_place
from fashion_tui.runs.store import list_runs
from tests.runs.parts import wait_until

from .conftest import COMMAND, SMALL_RUN, Call, assert_error

TRAIN = ("train", *SMALL_RUN, "--device", "cpu", "--queue")


@pytest.fixture
def runs(tmp_path: Path, stop_trainers: list[Path]) -> Iterator[Path]:
    """A runs folder in which another run trains on the CPU."""
    stop_trainers.append(tmp_path)
    entry = QueueEntry(tmp_path / "holder", "cpu", waits=False)
    yield tmp_path
    entry.remove()


@pytest.mark.covers("train --queue", "resume --queue")
def test_runs_wait_in_the_queue_and_can_be_taken_out_of_it(call_in_process: Call, runs: Path) -> None:
    first = call_in_process(*TRAIN, "--detach", "--json", "--runs", runs).json
    assert first["state"] == "queued"
    second = call_in_process(*TRAIN, "--detach", "--runs", runs)
    assert "queued in the background, position 2" in second.out
    listed = call_in_process("runs", "--json", "--runs", runs).json
    assert [(run["state"], run["queue_place"]) for run in listed] == [("queued", 2), ("queued", 1)]
    assert "queued 2" in call_in_process("runs", "--runs", runs).out
    assert_error(call_in_process("pause", first["run"], "--runs", runs), 1, "is queued", "not paused")

    stopped = call_in_process("stop", first["run"], "--json", "--runs", runs).json
    assert (stopped["state"], stopped["from_step"]) == ("stopped", 0)
    assert [run.queue_place for run in list_runs(runs)] == [1, None]
    again = call_in_process("resume", first["run"], "--queue", "--json", "--runs", runs).json
    assert (again["state"], again["from_step"]) == ("queued", 0)
    assert [run.queue_place for run in list_runs(runs)] == [1, 2], "it is behind the other run now"
    assert call_in_process("resume", first["run"], "--json", "--runs", runs).json["state"] == "queued"
    for run in list_runs(runs):
        call_in_process("stop", run.run, "--runs", runs)


@pytest.mark.usefixtures("forked_processes")
def test_ctrl_c_takes_the_run_out_of_the_queue(environment: dict[str, str], runs: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, *TRAIN, "--runs", str(runs)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    wait_until(lambda: any(find_place(Path(run.path)) for run in list_runs(runs)), 90)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "leaving the queue" in errors
    assert "fashion-tui resume" in errors
    assert [run.state for run in list_runs(runs)] == ["stopped"]
