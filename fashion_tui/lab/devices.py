"""The devices a network can be trained on: the CPU, CUDA GPUs and Apple's GPU.

No function in this module creates a CUDA context.
"""

import os
import platform
import re

import psutil
import torch

from fashion_tui.machine.gpus import GpuUsage, gpu_usage
from fashion_tui.machine.threads import available_cpus
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.replies import Device


def choose_device(name: str) -> torch.device:
    """Return the device with this name. `auto` is the first CUDA GPU, or else the CPU.

    Raises UsageError for an unknown name, and UserError if this machine doesn't have the device.
    """
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    if name == "cpu":
        return torch.device("cpu")
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise UserError("device is 'mps', but torch finds no Apple GPU here; use --device cpu")
        return torch.device("mps")
    match = re.fullmatch(r"cuda(?::(\d{1,3}))?", name)
    if match is None:
        raise UsageError(f"unknown device {name!r}; choose from auto, cpu, cuda, cuda:N, mps")
    index, count = int(match[1] or 0), torch.cuda.device_count()
    if count == 0:
        reason = "this torch was built without CUDA" if torch.version.cuda is None else "torch finds no NVIDIA GPU here"
        raise UserError(f"device is {name!r}, but {reason}; use --device cpu, or see `fashion-tui doctor`")
    if index >= count:
        raise UserError(f"device is {name!r}, but this machine has cuda:0 to cuda:{count - 1}; choose one of them")
    return torch.device("cuda", index)


CPU_LOAD_INTERVAL = 0.2
"""Sampling interval of the CPU load, in seconds."""


def list_devices() -> tuple[Device, ...]:
    """Return all devices of this machine, the CPU first, with their utilization."""
    memory = psutil.virtual_memory()
    found = [
        Device(
            name="cpu",
            description=describe_device(torch.device("cpu")),
            memory=memory.total,
            utilization=psutil.cpu_percent(CPU_LOAD_INTERVAL) / 100,
            memory_used=memory.total - memory.available,
        )
    ]
    usage = gpu_usage() if torch.cuda.is_available() else {}
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        device = torch.device("cuda", index)
        properties = torch.cuda.get_device_properties(device)
        used = usage.get(str(properties.uuid), GpuUsage(None, None))
        found.append(
            Device(
                name=str(device),
                description=describe_device(device),
                memory=properties.total_memory,
                utilization=used.utilization,
                memory_used=used.memory_used,
            )
        )
    if torch.backends.mps.is_available():
        found.append(Device(name="mps", description=describe_device(torch.device("mps")), memory=None))
    return tuple(found)


def describe_device(device: torch.device) -> str:
    """Return the name of a device as shown to users: `AMD EPYC 9B14, 2 cores`, `NVIDIA H100 80GB HBM3`."""
    if device.type == "cuda":
        # The name comes from the driver, which needs no context on the GPU.
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    cores = available_cpus()
    return f"{_cpu_name()}, {cores} core{'' if cores == 1 else 's'}"


def has_bf16(device: torch.device) -> bool:
    """Return whether the device has bfloat16 instructions. Without them, torch emulates bfloat16, which is slow."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "mps":
        return True
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def set_cpu_threads(count: int) -> None:
    """Set the number of CPU threads and flush denormals (below 1.2e-38) to zero.

    Call this before the first computation in this thread, so that the threads started by torch inherit the setting. The
    Adam moments of units that no longer learn shrink to denormals. Within an epoch of the `guide` recipe, a third of
    all moments become denormal. Some CPUs compute many times slower with denormals. Flushing leaves the trained weights
    bit-identical.
    """
    torch.set_num_threads(count)
    torch.set_flush_denormal(True)


def set_determinism(*, deterministic: bool) -> None:
    """Use only deterministic algorithms or, if `deterministic` is False, the fastest ones.

    On a GPU, TF32 is used in both cases. Call this before the first CUDA operation, because cuBLAS reads
    CUBLAS_WORKSPACE_CONFIG when it is initialised.
    """
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    torch.backends.cudnn.benchmark = not deterministic
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - a system file
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return next(iter(names), "") or platform.processor() or platform.machine()
