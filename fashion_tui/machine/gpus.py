"""Information about GPUs, read without torch and without creating a CUDA context."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NVIDIA_PATHS = ("/proc/driver/nvidia/version", "/dev/nvidiactl")
"""If an NVIDIA driver is installed on Linux, at least one of these files exists, even in a container."""

AMD_PATHS = ("/dev/kfd",)
"""This file exists if AMD's compute driver is installed."""

WSL_PATHS = ("/dev/dxg",)
"""This file exists in WSL if Windows has a driver for any GPU."""


@dataclass(frozen=True)
class GpuUsage:
    """Usage of a GPU by all processes."""

    utilization: float | None
    """Fraction of recent time during which the GPU was busy, in [0, 1], or None if unknown."""
    memory_used: int | None
    """Used memory in bytes, or None if unknown."""
    memory_free: int | None
    """Free memory in bytes, or None if unknown."""


def has_gpu_driver() -> bool:
    """Return whether an NVIDIA or AMD GPU driver appears to be installed.

    Only torch can tell whether a GPU is usable, but importing torch is slow.
    """
    return _exists(*NVIDIA_PATHS, *AMD_PATHS, *WSL_PATHS)


def has_nvidia_driver() -> bool:
    """Return whether an NVIDIA driver is installed.

    In WSL, the driver's file is the same for all vendors, so return True only if NVML finds an NVIDIA GPU.
    """
    return _exists(*NVIDIA_PATHS) or (_exists(*WSL_PATHS) and bool(gpu_names()))


def has_amd_driver() -> bool:
    """Return whether AMD's compute driver is installed."""
    return _exists(*AMD_PATHS)


def resolves_to_cpu(device: str) -> bool:
    """Return whether a device name, such as `cpu` or `auto`, always selects the CPU on this machine."""
    return device == "cpu" or (device == "auto" and not has_gpu_driver())


def gpu_names() -> tuple[str, ...]:
    """Return the names of all NVIDIA GPUs, even those that CUDA can't use, or an empty tuple if NVML fails."""
    with open_nvml() as nvml:
        if nvml is not None:
            try:
                handles = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
                return tuple(nvml.nvmlDeviceGetName(handle) for handle in handles)
            except nvml.NVMLError:
                pass
    return ()


def gpu_usage(uuids: Iterable[str]) -> dict[str, GpuUsage]:
    """Return the usage of the GPUs with these UUIDs. GPUs unknown to NVML are omitted.

    Like the UUIDs that torch reports, `uuids` have no prefix such as `GPU-` or `MIG-`.
    """
    with open_nvml() as nvml:
        if nvml is None:
            return {}
        handles = {uuid: _handle(nvml, uuid) for uuid in uuids}
        return {uuid: _usage(nvml, handle) for uuid, handle in handles.items() if handle is not None}


def gpu_processes(uuid: str) -> dict[int, int]:
    """Return the memory usage of each process on a GPU, in bytes, keyed by process id.

    Processes outside this container, and those whose memory is unknown, are omitted.
    """
    with open_nvml() as nvml:
        if nvml is None or (handle := _handle(nvml, uuid)) is None:
            return {}
        try:
            processes = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
        except nvml.NVMLError:
            return {}
        return {process.pid: process.usedGpuMemory for process in processes if process.usedGpuMemory is not None}


@contextmanager
def open_nvml() -> Iterator[Any]:
    """Initialise NVML, the library behind `nvidia-smi`. Yield the module `pynvml`, or None if NVML doesn't work."""
    import pynvml  # noqa: PLC0415 - only needed on machines with a GPU

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _handle(nvml: Any, uuid: str) -> object | None:
    for prefix in ("GPU-", "MIG-"):
        try:
            handle: object = nvml.nvmlDeviceGetHandleByUUID(prefix + uuid)
        except nvml.NVMLError:
            continue
        return handle
    return None


def _usage(nvml: Any, handle: object) -> GpuUsage:
    def value(read: Any, field: str) -> int | None:
        try:
            return int(getattr(read(handle), field))
        except nvml.NVMLError:
            return None

    percent = value(nvml.nvmlDeviceGetUtilizationRates, "gpu")
    return GpuUsage(
        utilization=None if percent is None else percent / 100,
        memory_used=value(nvml.nvmlDeviceGetMemoryInfo, "used"),
        memory_free=value(nvml.nvmlDeviceGetMemoryInfo, "free"),
    )


def _exists(*paths: str) -> bool:
    return any(Path(path).exists() for path in paths)
