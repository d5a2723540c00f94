"""Find the GPUs that torch can use through CUDA or ROCm, and explain why it can't use other GPUs.

No function in this module creates a CUDA context.
"""

import os
import re
import warnings
from dataclasses import dataclass
from typing import Any

import psutil
import torch

from fashion_tui.machine.gpus import gpu_names, gpu_processes, gpu_usage, has_amd_driver, has_nvidia_driver

MIN_DRIVERS = {12: 525, 13: 580}
"""Oldest NVIDIA driver that supports each major version of CUDA."""

BUILDS = {12: "CUDA 12.6", 13: "CUDA 13.0"}
"""Maps the major version of CUDA that a driver supports to the build of torch to install.

The wheels for CUDA 12.6 also have kernels for Maxwell, Pascal and Volta, which CUDA 13 doesn't support.
"""

OLDEST_CAPABILITY = 50
"""Lowest compute capability that current torch wheels support, multiplied by 10."""

VISIBILITY_VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
"""Environment variables that can hide GPUs from a process."""

NO_VISIBLE_GPU = "No CUDA GPUs are available"
"""torch's error message if a driver is installed but no GPU is visible."""

FABRIC_NOT_READY = "Error 802"
"""Part of CUDA's error message if the machine's NVLink fabric isn't configured yet."""

MAX_PROCESSES = 3
"""Maximum number of processes to list when a GPU runs out of memory."""


@dataclass(frozen=True)
class Gpu:
    """A GPU that CUDA or ROCm finds."""

    device: torch.device
    name: str
    uuid: str
    """Identifier that is unique among all GPUs, without the prefix `GPU-`."""
    memory: int
    """Total memory in bytes."""
    problem: str | None
    """Why this build of torch can't use the GPU, and what to do. None if torch can use the GPU."""


def find_gpus() -> tuple[Gpu, ...]:
    """Return the GPUs that CUDA finds, in CUDA's order.

    CUDA is initialised first. Otherwise, torch would count the GPUs that NVML finds, even if CUDA finds fewer.
    """
    if why_no_gpu() is not None:
        return ()
    return tuple(_describe(index) for index in range(torch.cuda.device_count()))


def why_no_gpu() -> str | None:
    """Initialise CUDA. Return torch's error message if no GPU can be used, else None."""
    try:
        with warnings.catch_warnings():
            # `Gpu.problem` already says when torch has no kernels for a GPU, so torch's own warnings are redundant.
            warnings.simplefilter("ignore")
            torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return _shorten(str(error))
    return None


def unused_gpus() -> str | None:
    """Explain which GPUs of this machine can't be used, why, and what to do.

    Return None if CUDA finds a GPU. Also return None if the machine has neither an NVIDIA driver nor, for a ROCm
    build of torch, an AMD driver.
    """
    reason = why_no_gpu()
    has_driver = has_nvidia_driver() or (torch.version.hip is not None and has_amd_driver())
    if reason is None or not has_driver:
        return None
    names = ", ".join(gpu_names()) or "the GPU"
    return f"{names} can't be used: {explain(reason)}"


def explain(reason: str) -> str:
    """Return the reason why no GPU can be used, followed by advice if there is any."""
    hidden = [name for name in VISIBILITY_VARIABLES if name in os.environ]
    found = re.search(r"found version (\d+)", reason)
    if found:
        return f"{reason}; {_driver_advice(int(found[1]) // 1000)}"
    if FABRIC_NOT_READY in reason:
        return f"{reason}; start NVIDIA's fabric manager: sudo systemctl start nvidia-fabricmanager"
    if _cuda_version() is None and torch.version.hip is None and has_nvidia_driver():
        return f"{reason}; {_install(max(BUILDS))}"
    if hidden and NO_VISIBLE_GPU in reason:
        return f"{reason}; {hidden[0]} is {os.environ[hidden[0]]!r}: unset it to use all GPUs"
    return reason


def explain_memory(device: torch.device) -> tuple[str, bool]:
    """Return a description of the processes that use a GPU's memory, and whether this process uses most of it."""
    properties = torch.cuda.get_device_properties(device)
    uuid, total, own = str(properties.uuid), properties.total_memory, torch.cuda.memory_reserved(device)
    usage = gpu_usage([uuid]).get(uuid)
    if usage is None or usage.memory_used is None or usage.memory_free is None:
        return f"this process uses {_gib(own)} of {_gib(total)}", own > total / 2
    processes = gpu_processes(uuid)
    own = max(own, processes.pop(os.getpid(), 0))
    others = max(0, usage.memory_used - own)
    largest = sorted(processes.items(), key=lambda item: -item[1])[:MAX_PROCESSES]
    users = [f"{_process_name(pid)} (process {pid}) {_gib(memory)}" for pid, memory in largest]
    if not users and others:
        users = [f"other processes {_gib(others)}"]
    text = ", ".join([f"this process uses {_gib(own)}", *users])
    return f"{_gib(usage.memory_free)} of {_gib(total)} are free; {text}", own >= others


def _process_name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "another program"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _shorten(reason: str) -> str:
    """Return the part of torch's message that states the reason, as one line."""
    text = " ".join(reason.split())
    error = re.search(r"Error \d+: .*", text)
    return error[0] if error else text.partition(". Please")[0]


def _driver_advice(supported: int) -> str:
    """Return advice for a driver that supports CUDA only up to major version `supported`."""
    needed = _cuda_version() or max(MIN_DRIVERS)
    advice = f"update the driver to {MIN_DRIVERS.get(needed, max(MIN_DRIVERS.values()))} or newer"
    return f"{advice}, or {_install(supported)}" if supported in BUILDS else advice


def _install(cuda: int) -> str:
    return f"install torch and torchvision for {BUILDS[cuda]}, as pytorch.org describes"


def _cuda_version() -> int | None:
    """Return the major version of CUDA for which torch is built, or None if torch is built without CUDA."""
    return int(torch.version.cuda.partition(".")[0]) if torch.version.cuda else None


def _describe(index: int) -> Gpu:
    properties = torch.cuda.get_device_properties(index)
    return Gpu(
        device=torch.device("cuda", index),
        name=properties.name,
        uuid=str(properties.uuid),
        memory=properties.total_memory,
        problem=_kernel_problem(properties),
    )


def _kernel_problem(properties: Any) -> str | None:
    """Return a message with advice if torch has no kernels for a GPU, else None."""
    architectures = torch.cuda.get_arch_list()
    if not architectures:
        return None
    if torch.version.hip is not None:
        own = properties.gcnArchName.partition(":")[0]
        if own in architectures or any("generic" in name for name in architectures):
            return None
        return f"{properties.name} ({own}) can't be used: torch only has kernels for {', '.join(architectures)}"
    capability = 10 * properties.major + properties.minor
    if any(_runs_on(name, capability) for name in architectures):
        return None
    return (
        f"{properties.name} (sm_{capability}) can't be used: torch only has kernels for {', '.join(architectures)}"
        + (f"; {_install(12)}" if capability >= OLDEST_CAPABILITY and _cuda_version() != 12 else "")
    )


def _runs_on(architecture: str, capability: int) -> bool:
    """Return whether code for an architecture such as `sm_86` or `compute_90` runs on a GPU.

    Binary code (`sm`) runs on its own and on later architectures with the same major version. Intermediate code
    (`compute`) also runs on later major versions.
    """
    match = re.fullmatch(r"(sm|compute)_(\d+)[af]?", architecture)
    if match is None or int(match[2]) > capability:
        return False
    return match[1] == "compute" or int(match[2]) // 10 == capability // 10
