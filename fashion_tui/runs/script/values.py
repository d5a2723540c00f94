"""Values that a script logs: copy them when they are logged, and convert them to floats later, in another thread."""

import math
import sys
from typing import Any

from fashion_tui.schema.text import one_line


def snapshot(value: Any) -> object:
    """Return a value that stays the same whatever the script does next, without waiting for a device.

    A tensor is detached and copied on its device. `to_float` reads the copy later, so that the script doesn't wait for
    the GPU. torch isn't imported: only a script that has imported it can pass tensors.
    """
    if hasattr(value, "detach"):
        copy = value.detach().clone()
        return _DeviceCopy(copy) if getattr(copy, "is_cuda", False) else copy
    return value.copy() if hasattr(value, "__array_interface__") else value


def to_float(value: Any) -> float:
    """Convert a value that `snapshot` returned to a float. Raises TypeError or ValueError if it isn't a number."""
    if isinstance(value, _DeviceCopy):
        value = value.wait()
    if isinstance(value, str | bytes):
        raise TypeError(f"it is {one_line(repr(value), 40)}, not a number")
    if hasattr(value, "item"):  # a tensor or an array
        if (count := math.prod(value.shape)) != 1:
            raise ValueError(f"it has {count:,} values")
        value = value.item()
    return float(value)


class _DeviceCopy:
    """A tensor on a GPU whose value isn't known yet."""

    def __init__(self, tensor: Any) -> None:
        torch = sys.modules["torch"]
        self._tensor = tensor
        self._event = torch.cuda.Event(blocking=True)  # waiting for it doesn't keep a core busy
        self._event.record(torch.cuda.current_stream(tensor.device))

    def wait(self) -> Any:
        self._event.synchronize()
        return self._tensor
