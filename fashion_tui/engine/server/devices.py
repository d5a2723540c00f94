"""The machine: its devices, and what `doctor` says of torch."""

import importlib.metadata
import platform

import torch

from fashion_tui.lab.devices import choose_device, devices, has_bf16
from fashion_tui.runs.host import has_gpu_driver
from fashion_tui.schema.replies import Check, Device
from fashion_tui.schema.requests import FindDevice, GetDevices, GetTorchReport

from .connection import CallContext
from .kept import Kept

OLDEST_TORCH = (2, 10)


def get_devices(_request: GetDevices, _call: CallContext, _kept: Kept) -> tuple[Device, ...]:
    return devices()


def find_device(request: FindDevice, _call: CallContext, _kept: Kept) -> Device:
    chosen = str(choose_device(request.name))
    return next(device for device in devices() if device.name == chosen)


def get_torch_report(_request: GetTorchReport, _call: CallContext, _kept: Kept) -> tuple[Check, ...]:
    return (_torch(), _torchvision(), *(_device(device) for device in devices()), *_unused_gpu())


def _torch() -> Check:
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    found = f"{torch.__version__} on Python {platform.python_version()}, {built}, {torch.get_num_threads()} threads"
    if version < OLDEST_TORCH:
        wanted = ".".join(str(part) for part in OLDEST_TORCH)
        return Check(name="torch", ok=False, detail=f"{found}; it is too old: pip install 'torch>={wanted}'")
    return Check(name="torch", ok=True, detail=found)


def _torchvision() -> Check:
    try:
        return Check(name="torchvision", ok=True, detail=importlib.metadata.version("torchvision"))
    except importlib.metadata.PackageNotFoundError:
        return Check(name="torchvision", ok=False, detail="not installed: pip install torchvision")


def _device(device: Device) -> Check:
    bf16 = "bf16" if has_bf16(torch.device(device.name)) else "no bf16"
    memory = f", {device.memory / 2**30:.0f} GiB" if device.memory else ""
    return Check(name=f"device: {device.name}", ok=True, detail=f"{device.description}{memory}, {bf16}")


def _unused_gpu() -> tuple[Check, ...]:
    """A card that the system knows and torch can't use: the commonest trouble of a GPU box."""
    if torch.cuda.is_available() or not has_gpu_driver():
        return ()
    reason = (
        "this torch is built without CUDA: install the build for it"
        if torch.version.cuda is None
        else f"torch can't use it: its CUDA {torch.version.cuda} may be newer than the driver; see nvidia-smi"
    )
    return (Check(name="device: cuda", ok=False, detail=f"an NVIDIA driver is here, but {reason}"),)
