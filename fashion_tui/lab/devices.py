"""The devices on which a network can be trained: the CPU, NVIDIA and AMD GPUs (`cuda`), and Apple GPUs (`mps`).

No function in this module creates a CUDA context.
"""

import os
import platform
import re
from collections.abc import Sequence
from contextlib import suppress

import msgspec
import psutil
import torch

from fashion_tui.machine.gpus import gpu_usage
from fashion_tui.machine.threads import available_cpus
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.replies import Device

from .gpus import Gpu, explain, find_gpus, unused_gpus, why_no_gpu


def choose_device(name: str) -> torch.device:
    """Return the device with this name.

    `auto` selects the first usable GPU, or the CPU if there is none. If the first usable GPU has too little free
    memory, `auto` selects the usable GPU with the most free memory.

    Raises UsageError for an unknown name, and UserError if this machine doesn't have the device or torch can't use it.
    """
    if name == "auto":
        usable = [gpu for gpu in find_gpus() if gpu.problem is None]
        return _emptiest(usable).device if usable else torch.device("cpu")
    if name == "cpu":
        return torch.device("cpu")
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise UserError("device is 'mps', but torch finds no Apple GPU here; use --device cpu")
        return torch.device("mps")
    match = re.fullmatch(r"cuda(?::(\d{1,3}))?", name)
    if match is None:
        raise UsageError(f"unknown device {name!r}; choose from auto, cpu, cuda, cuda:N, mps")
    index, gpus = int(match[1] or 0), find_gpus()
    if not gpus:
        reason = unused_gpus() or _inside_sentence(explain(why_no_gpu() or "CUDA finds no GPU"))
        raise UserError(f"device is {name!r}, but {reason}; {'or use' if ';' in reason else 'use'} --device cpu")
    if index >= len(gpus):
        raise UserError(f"device is {name!r}, but this machine has cuda:0 to cuda:{len(gpus) - 1}; choose one of them")
    if (problem := gpus[index].problem) is not None:
        raise UserError(f"device is {name!r}, but {problem}; or use another device")
    return gpus[index].device


def _inside_sentence(message: str) -> str:
    """Return a message without the capital letter at its start. An abbreviation keeps its capitals."""
    return message if message[:2].isupper() else message[:1].lower() + message[1:]


ENOUGH_MEMORY = 3 * 2**30
"""Minimum free memory, in bytes, for `auto` to choose the first GPU. This amount is enough for every recipe."""


def _emptiest(gpus: Sequence[Gpu]) -> Gpu:
    """Return the first GPU if its free memory is sufficient or unknown, else the GPU with the most free memory."""
    if len(gpus) == 1:
        return gpus[0]
    free = {uuid: usage.memory_free for uuid, usage in gpu_usage(gpu.uuid for gpu in gpus).items()}
    first = free.get(gpus[0].uuid)
    if first is None or first >= ENOUGH_MEMORY:
        return gpus[0]
    return max(gpus, key=lambda gpu: free.get(gpu.uuid) or 0)


def unused_gpu_problem() -> str | None:
    """Explain why `auto` selects the CPU although this machine has a GPU, and what to do about it.

    Return None if `auto` selects a GPU, or if the machine has no GPU.
    """
    gpus = find_gpus()
    if any(gpu.problem is None for gpu in gpus):
        return None
    return next((gpu.problem for gpu in gpus), None) or unused_gpus()


CPU_LOAD_INTERVAL = 0.2
"""Sampling interval of the CPU load, in seconds."""


def find_device(name: str) -> Device:
    """Return the device with this name, without its utilization. Raises the same errors as `choose_device`."""
    return _as_device(choose_device(name))


