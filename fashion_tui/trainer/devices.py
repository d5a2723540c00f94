"""Identify the device of a run, and measure how busy it is."""

import gc
from contextlib import ExitStack

import psutil
import torch

from fashion_tui.lab.devices import free_memory
from fashion_tui.machine.gpus import gpu_usage, open_nvml


def device_key(device: torch.device) -> str:
    """Return a key that identifies a device on this machine: `cpu`, `mps` or `gpu-UUID`.

    The index of a GPU doesn't identify it, because it depends on CUDA_VISIBLE_DEVICES.
    """
    return device.type if device.type != "cuda" else f"gpu-{torch.cuda.get_device_properties(device).uuid}"


def free_gpu_memory() -> None:
    """Free the GPU memory of a training that has ended, so that another process can use it while this one continues."""
    gpu = "cuda" if torch.cuda.is_initialized() else "mps" if torch.backends.mps.is_available() else None
    if gpu is not None:
        gc.collect()  # tensors in reference cycles
        free_memory(torch.device(gpu))


class DeviceMonitor:
    """Measures the utilization and used memory of the CPU and of the GPU on which a run trains.

    The metrics are `utilization/DEVICE`, a fraction in [0, 1], and `memory/DEVICE`, in bytes. They include the usage by
    other processes. Metrics that the machine can't measure are left out.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = str(device)
        self._uuid = str(torch.cuda.get_device_properties(device).uuid) if device.type == "cuda" else None
        self._resources = ExitStack()
        if self._uuid is not None:  # keep NVML initialised, so that each measurement is fast
            self._resources.enter_context(open_nvml())
        psutil.cpu_percent()  # the next call returns the utilization since this call

    def measure(self) -> dict[str, float]:
        """Return the metrics. The utilization of the CPU is the mean since the last call."""
        memory = psutil.virtual_memory()
        metrics = {"utilization/cpu": psutil.cpu_percent() / 100, "memory/cpu": float(memory.total - memory.available)}
        usage = gpu_usage([self._uuid]).get(self._uuid) if self._uuid is not None else None
        if usage is not None and usage.utilization is not None:
            metrics[f"utilization/{self._device}"] = usage.utilization
        if usage is not None and usage.memory_used is not None:
            metrics[f"memory/{self._device}"] = float(usage.memory_used)
        return metrics
