"""Where a network can be trained: the CPU, a CUDA GPU, Apple's GPU. Nothing here makes a CUDA context."""

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
    """The device that a person's word means: `auto` is the first CUDA GPU where there is one, else the CPU.

    UsageError for a word that names no device; UserError where this machine doesn't have that one.
    """
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    if name == "cpu":
        return torch.device("cpu")
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise UserError("device is 'mps', but this machine has no Apple GPU that torch can use; use --device cpu")
        return torch.device("mps")
    match = re.fullmatch(r"cuda(?::(\d{1,3}))?", name)
    if match is None:
        raise UsageError(f"no device is called {name!r}; there is: auto, cpu, cuda, cuda:N, mps")
    index, count = int(match[1] or 0), torch.cuda.device_count()
    if count == 0:
        reason = "this torch is built without CUDA" if torch.version.cuda is None else "torch finds no NVIDIA GPU here"
        raise UserError(f"device is {name!r}, but {reason}; use --device cpu, or see `fashion-tui doctor`")
    if index >= count:
        raise UserError(f"device is {name!r}, but the GPUs here are cuda:0 to cuda:{count - 1}; use one of these")
    return torch.device("cuda", index)


WATCHED = 0.2
"""Seconds for which it is looked how busy the CPU is."""


def list_devices() -> tuple[Device, ...]:
    """All devices of this machine, the CPU first, and how busy they are."""
    memory = psutil.virtual_memory()
    found = [
        Device(
            name="cpu",
            description=describe_device(torch.device("cpu")),
            memory=memory.total,
            utilization=psutil.cpu_percent(WATCHED) / 100,
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
    """What a person calls the device: `AMD EPYC 9B14, 2 cores`, `NVIDIA H100 80GB HBM3`."""
    if device.type == "cuda":
        # Asks the driver for the card's properties, which needs no context on it.
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    cores = available_cpus()
    return f"{_cpu_name()}, {cores} core{'' if cores == 1 else 's'}"


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 by itself. Where it doesn't, torch does so by detours that cost speed."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "mps":
        return True
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def set_cpu_threads(count: int) -> None:
    """Lets torch compute in so many threads of the CPU, for which a number below 1.2e-38 is 0.

    To be called before torch has computed in this thread: those that it starts then inherit that. Adam's moments for a
    unit that no longer learns shrink into such denormal numbers, a third of all within an epoch of the guide's recipe,
    and some CPUs compute many times slower with them. The weights come out the same to the bit.
    """
    torch.set_num_threads(count)
    torch.set_flush_denormal(True)


def set_determinism(*, deterministic: bool) -> None:
    """Lets torch use only algorithms that give the same bits each time, or the fastest ones; TF32 on a GPU in any case.

    To be called before CUDA has worked: cuBLAS reads its variable when it starts.
    """
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    torch.backends.cudnn.benchmark = not deterministic
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - a file of the system
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return next(iter(names), "") or platform.processor() or platform.machine()
