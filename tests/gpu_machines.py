"""Machines with GPUs, simulated by replacing what torch and NVML answer and which driver files exist."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
import torch

from fashion_tui.machine import gpus

CU130 = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120")
"""Architectures of a wheel for CUDA 13."""

TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 12020). Please update your GPU driver by downloading "
    "and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx Alternatively, go to: "
    "https://pytorch.org to install a PyTorch version that has been compiled with your version of the CUDA driver."
)
NO_DRIVER = (
    "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from "
    "http://www.nvidia.com/Download/index.aspx"
)
NOT_INITIALIZED = (
    "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that "
    "might have already set an error? Error 802: system not yet initialized"
)
NONE_VISIBLE = "No CUDA GPUs are available"


@dataclass(frozen=True)
class FakeGpu:
    name: str
    uuid: str = "aaaa-0"
    capability: tuple[int, int] = (9, 0)
    memory: int = 80 * 2**30
    free: int | None = 79 * 2**30
    """Free memory in bytes, or None if NVML doesn't know."""
    busy: int | None = 3
    """Utilization in percent, or None if NVML doesn't know."""
    processes: tuple[tuple[int, int], ...] = ()
    """Process ids and the memory that each process uses, in bytes."""
    architecture: str = ""
    """Architecture of an AMD GPU."""


@dataclass(frozen=True)
class Machine:
    """A machine, and the torch that is installed on it."""

    cuda_gpus: tuple[FakeGpu, ...] = ()
    """GPUs that CUDA finds."""
    nvml_gpus: tuple[FakeGpu, ...] | None = None
    """GPUs that NVML finds, or None if NVML doesn't work."""
    error: str | None = None
    """Message of the error that `torch.cuda.init` raises, or None if it succeeds."""
    driver_files: tuple[str, ...] = ("NVIDIA_PATHS",)
    cuda: str | None = "13.0"
    hip: str | None = None
    architectures: tuple[str, ...] = CU130
    environment: dict[str, str] = field(default_factory=dict)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make torch and NVML answer as on this machine."""
        for name in ("NVIDIA_PATHS", "AMD_PATHS", "WSL_PATHS"):
            monkeypatch.setattr(gpus, name, (str(Path(__file__)),) if name in self.driver_files else ())
        for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
            monkeypatch.delenv(name, raising=False)
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        self._install_torch(monkeypatch)
        self._install_nvml(monkeypatch)

    def _install_torch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        initialized = []

        def init() -> None:
            if self.error is not None:
                raise RuntimeError(self.error)
            initialized.append(True)

        def device_count() -> int:
            return len(self.cuda_gpus if initialized else self.nvml_gpus or ())

        def properties(device: torch.device | int) -> Any:
            init()
            index = device if isinstance(device, int) else device.index
            if index >= len(self.cuda_gpus):
                raise AssertionError("Invalid device id")
            gpu = self.cuda_gpus[index]
            return SimpleNamespace(
                name=gpu.name,
                uuid=gpu.uuid,
                total_memory=gpu.memory,
                major=gpu.capability[0],
                minor=gpu.capability[1],
                gcnArchName=gpu.architecture,
            )

        monkeypatch.setattr(torch.version, "cuda", self.cuda)
        monkeypatch.setattr(torch.version, "hip", self.hip)
        monkeypatch.setattr(torch.cuda, "init", init)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: self.error is None and bool(self.cuda_gpus))
        monkeypatch.setattr(torch.cuda, "device_count", device_count)
        monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: properties(device).name)
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: list(self.architectures))

    def _install_nvml(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def init() -> None:
            if self.nvml_gpus is None:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

        def by_uuid(uuid: str) -> FakeGpu:
            for gpu in (*(self.nvml_gpus or ()), *self.cuda_gpus):
                if uuid == ("MIG-" if "MIG" in gpu.name else "GPU-") + gpu.uuid:
                    return gpu
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)

        def memory(gpu: FakeGpu) -> Any:
            return SimpleNamespace(free=_supported(gpu.free), used=gpu.memory - _supported(gpu.free))

        def processes(gpu: FakeGpu) -> list[Any]:
            return [SimpleNamespace(pid=pid, usedGpuMemory=memory) for pid, memory in gpu.processes]

        monkeypatch.setattr(pynvml, "nvmlInit", init)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", processes)
        monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: None)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: len(self.nvml_gpus or ()))
        monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: (self.nvml_gpus or ())[index])
        monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", by_uuid)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetName", lambda gpu: gpu.name)
        monkeypatch.setattr(
            pynvml, "nvmlDeviceGetUtilizationRates", lambda gpu: SimpleNamespace(gpu=_supported(gpu.busy))
        )
        monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", memory)


def _supported(value: int | None) -> int:
    if value is None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
    return value


H100 = FakeGpu("NVIDIA H100 80GB HBM3", "aaaa-0")
SECOND = FakeGpu("NVIDIA H100 80GB HBM3", "aaaa-1", free=80 * 2**30)
FULL = FakeGpu("NVIDIA H100 80GB HBM3", "aaaa-0", free=2**30)
V100 = FakeGpu("Tesla V100-SXM2-16GB", capability=(7, 0), memory=16 * 2**30, free=15 * 2**30)
SLICE = FakeGpu("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "bbbb-0", memory=10 * 2**30, free=9 * 2**30, busy=None)
RTX_3090 = FakeGpu("NVIDIA GeForce RTX 3090", capability=(8, 6), memory=24 * 2**30)
MI300X = FakeGpu("AMD Instinct MI300X", "3a62", (9, 4), 192 * 2**30, architecture="gfx942:sramecc+:xnack-")

MACHINES: dict[str, Machine] = {
    "no driver": Machine(error=NO_DRIVER, driver_files=()),
    "old driver": Machine(error=TOO_OLD, nvml_gpus=(RTX_3090,)),
    "error 802": Machine(error=NOT_INITIALIZED, nvml_gpus=(H100, SECOND)),
    "MIG": Machine((SLICE,), nvml_gpus=(H100, SECOND)),
    "none visible": Machine(error=NONE_VISIBLE, nvml_gpus=(H100,), environment={"CUDA_VISIBLE_DEVICES": ""}),
    "old card": Machine((V100,), nvml_gpus=(V100,)),
    "ROCm": Machine(
        (MI300X,), driver_files=("AMD_PATHS",), cuda=None, hip="7.2.53211", architectures=("gfx90a", "gfx942")
    ),
    "healthy": Machine((H100, SECOND), nvml_gpus=(H100, SECOND)),
}
"""Machines in eight situations, by name."""
