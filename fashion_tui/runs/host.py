"""Which machine, which of its starts, and which process this is."""

import os
import socket
from functools import cache
from pathlib import Path

import psutil

CLOCK_TOLERANCE = 2.0
"""Seconds by which two readings of a process's start may differ: a system's clock is adjusted now and then."""


@cache
def host_name() -> str:
    return socket.gethostname()


@cache
def boot_id() -> str:
    """Another text after each start of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"boot-{psutil.boot_time():.0f}"


def process_started() -> float:
    """When this process started, in Unix time: together with its pid it names the process for good."""
    return psutil.Process(os.getpid()).create_time()


def is_gone(pid: int, started: float) -> bool:
    """Whether the process of this machine that had the pid and began then (Unix time) has ended."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - started) > CLOCK_TOLERANCE
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


def trainer_environment() -> dict[str, str]:
    """As here, but what PYTHONPATH names relatively lies where this process is, and not in the run's directory.

    Modules there would be imported by the trainer, unasked, whoever wrote them.
    """
    folders = os.environ.get("PYTHONPATH")
    if not folders:
        return dict(os.environ)
    absolute = (os.path.abspath(folder) for folder in folders.split(os.pathsep))  # noqa: PTH100 - of "" too
    return {**os.environ, "PYTHONPATH": os.pathsep.join(absolute)}


DRIVER_PATHS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")
"""Where an NVIDIA driver shows itself: on Linux, in a container, in Windows' Linux."""


def has_gpu_driver() -> bool:
    """Whether a CUDA GPU can be here at all. Whether torch can use it, torch knows, which takes seconds to import."""
    return any(Path(path).exists() for path in DRIVER_PATHS)


def means_cpu(device: str) -> bool:
    """Whether a person's word for a device, `cpu` or `auto` or another, can mean nothing but the CPU here."""
    return device == "cpu" or (device == "auto" and not has_gpu_driver())
