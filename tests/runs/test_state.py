"""A run is lost as soon as its trainer has ended without reporting why."""

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


def write_heartbeat(run: Run, pid: int, *, started: float | None = None, host: str | None = None) -> None:
    """Write a status with a current heartbeat, as if the trainer with this process id had written it."""
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
    """Return the states according to the list of runs and to the reader."""
    return {summarise(run).state, RunReader(run).poll().state}


def test_a_killed_trainer_is_lost_although_its_heartbeat_is_recent(run: Run) -> None:
    process = run_python(WAIT)
    read_line(process)
    write_heartbeat(run, process.pid)
    assert states(run) == {"running"}
    kill(process)
    assert states(run) == {"lost"}


def test_a_zombie_is_lost(run: Run) -> None:
    process = subprocess.Popen([sys.executable, "-c", WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    read_line(process)
    write_heartbeat(run, process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, but still in the process table
    assert states(run) == {"lost"}
    kill(process)


def test_a_reused_process_id_is_not_the_trainer(run: Run) -> None:
    write_heartbeat(run, os.getpid(), started=psutil.Process().create_time() - 3600)
    assert states(run) == {"lost"}


@pytest.mark.parametrize("host", ["another-machine", None])
def test_a_held_lock_means_that_the_trainer_is_alive(run: Run, host: str | None) -> None:
    """Processes of other machines are unknown, and a container may hide a live process."""
    process = run_python(WAIT)
    read_line(process)
    write_heartbeat(run, process.pid, host=host)
    kill(process)
    with run.lock():
        assert states(run) == {"running"}
    assert states(run) == {"lost" if host is None else "running"}


def test_the_lock_is_not_checked_if_the_heartbeat_is_fresh(run: Run) -> None:
    """This test creates no lock file, so the run would count as lost if the lock were checked."""
    write_heartbeat(run, os.getpid())
    assert not (run.path / LOCK_FILE).exists()
    assert states(run) == {"running"}
