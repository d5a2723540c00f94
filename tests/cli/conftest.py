"""The command line as a script calls it: in a process of its own, on folders of the test's own."""

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

from fashion_tui.runs.lock import holder, is_held

COMMAND = (sys.executable, "-m", "fashion_tui")


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Call = Callable[..., Answer]


def assert_one_line(answer: Answer, status: int, *said: str) -> None:
    assert answer.status == status, answer.err
    assert answer.out == ""
    assert answer.err.startswith("fashion-tui: ")
    assert answer.err.count("\n") == 1
    for words in said:
        assert words in answer.err


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """No data and no runs but the test's own, and no network: whoever tries to download is refused at once."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FASHION_TUI_", "XDG_"))}
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    return (
        kept | nowhere | {"HOME": str(home), "COLUMNS": "100", "OMP_NUM_THREADS": "2", "no_proxy": "", "NO_PROXY": ""}
    )


@pytest.fixture(scope="session")
def call(environment: dict[str, str]) -> Call:
    def call(*arguments: object, **variables: str) -> Answer:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=environment | variables,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return call


QUICK = ("--dataset", "synthetic", "--epochs", "1", "--batch-size", "512", "--threads", "1")


@dataclass(frozen=True)
class TrainedRun:
    runs: Path
    run: str
    events: list[Any]


@pytest.fixture(scope="session")
def trained(call: Call, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A short run on synthetic garments, with a share held out: trained once for the tests of all workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "trained-run"
    folder.mkdir(exist_ok=True)
    runs, log = folder / "runs", folder / "events.jsonl"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not log.exists():
            answer = call("train", *QUICK, "--validation", "9000", "--name", "first", "--runs", runs, "--json")
            assert answer.status == 0, answer.err
            log.write_text(answer.out)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    return TrainedRun(runs, events[-1]["run"], events)


@pytest.fixture
def stop_trainers() -> Iterator[list[Path]]:
    """Folders of runs whose trainers are killed at the test's end, however it ends."""
    folders: list[Path] = []
    yield folders
    for lock in (lock for folder in folders for lock in folder.glob("*/run.lock")):
        who = holder(lock.parent)
        if is_held(lock.parent) and who is not None:
            os.kill(who.pid, signal.SIGKILL)
