"""Information about NVIDIA GPUs, read without creating a CUDA context."""

import csv
import subprocess
from dataclasses import dataclass
from pathlib import Path

DRIVER_PATHS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")
"""If an NVIDIA driver is installed, one of these files exists, whether on Linux, in a container or in WSL."""

QUERY = (
    "nvidia-smi", "--query-gpu=uuid,utilization.gpu,memory.used", "--format=csv,noheader,nounits",
)  # fmt: skip
TIMEOUT = 5.0
"""Timeout of `nvidia-smi` in seconds. The program is slow on machines with many idle GPUs."""


@dataclass(frozen=True)
class GpuUsage:
    """Usage of a GPU by all processes."""

    utilization: float | None
    """Fraction of recent time during which the GPU was busy, in [0, 1]; None if unknown."""
    memory_used: int | None
    """Used memory in bytes, or None if unknown."""


def has_gpu_driver() -> bool:
    """Return whether an NVIDIA driver is installed.

    Only torch knows whether the GPU is usable, but torch is slow to import.
    """
    return any(Path(path).exists() for path in DRIVER_PATHS)


def resolves_to_cpu(device: str) -> bool:
    """Return whether a device name such as `cpu` or `auto` can only mean the CPU on this machine."""
    return device == "cpu" or (device == "auto" and not has_gpu_driver())


def gpu_usage() -> dict[str, GpuUsage]:
    """Return the usage of each GPU, keyed by UUID. Returns an empty dict if `nvidia-smi` is missing or fails.

    As in torch, the UUIDs lack the prefix `GPU-`.
    """
    try:
        output = subprocess.run(
            QUERY, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    rows = (row for row in csv.reader(output.splitlines(), skipinitialspace=True) if len(row) == 3)
    return {uuid.removeprefix("GPU-"): _parse_usage(utilization, memory) for uuid, utilization, memory in rows}


def _parse_usage(utilization: str, memory: str) -> GpuUsage:
    """Parse a utilization in percent and memory in MiB. `nvidia-smi` prints `[N/A]` for unknown values."""
    return GpuUsage(
        utilization=int(utilization) / 100 if utilization.isdigit() else None,
        memory_used=int(memory) * 2**20 if memory.isdigit() else None,
    )
