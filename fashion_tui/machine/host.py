"""Identify this machine, its current boot, and processes."""

import os
import socket
from functools import cache
from pathlib import Path

import psutil

CLOCK_TOLERANCE = 2.0
"""Tolerance for comparing start times of processes, in seconds. Clock adjustments can change these times slightly."""


@cache
def host_name() -> str:
    return socket.gethostname()


@cache
def boot_id() -> str:
    """Return an identifier that changes each time the machine boots."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"boot-{psutil.boot_time():.0f}"


def process_start_time() -> float:
    """Return the Unix time at which this process started. Together with the process id, this identifies the process."""
    return psutil.Process(os.getpid()).create_time()


def process_has_ended(pid: int, started: float) -> bool:
    """Return whether the process with this id and start time (Unix time) on this machine has ended."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - started) > CLOCK_TOLERANCE
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
