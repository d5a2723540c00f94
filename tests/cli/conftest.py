"""Fixtures that run `fashion-tui` commands in separate processes and temporary folders."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fashion_tui.cli import engine
from fashion_tui.cli.main import run as run_command
from fashion_tui.runs.run import Run
from tests.engine.in_process import EngineInProcess
from tests.forking.client import ForkServer, forked_starts

COMMAND = (sys.executable, "-m", "fashion_tui")

SMALL_RUN = ("--dataset", "synthetic", "--epochs", "1", "--batch-size", "512", "--threads", "1")
"""Options of `train` for a run that takes about a second."""


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Call = Callable[..., Result]


def assert_error(result: Result, status: int, *expected: str) -> None:
    """Assert that a command printed only one error line, and that this line contains the expected strings."""
    assert result.status == status, result.err
    assert result.out == ""
    assert result.err.startswith("fashion-tui: ")
    assert result.err.count("\n") == 1
    for string in expected:
        assert string in result.err


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables that hide the user's data and runs, and that set a proxy which refuses all downloads.

    XDG_CONFIG_HOME names a folder without settings.
    """
    home = tmp_path_factory.mktemp("home")
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name == "XDG_CONFIG_HOME" or not name.startswith(("FASHION_TUI_", "XDG_"))
    }
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    fixed = {"HOME": str(home), "COLUMNS": "100", "OMP_NUM_THREADS": "2", "no_proxy": "", "NO_PROXY": ""}
    return inherited | proxies | fixed


@pytest.fixture(scope="session")
def call(environment: dict[str, str]) -> Call:
    """A function that runs `fashion-tui` with arguments and additional environment variables."""

    def call(*arguments: object, **variables: str) -> Result:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=environment | variables,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def call_in_process(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Like `call`, but the command and its engine run in this process, which takes a fraction of the time."""
    for name in ("FASHION_TUI_DATA", "FASHION_TUI_RUNS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(engine, "Engine", EngineInProcess)

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        status = run_command(list(map(str, arguments)))
        return Result(status, *capsys.readouterr())

    return call


@dataclass(frozen=True)
class TrainedRun:
    runs: Path
    """The runs folder."""
    run: str
    events: list[Any]


@pytest.fixture(scope="session")
def trained(
    call: Call, tmp_path_factory: pytest.TempPathFactory, fork_server: ForkServer, request: pytest.FixtureRequest
) -> TrainedRun:
    """A finished run with a validation set. It is trained once and shared by all pytest workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "trained-run"
    folder.mkdir(exist_ok=True)
    runs, log = folder / "runs", folder / "events.jsonl"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not log.exists():
            with forked_starts(fork_server, request.node):
                result = call("train", *SMALL_RUN, "--validation", "9000", "--name", "first", "--runs", runs, "--json")
            assert result.status == 0, result.err
            log.write_text(result.out)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    return TrainedRun(runs, events[-1]["run"], events)


@pytest.fixture
def stop_trainers() -> Iterator[list[Path]]:
    """A list of runs folders. The trainers of their runs are killed when the test ends."""
    folders: list[Path] = []
    yield folders
    for lock in (lock for folder in folders for lock in folder.glob("*/run.lock")):
        with Run(lock.parent) as run:
            trainer = run.lock_holder() if run.is_locked() else None
        if trainer is not None:
            os.kill(trainer.pid, signal.SIGKILL)
