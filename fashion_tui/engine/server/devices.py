"""Handlers of requests about the machine: its devices, and the checks of torch for `doctor`."""

import importlib.metadata
import platform

import torch

from fashion_tui.lab.devices import choose_device, has_bf16, list_devices
from fashion_tui.machine.gpus import has_gpu_driver
from fashion_tui.schema.replies import Device, HealthCheck
from fashion_tui.schema.requests import FindDevice, GetDevices, GetTorchReport

from .cache import Cache
from .connection import CallContext

MIN_TORCH = (2, 10)


def get_devices(_request: GetDevices, _call: CallContext, _cache: Cache) -> tuple[Device, ...]:
    return list_devices()


def find_device(request: FindDevice, _call: CallContext, _cache: Cache) -> Device:
    name = str(choose_device(request.name))
    return next(device for device in list_devices() if device.name == name)


def get_torch_report(_request: GetTorchReport, _call: CallContext, _cache: Cache) -> tuple[HealthCheck, ...]:
    return (_check_torch(), _check_torchvision(), *map(_check_device, list_devices()), *_check_unused_gpu())


def _check_torch() -> HealthCheck:
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    cuda = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    detail = f"{torch.__version__} on Python {platform.python_version()}, {cuda}, {torch.get_num_threads()} threads"
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
    bf16 = "bf16" if has_bf16(torch.device(device.name)) else "no bf16"
    memory = f", {device.memory / 2**30:.0f} GiB" if device.memory else ""
    return HealthCheck(name=f"device: {device.name}", ok=True, detail=f"{device.description}{memory}, {bf16}")


def _check_unused_gpu() -> tuple[HealthCheck, ...]:
    """Report a GPU that has a driver but can't be used by torch. This is the most common problem on a GPU machine."""
    if torch.cuda.is_available() or not has_gpu_driver():
        return ()
    reason = (
        "this torch is built without CUDA; install a CUDA build"
        if torch.version.cuda is None
        else f"torch can't use it; its CUDA {torch.version.cuda} may be newer than the driver; see nvidia-smi"
    )
    return (HealthCheck(name="device: cuda", ok=False, detail=f"an NVIDIA driver is installed, but {reason}"),)
