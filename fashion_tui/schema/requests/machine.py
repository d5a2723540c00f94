"""Requests about the machine's devices and torch."""

from .request import Request


class GetDevices(Request, frozen=True, kw_only=True):
    """Ask for this machine's devices. The reply is a tuple[Device, ...] with the CPU first."""


class FindDevice(Request, frozen=True, kw_only=True):
    """Ask which device a name refers to; the reply is a Device, or a Failure if this machine has no such device."""

    name: str
    """Name in the form that `--device` accepts."""


class GetTorchReport(Request, frozen=True, kw_only=True):
    """Ask for torch's version and devices, for `doctor`; the reply is a tuple[HealthCheck, ...]."""
