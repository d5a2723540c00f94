"""A run whose trainer is gone is lost at once; one whose trainer lives is left in peace."""

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from fashion_tui.machine.host import boot_id, host_name
from fashion_tui.runs.lock import LOCK_FILE, RunLock
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.store import load_status, summarise, write_status

from .parts import kill, read_line, run_python

WAIT = "import sys; print('here', flush=True); sys.stdin.readline()"


def beat(run_path: Path, pid: int, *, started: float | None = None, host: str | None = None) -> None:
    """As that process would have written its status a moment ago."""
    status = msgspec.structs.replace(
        load_status(run_path),
        state="running",
        heartbeat=time.time(),
        pid=pid,
        pid_started=psutil.Process(pid).create_time() if started is None else started,
        boot_id=boot_id(),
        host=host or host_name(),
    )
    write_status(run_path, status)


def states(run_path: Path) -> set[str]:
    """As the list and the reader see it."""
    return {summarise(run_path).state, RunReader(run_path).poll().state}


def test_a_killed_trainer_is_lost_though_its_heart_beat_a_moment_ago(run_path: Path) -> None:
    process = run_python(WAIT)
    read_line(process)
    beat(run_path, process.pid)
    assert states(run_path) == {"running"}
    kill(process)
    assert states(run_path) == {"lost"}


def test_a_trainer_that_nobody_has_taken_note_of_is_gone_too(run_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    read_line(process)
    beat(run_path, process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the list of processes
    assert states(run_path) == {"lost"}
    kill(process)


def test_a_pid_that_went_to_another_process_is_not_the_trainer(run_path: Path) -> None:
    beat(run_path, os.getpid(), started=psutil.Process().create_time() - 3600)
    assert states(run_path) == {"lost"}


@pytest.mark.parametrize("host", ["another-machine", None])
def test_the_lock_has_the_last_word(run_path: Path, host: str | None) -> None:
    """Of another machine's processes nothing is known; in a container a live one may not be seen."""
    gone = run_python(WAIT)
    read_line(gone)
    beat(run_path, gone.pid, host=host)
    kill(gone)
    with RunLock(run_path):
        assert states(run_path) == {"running"}
    assert states(run_path) == {"lost" if host is None else "running"}


def test_the_lock_of_a_run_that_is_well_is_left_alone(run_path: Path) -> None:
    """Who looked for it would not find it, and take the run for lost."""
    beat(run_path, os.getpid())
    assert not (run_path / LOCK_FILE).exists()
    assert states(run_path) == {"running"}
