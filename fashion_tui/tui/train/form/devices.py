"""The devices that the form offers, and their load."""

from collections.abc import Iterable

from rich.text import Text

from fashion_tui.report.formatting import format_device
from fashion_tui.report.style import BAD
from fashion_tui.schema.replies import Device, auto_problem

AUTO = "auto"
SAME_DEVICE_HINT = "the device of the run"
AUTO_DEVICE_HINT = "a GPU if there is one, else the CPU"


class DeviceChoices:
    """The names of the devices to choose from, and a note about each."""

    def __init__(self, device_of_run: str = AUTO) -> None:
        """`device_of_run` is always offered, even if this machine doesn't have it."""
        self._device_of_run = device_of_run
        self._devices: dict[str, Device] = {}
        self._auto_problem: str | None = None

    def set_devices(self, devices: Iterable[Device]) -> None:
        """Offer the machine's devices, as reported by the engine, except for unusable ones."""
        devices = tuple(devices)
        self._devices = {device.name: device for device in devices if device.problem is None}
        self._auto_problem = auto_problem(devices)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((AUTO, *self._devices, self._device_of_run)))

    def note(self, name: str) -> str | Text:
        """Return the load of a device or, for `auto`, the reason if it doesn't select the machine's GPU."""
        device = self._devices.get(name)
        if device is not None:
            return format_device(device)
        if name != AUTO:
            return SAME_DEVICE_HINT
        if self._auto_problem is not None:
            return Text(f"the CPU: {self._auto_problem}", style=BAD)
        return AUTO_DEVICE_HINT
