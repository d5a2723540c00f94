"""A run whose trainer is gone is lost at once; one whose trainer lives is left in peace."""

import os
import subprocess
import sys
import time

import msgspec
import psutil
import pytest

from fashion_tui.machine.host import boot_id, host_name
from fashion_tui.runs.layout import LOCK_FILE
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise

from .parts import kill, read_line, run_python

WAIT = "import sys; print('here', flush=True); sys.stdin.readline()"


def beat(run: Run, pid: int, *, started: float | None = None, host: str | None = None) -> None:
    """As that process would have written its status a moment ago."""
    status = msgspec.structs.replace(
        run.read_status(),
        state="running",
        heartbeat=time.time(),
        pid=pid,
        pid_started=psutil.Process(pid).create_time() if started is None else started,
        boot_id=boot_id(),
        host=host or host_name(),
    )
    run.write_status(status)


def states(run: Run) -> set[str]:
    """As the list and the reader see it."""
    return {summarise(run).state, RunReader(run).poll().state}


def test_a_killed_trainer_is_lost_though_its_heart_beat_a_moment_ago(run: Run) -> None:
    process = run_python(WAIT)
    read_line(process)
    beat(run, process.pid)
    assert states(run) == {"running"}
    kill(process)
    assert states(run) == {"lost"}


def test_a_trainer_that_nobody_has_taken_note_of_is_gone_too(run: Run) -> None:
    process = subprocess.Popen([sys.executable, "-c", WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    read_line(process)
    beat(run, process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the list of processes
    assert states(run) == {"lost"}
    kill(process)


def test_a_pid_that_went_to_another_process_is_not_the_trainer(run: Run) -> None:
    beat(run, os.getpid(), started=psutil.Process().create_time() - 3600)
    assert states(run) == {"lost"}


@pytest.mark.parametrize("host", ["another-machine", None])
def test_the_lock_has_the_last_word(run: Run, host: str | None) -> None:
    """Of another machine's processes nothing is known; in a container a live one may not be seen."""
    gone = run_python(WAIT)
    read_line(gone)
    beat(run, gone.pid, host=host)
    kill(gone)
    with run.lock():
        assert states(run) == {"running"}
    assert states(run) == {"lost" if host is None else "running"}


def test_the_lock_of_a_run_that_is_well_is_left_alone(run: Run) -> None:
    """Who looked for it would not find it, and take the run for lost."""
    beat(run, os.getpid())
    assert not (run.path / LOCK_FILE).exists()
    assert states(run) == {"running"}
