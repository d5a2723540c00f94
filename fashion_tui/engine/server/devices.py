"""Handlers for requests about the machine: its devices, and the checks of torch for `doctor`."""

import importlib.metadata
import platform

import torch

from fashion_tui.lab import devices
from fashion_tui.lab.gpus import why_no_gpu
from fashion_tui.machine.gpus import has_amd_driver
from fashion_tui.schema.replies import Device, HealthCheck
from fashion_tui.schema.requests import FindDevice, GetDevices, GetTorchReport

from .cache import Cache
from .connection import CallContext

MIN_TORCH = (2, 10)


def get_devices(_request: GetDevices, _call: CallContext, _cache: Cache) -> tuple[Device, ...]:
    return devices.list_devices()


def find_device(request: FindDevice, _call: CallContext, _cache: Cache) -> Device:
    return devices.find_device(request.name)


def get_torch_report(_request: GetTorchReport, _call: CallContext, _cache: Cache) -> tuple[HealthCheck, ...]:
    found = devices.list_devices()
    return (_check_torch(), _check_torchvision(), *map(_check_device, found), *_explain_missing_gpu(found))


def _check_torch() -> HealthCheck:
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    versions = {"CUDA": torch.version.cuda, "ROCm": torch.version.hip}
    build = next((f"built for {name} {number}" for name, number in versions.items() if number), "built without CUDA")
    detail = f"{torch.__version__} on Python {platform.python_version()}, {build}, {torch.get_num_threads()} threads"
    if version < MIN_TORCH:
        required = ".".join(str(part) for part in MIN_TORCH)
        return HealthCheck(name="torch", ok=False, detail=f"{detail}; too old: pip install 'torch>={required}'")
    return HealthCheck(name="torch", ok=True, detail=detail)


def _check_torchvision() -> HealthCheck:
    try:
        return HealthCheck(name="torchvision", ok=True, detail=importlib.metadata.version("torchvision"))
    except importlib.metadata.PackageNotFoundError:
        return HealthCheck(name="torchvision", ok=False, detail="not installed: pip install torchvision")


def _check_device(device: Device) -> HealthCheck:
    name = f"device: {device.name}"
    if device.problem is not None:
        return HealthCheck(name=name, ok=False, detail=device.problem)
    bf16 = "bf16" if devices.has_bf16(torch.device(device.name)) else "no bf16"
    memory = f", {device.memory / 2**30:.0f} GiB" if device.memory else ""
    return HealthCheck(name=name, ok=True, detail=f"{device.description}{memory}, {bf16}")


def _explain_missing_gpu(found: tuple[Device, ...]) -> tuple[HealthCheck, ...]:
    """If torch finds no GPU, return a check that says why. Otherwise, return an empty tuple."""
    if any(device.name != "cpu" for device in found):
        return ()
    if has_amd_driver() and torch.version.hip is None:
        detail = "an AMD driver is installed; to use an AMD GPU, install a build of torch for ROCm"
    else:
        detail = f"none: {why_no_gpu()}"
    return (HealthCheck(name="device: cuda", ok=True, detail=detail),)
