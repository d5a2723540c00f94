"""Signals: Ctrl-C stops the run, closing the terminal doesn't, and a killed trainer is reported."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.suspension import suspend

from .conftest import COMMAND, SMALL_RUN, Call

pytestmark = pytest.mark.usefixtures("forked_processes")

INTERRUPTED_IMPORT = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background may ignore the signal

class Interrupt:
    def find_spec(self, name, *_):
        if name == "click":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
runpy.run_module("fashion_tui", run_name="__main__")
"""
"""A program that runs `python -m fashion_tui` and presses Ctrl-C when click is imported."""


class Training:
    """A running `fashion-tui train --json` whose run has taken its first steps."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.started = self.next_event("started")
        self.next_event("steps")

    def next_event(self, kind: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event["event"] == kind:
                return event
        raise AssertionError(f"no event {kind}: {self.process.stderr.read() if self.process.stderr else ''}")

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def train(environment: dict[str, str], tmp_path: Path, stop_trainers: list[Path]) -> Callable[[], Any]:
    """A function that starts a long run. Its processes are killed when the test ends."""
    stop_trainers.append(tmp_path)

    @contextmanager
    def start() -> Iterator[Training]:
        process = subprocess.Popen(
            [*COMMAND, "train", *SMALL_RUN, "--epochs", "500", "--runs", str(tmp_path), "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        with process:
            try:
                yield Training(process)
            finally:
                process.kill()

    return start


def test_ctrl_c_saves_a_checkpoint_and_stops_the_run(train: Callable[[], Any], call: Call, tmp_path: Path) -> None:
    with train() as training:
        training.process.send_signal(signal.SIGINT)
        status, out, err = training.end()
    assert status == 130
    last = json.loads(out.splitlines()[-1])
    assert last["event"] == "stopped"
    run = training.started["run"]
    assert f"fashion-tui resume {run}" in err
    assert "Traceback" not in err
    assert not psutil.pid_exists(training.started["pid"])
    assert call("runs", "--runs", tmp_path, "--json").json[0]["state"] == "stopped"
    assert (tmp_path / run / "checkpoints" / f"step-{last['step']}.pt").exists()


def test_ctrl_c_while_a_command_is_still_importing_its_modules(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT, "settings"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_second_ctrl_c_leaves_immediately(train: Callable[[], Any]) -> None:
    with train() as training:
        trainer = psutil.Process(training.started["pid"])
        suspend(trainer.pid)  # so that it can't react to the first Ctrl-C
        training.process.send_signal(signal.SIGINT)
        assert training.process.stderr is not None
        while "Ctrl-C again" not in training.process.stderr.readline():
            pass
        training.process.send_signal(signal.SIGINT)
        status, _, err = training.end()
        trainer.resume()
    assert status == 130
    assert "still stopping" in err
    trainer.wait(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_the_run_survives_the_end_of_the_command(
    train: Callable[[], Any], call: Call, tmp_path: Path, number: signal.Signals
) -> None:
    with train() as training:
        training.process.send_signal(number)
        status, _, err = training.end()
    assert status in {-number, 128 + number}
    assert "Traceback" not in err
    run = training.started["run"]
    assert (f"fashion-tui stop {run}" in err) == (number != signal.SIGKILL)
    assert psutil.pid_exists(training.started["pid"])
    stopped = call("stop", "latest", "--runs", tmp_path, "--json")
    assert stopped.json["state"] == "stopped"


def test_a_killed_trainer_is_reported(train: Callable[[], Any]) -> None:
    with train() as training:
        os.kill(training.started["pid"], signal.SIGKILL)
        status, _, err = training.end()
    assert status == 1
    last = err.splitlines()[-1]
    assert last.startswith("fashion-tui: ")
    assert f"fashion-tui resume {training.started['run']}" in last
    assert "Traceback" not in err
