"""Decode the events in TensorBoard's event files with the package `tensorboard`, an optional dependency."""

import errno
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fashion_tui.schema.text import one_line

from .log import MAX_STEP, metric_name

INSTALL = "pip install 'fashion-tui[tensorboard]'"

SESSION_HPARAMS = "_hparams_/session_start_info"
"""Tag of the summary with the hyperparameters of a run."""


@dataclass(frozen=True, slots=True)
class ScalarEvent:
    """The scalars of an event."""

    step: int
    time: float
    values: dict[str, float]
    restarts: bool
    """Whether the event marks all earlier events at this step and higher ones as invalid."""


class EventDecoder:
    """Decodes the events of a run."""

    def __init__(self) -> None:
        """Import the package. Raises OSError, with the command that installs it, if it is missing."""
        try:
            # These modules take 0.2 s to import, and they don't import TensorFlow.
            from google.protobuf.message import DecodeError  # noqa: PLC0415
            from tensorboard.compat.proto import event_pb2  # noqa: PLC0415
            from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c  # noqa: PLC0415
            from tensorboard.util.tensor_util import make_ndarray  # noqa: PLC0415
        except ImportError as error:
            missing = "the package tensorboard is missing" if error.name == "tensorboard" else one_line(str(error))
            raise OSError(errno.ENOTSUP, f"{missing}; install it with: {INSTALL}") from error
        self.checksum: Callable[[bytes], int] = masked_crc32c
        self._events = event_pb2
        self._array = make_ndarray
        self._bad_event: type[Exception] = DecodeError
        self._plugins: dict[str, str] = {}
        """Name of the plugin that displays the values of each tag. Often, only the first value of a tag contains it."""

    def decode(self, record: bytes) -> ScalarEvent | None:
        """Return the scalars of an event, or None if it has none. Raises ValueError if it can't be decoded."""
        event = self._parse(record)
        kind = event.WhichOneof("what")
        if kind == "session_log" and event.session_log.status == self._events.SessionLog.START:
            return ScalarEvent(event.step, event.wall_time, {}, restarts=True)
        if kind != "summary":
            return None
        values = {}
        for value in event.summary.value:
            number = self._number(value)
            if number is not None:
                values[metric_name(value.tag)] = number
        if values and not 0 <= event.step <= MAX_STEP:
            raise ValueError(f"step {event.step} is out of range")
        return ScalarEvent(event.step, event.wall_time, values, restarts=False) if values else None

    def hyperparameters(self, records: Iterable[bytes]) -> dict[str, object]:
        """Return the hyperparameters that `SummaryWriter.add_hparams` has stored in some of the records."""
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData  # noqa: PLC0415 - as above

        found: dict[str, object] = {}
        for record in records:
            try:
                for value in self._parse(record).summary.value:
                    if value.tag == SESSION_HPARAMS:
                        stored = HParamsPluginData.FromString(value.metadata.plugin_data.content)
                        found |= {name: _plain(item) for name, item in stored.session_start_info.hparams.items()}
            except (ValueError, self._bad_event):
                continue
        return found

    def _parse(self, record: bytes) -> Any:
        try:
            return self._events.Event.FromString(record)
        except self._bad_event as error:
            raise ValueError(str(error)) from error

    def _number(self, value: Any) -> float | None:
        """Return the value of a scalar summary, or None for any other summary."""
        kind = value.WhichOneof("value")
        if kind == "simple_value":
            return float(value.simple_value)
        if kind != "tensor":
            return None
        plugin = self._plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
        if plugin not in {"", "scalars"} or math.prod(dim.size for dim in value.tensor.tensor_shape.dim) != 1:
            return None
        try:
            array = self._array(value.tensor)
            return float(array.item()) if array.dtype.kind in "fiub" else None
        except Exception as error:  # for example, a tensor with fewer values than its shape requires
            raise ValueError(f"the tensor of {value.tag!r} can't be read") from error


def _plain(item: Any) -> object:
    """Return a protobuf value as a number, a string, a Boolean or a list."""
    kind = item.WhichOneof("kind")
    if kind == "list_value":
        return [_plain(one) for one in item.list_value.values]
    return None if kind in {None, "null_value", "struct_value"} else getattr(item, kind)
