"""Who trains a run is never in doubt."""

import os
import time
from pathlib import Path

import pytest

from fashion_tui.runs.lock import LockHeld, RunLock, holder, is_held

from .parts import kill, read_line, run_python, wait_until

HOLD = """
import sys
from pathlib import Path
from fashion_tui.runs.lock import RunLock
lock = RunLock(Path(sys.argv[1]))
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
from fashion_tui.runs.lock import RunLock
RunLock(Path(sys.argv[1])).acquire()
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
print(child)
sys.stdin.readline()
"""


def test_one_trainer_at_a_time(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    process = run_python(HOLD, str(tmp_path))
    read_line(process)
    assert is_held(tmp_path)
    with pytest.raises(LockHeld, match=f"process {process.pid} on "):
        RunLock(tmp_path).acquire(timeout=0.1)
    kill(process)


def test_the_lock_waits_for_one_that_is_about_to_end(tmp_path: Path) -> None:
    process = run_python(HOLD, str(tmp_path))
    read_line(process)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    with RunLock(tmp_path):
        who = holder(tmp_path)
        assert who is not None
        assert who.pid == os.getpid()
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    kill(process)


def test_a_killed_trainer_frees_its_lock(tmp_path: Path) -> None:
    process = run_python(HOLD, str(tmp_path))
    read_line(process)
    kill(process)
    assert not is_held(tmp_path)
    RunLock(tmp_path).acquire(timeout=0)


def test_a_forked_child_does_not_keep_the_lock_of_a_killed_trainer(tmp_path: Path) -> None:
    process = run_python(FORK, str(tmp_path))
    child = int(read_line(process))
    assert is_held(tmp_path)
    process.kill()
    process.wait()
    try:
        wait_until(lambda: not is_held(tmp_path), seconds=5)
    finally:
        os.kill(child, 9)
        process.communicate()


def test_looking_at_the_lock_does_not_take_it(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        pass
    lock = RunLock(tmp_path)
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        assert not is_held(tmp_path)
    lock.acquire(timeout=0)


def test_a_damaged_lock_file_still_locks(tmp_path: Path) -> None:
    process = run_python(HOLD, str(tmp_path))
    read_line(process)
    (tmp_path / "run.lock").write_bytes(b"\x00garbage")
    assert holder(tmp_path) is None
    with pytest.raises(LockHeld, match="another process"):
        RunLock(tmp_path).acquire(timeout=0)
    kill(process)
