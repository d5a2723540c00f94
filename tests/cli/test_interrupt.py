"""Signals to `train`: Ctrl-C ends the run cleanly, a closed terminal ends nothing, a killed trainer is told of."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from .conftest import COMMAND, QUICK, Call


class Training:
    """`fashion-tui train --json` at work, far from its end."""

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
        raise AssertionError(f"no {kind}: {self.process.stderr.read() if self.process.stderr else ''}")

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def train(environment: dict[str, str], tmp_path: Path, stop_trainers: list[Path]) -> Callable[[], Any]:
    """Starts a long run; whatever the test does to it, no process stays behind."""
    stop_trainers.append(tmp_path)

    @contextmanager
    def start() -> Iterator[Training]:
        process = subprocess.Popen(
            [*COMMAND, "train", *QUICK, "--epochs", "500", "--runs", str(tmp_path), "--json"],
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


def test_ctrl_c_writes_a_checkpoint_and_ends_the_run(train: Callable[[], Any], call: Call, tmp_path: Path) -> None:
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


def test_a_second_ctrl_c_leaves_at_once(train: Callable[[], Any]) -> None:
    with train() as training:
        trainer = psutil.Process(training.started["pid"])
        trainer.suspend()  # so that it can't answer the first one
        training.process.send_signal(signal.SIGINT)
        assert training.process.stderr is not None
        while "again leaves at once" not in training.process.stderr.readline():
            pass
        training.process.send_signal(signal.SIGINT)
        status, _, err = training.end()
        trainer.resume()
    assert status == 130
    assert "stops by itself" in err
    trainer.wait(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_what_ends_the_command_leaves_the_run_alone(
    train: Callable[[], Any], call: Call, tmp_path: Path, number: signal.Signals
) -> None:
    with train() as training:
        training.process.send_signal(number)
        status, _, err = training.end()
    assert status in {-number, 128 + number}
    assert "Traceback" not in err
    run = training.started["run"]
    assert (f"left; {run} goes on; to end it: fashion-tui stop {run}" in err) == (number != signal.SIGKILL)
    assert psutil.pid_exists(training.started["pid"])
    stopped = call("stop", "latest", "--runs", tmp_path, "--json")
    assert stopped.json["state"] == "stopped"


def test_a_killed_trainer_is_told_of(train: Callable[[], Any]) -> None:
    with train() as training:
        os.kill(training.started["pid"], signal.SIGKILL)
        status, _, err = training.end()
    assert status == 1
    last = err.splitlines()[-1]
    assert last.startswith("fashion-tui: ")
    assert f"fashion-tui resume {training.started['run']}" in last
    assert "Traceback" not in err
