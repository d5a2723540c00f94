"""At most one process holds the lock of a run."""

import os
import socket
import time

import pytest

from fashion_tui.runs.lock import Holder, LockHeld
from fashion_tui.runs.run import Run

from .parts import kill, read_line, run_python, wait_until

HOLD = """
import sys
from pathlib import Path
from fashion_tui.runs.run import Run
lock = Run(Path(sys.argv[1])).lock()
lock.acquire()
print("held")
sys.stdin.readline()
lock.release()
print("released")
sys.stdin.readline()
"""

FORK = """
import os, sys, time
from pathlib import Path
from fashion_tui.runs.run import Run
lock = Run(Path(sys.argv[1])).lock()
lock.acquire()
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
print(child)
sys.stdin.readline()
"""


def test_one_trainer_at_a_time(run: Run) -> None:
    assert not run.is_locked()
    process = run_python(HOLD, str(run.path))
    read_line(process)
    assert run.is_locked()
    with pytest.raises(LockHeld, match=f"process {process.pid} on "):
        run.lock().acquire(timeout=0.1)
    kill(process)


def test_the_holder_is_named_by_its_process_and_host(run: Run) -> None:
    """The file contains the longer name of an earlier holder."""
    (run.path / "run.lock").write_bytes(b'{"pid":4194304,"host":"%s"}' % (b"x" * 200))
    with run.lock():
        assert run.lock_holder() == Holder(pid=os.getpid(), host=socket.gethostname())
        with pytest.raises(LockHeld) as caught:
            run.lock().acquire(timeout=0)
    message = str(caught.value)
    for part in (repr(run.id), f"process {os.getpid()} ", repr(socket.gethostname())):
        assert part in message


def test_acquiring_waits_for_a_holder_that_is_about_to_release(run: Run) -> None:
    process = run_python(HOLD, str(run.path))
    read_line(process)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    with run.lock():
        holder = run.lock_holder()
        assert holder is not None
        assert holder.pid == os.getpid()
        assert run.is_locked()
    assert not run.is_locked()
    kill(process)


def test_a_killed_trainer_frees_its_lock(run: Run) -> None:
    process = run_python(HOLD, str(run.path))
    read_line(process)
    kill(process)
    assert not run.is_locked()
    run.lock().acquire(timeout=0)


def test_a_forked_child_does_not_keep_the_lock_of_a_killed_trainer(run: Run) -> None:
    process = run_python(FORK, str(run.path))
    child = int(read_line(process))
    assert run.is_locked()
    process.kill()
    process.wait()
    try:
        wait_until(lambda: not run.is_locked(), seconds=5)
    finally:
        os.kill(child, 9)
        process.communicate()


def test_checking_the_lock_does_not_take_it(run: Run) -> None:
    with run.lock():
        pass
    lock = run.lock()
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        assert not run.is_locked()
    lock.acquire(timeout=0)


def test_a_damaged_lock_file_still_locks(run: Run) -> None:
    process = run_python(HOLD, str(run.path))
    read_line(process)
    (run.path / "run.lock").write_bytes(b"\x00garbage")
    assert run.lock_holder() is None
    with pytest.raises(LockHeld, match="another process"):
        run.lock().acquire(timeout=0)
    kill(process)