def list_devices() -> tuple[Device, ...]:
    """Return all devices of this machine with their utilization. The CPU comes first.

    A GPU that torch can't use has a `problem`. If CUDA finds none of the GPUs, a single device represents them all.
    """
    cpu = msgspec.structs.replace(
        _as_device(torch.device("cpu")), utilization=psutil.cpu_percent(CPU_LOAD_INTERVAL) / 100
    )
    gpus = find_gpus()
    usage = gpu_usage(gpu.uuid for gpu in gpus) if gpus else {}
    found = [
        Device(
            name=str(gpu.device),
            description=gpu.name,
            memory=gpu.memory,
            utilization=used.utilization if (used := usage.get(gpu.uuid)) else None,
            memory_used=used.memory_used if used else None,
            problem=gpu.problem,
        )
        for gpu in gpus
    ]
    if (problem := unused_gpus()) is not None:
        found.append(Device(name="cuda", description="", memory=None, problem=problem))
    if torch.backends.mps.is_available():
        found.append(_as_device(torch.device("mps")))
    return (cpu, *found)


def _as_device(device: torch.device) -> Device:
    """Describe a device, without its utilization."""
    description = describe_device(device)
    if device.type == "cpu":
        memory = psutil.virtual_memory()
        return Device(
            name="cpu", description=description, memory=memory.total, memory_used=memory.total - memory.available
        )
    size = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None
    return Device(name=str(device), description=description, memory=size)


def describe_device(device: torch.device) -> str:
    """Return the name of a device as shown to users: `AMD EPYC 9B14, 2 cores`, `NVIDIA H100 80GB HBM3`."""
    if device.type == "cuda":
        # This gets the name from the driver, without creating a CUDA context.
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    cores = available_cpus()
    return f"{_cpu_name()}, {cores} core{'' if cores == 1 else 's'}"


AMPERE = 8
"""Major compute capability of the first NVIDIA GPUs that support bfloat16."""


def has_bf16(device: torch.device) -> bool:
    """Return whether the device has bfloat16 instructions. Without them, torch emulates bfloat16, which is slow."""
    if device.type == "cuda":
        # torch.cuda.is_bf16_supported describes the current device, which may differ from `device`.
        return torch.version.hip is not None or torch.cuda.get_device_properties(device).major >= AMPERE
    if device.type == "mps":
        return True
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def set_cpu_threads(count: int) -> None:
    """Set the number of CPU threads, and make the CPU flush denormals (below 1.2e-38) to zero.

    Call this before the first computation in this thread, so that the threads started by torch inherit the setting.

    When a unit stops learning, its Adam moments shrink to denormals. Within an epoch of the `guide` recipe, a third of
    all moments become denormal. Some CPUs are many times slower with denormals. Flushing them doesn't change the
    trained weights.
    """
    torch.set_num_threads(count)
    torch.set_flush_denormal(True)


def use_tf32() -> None:
    """Use TF32 for matrix products on NVIDIA GPUs, as cuDNN does for convolutions by default.

    torch has two interfaces for this setting. This function uses the older interface, which also updates the newer
    interface, `fp32_precision`. Setting only `fp32_precision` would break torch.compile, because torch.compile
    reads the setting through the older interface, which would then raise an error.
    """
    torch.backends.cuda.matmul.allow_tf32 = True


def set_determinism(device: torch.device, *, deterministic: bool) -> None:
    """Use only deterministic algorithms or, if `deterministic` is False, the fastest algorithms.

    On an NVIDIA GPU, TF32 is used in both cases. Call this before the first operation on the GPU, because cuBLAS reads
    CUBLAS_WORKSPACE_CONFIG when it is initialised.
    """
    if device.type == "cuda":
        use_tf32()
    # On an AMD GPU, MIOpen's search for the fastest algorithms takes minutes.
    torch.backends.cudnn.benchmark = not deterministic and torch.version.hip is None
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"


def free_memory(device: torch.device) -> None:
    """Free the GPU memory that torch has cached, so that other processes can use it."""
    with suppress(RuntimeError):  # even emptying the cache can fail if memory has run out
        if device.type == "cuda":
            torch.cuda.empty_cache()
        elif device.type == "mps":
            torch.mps.empty_cache()


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - a system file
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return next(iter(names), "") or platform.processor() or platform.machine()
