"""Explain an error in a network: what the failing call expected, what it got, and which call produced its input."""

import math
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fashion_tui.lab.trace.functions import RESHAPING
from fashion_tui.lab.trace.record import Call, Recording
from fashion_tui.lab.trace.windows import WindowSettings, layer_window
from fashion_tui.schema.shapes import NETWORK_INPUT, Shape, ShapeRow

_HINT = "check the pooling and the channel counts"
_THIS_PACKAGE = Path(__file__).parents[1]
_TORCH = Path(torch.__file__).parent


def explain(recording: Recording, rows: Sequence[ShapeRow]) -> str | None:
    """Return a one-line explanation of the error in the recording, or None if the recording contains no error.

    `rows` are the rows of the recording.
    """
    error = recording.error
    if error is None:
        return None
    if not recording.failed:
        return _torch_message(error)
    index = recording.failed[-1]
    failure = _Failure(recording.calls[index], rows[index], rows)
    explanation = (_explain_layer(failure) or _explain_function(failure)) if failure.row.inputs else None
    return explanation or f"{failure.name}: {_torch_message(error)}"


def explain_call(name: str, op: str, inputs: Sequence[Shape], target: nn.Module | None) -> str | None:
    """Return an explanation of a failed call that wasn't recorded, or None if its inputs seem valid.

    `name` is the name of the module or function. `target` is the module, or None for a function.
    """
    call = Call(name, name, 0, op, target is not None, "", list(inputs), [None] * len(inputs), target=target)
    row = ShapeRow(
        name=name,
        path=name,
        depth=0,
        op=op,
        is_module=target is not None,
        has_children=False,
        inputs=tuple(inputs),
        sources=(None,) * len(inputs),
        outputs=(),
        settings="",
        params=0,
        own_params=0,
        trainable=False,
        reused=False,
        macs=0,
        activation_bytes=0,
        dtype="",
        failed=True,
    )
    failure = _Failure(call, row, [row])
    return _explain_function(failure) if target is None else _explain_layer(failure)


def error_location(error: BaseException | None) -> tuple[str | None, int | None]:
    """Return the file and the line of the innermost frame that is neither in torch nor in this package."""
    location: tuple[str | None, int | None] = (None, None)
    for frame in traceback.extract_tb(error.__traceback__ if error is not None else None):
        parents = Path(frame.filename).parents
        if _THIS_PACKAGE not in parents and _TORCH not in parents:
            location = (frame.filename, frame.lineno)
    return location


@dataclass(frozen=True, slots=True)
class _Failure:
    """A failed call and its row. The shapes in the row are the shapes of one sample."""

    call: Call
    row: ShapeRow
    rows: Sequence[ShapeRow]

    @property
    def name(self) -> str:
        return _display_name(self.row, self.row.path if self.row.is_module else self.row.name)

    @property
    def input(self) -> Shape:
        return self.row.inputs[0]

    def producer(self, index: int = 0) -> ShapeRow | None:
        """Return the row that produced an input's shape, skipping rows such as relu that don't change the shape."""
        source = self.row.sources[index]
        while source is not None and source != NETWORK_INPUT:
            row = self.rows[source]
            if not row.inputs or row.inputs[0] != row.outputs[0]:
                return row
            source = row.sources[0]
        return None

    def origin(self) -> str:
        """Describe the origin of the input: `flatten outputs [490]`, or `the network's input is [1, 28, 28]`."""
        producer = self.producer()
        if producer is not None:
            return f"{_display_name(producer, producer.name)} outputs {list(self.input)}"
        owner = "its" if self.row.sources[0] is None else "the network's"
        return f"{owner} input is {list(self.input)}"

    def producers(self) -> str:
        """Return the names of the calls that produced the inputs, such as ` (from conv1 and downsample)`.

        Return an empty string for the network's inputs.
        """
        producers = [self.producer(index) for index in range(len(self.row.inputs))]
        names = dict.fromkeys(_display_name(producer, producer.name) for producer in producers if producer is not None)
        return f" (from {' and '.join(names)})" if names else ""


def _display_name(row: ShapeRow, name: str) -> str:
    """Return the name of a call, such as `conv1`.

    If the name is only a number, as in nn.Sequential, the operation is added, as in `2 (Flatten)`.
    """
    return f"{name} ({row.op})" if name[-1:].isdigit() and row.name.isdigit() else name or row.name


# Layers


_EXPECTED_SIZES: tuple[tuple[Any, str, str, int], ...] = (
    (nn.Linear, "in_features", "features", -1),
    (nn.modules.batchnorm._NormBase, "num_features", "channels", 0),  # noqa: SLF001 - the base class of all of them
    (nn.GroupNorm, "num_channels", "channels", 0),
    (nn.RNNBase | nn.RNNCellBase, "input_size", "features", -1),
    (nn.MultiheadAttention, "embed_dim", "features", -1),
)
"""For each layer type: the attribute that holds the expected size, the unit of that size, and the input axis to
check."""


def _explain_layer(failure: _Failure) -> str | None:
    """Explain the failure of a torch layer from the layer's attributes, or return None if that isn't possible."""
    layer: Any = failure.call.target
    if isinstance(layer, nn.modules.conv._ConvNd):  # noqa: SLF001 - the base class of all convolutions
        return _explain_convolution(failure, layer)
    if isinstance(layer, nn.LayerNorm):
        return _explain_layer_norm(failure, layer)
    if isinstance(layer, nn.Embedding | nn.EmbeddingBag):
        return _explain_embedding(failure, layer)
    for layer_types, attribute, unit, axis in _EXPECTED_SIZES:
        if isinstance(layer, layer_types):
            return _wrong_size(failure, getattr(layer, attribute), unit, axis)
    return None


def _explain_convolution(failure: _Failure, layer: Any) -> str | None:
    axes = len(layer.kernel_size)
    if len(failure.input) != axes + 1:
        expected = ", ".join(["channels", *("depth", "height", "width")[3 - axes :]])
        return f"{failure.name} expects [{expected}], got {list(failure.input)}: {failure.origin()}"
    return _wrong_size(failure, layer.in_channels, "channels", axis=0) or _large_kernel(failure, layer)


def _large_kernel(failure: _Failure, layer: Any) -> str | None:
    kernel = _large_window(failure, layer_window(layer), "kernel")
    return f"{failure.name} has {kernel}, which is larger than the padded input: {failure.origin()}" if kernel else None


def _large_window(failure: _Failure, window: WindowSettings | None, noun: str) -> str | None:
    """Describe a window that is larger than the padded input, for example as `a 3×3 kernel that spans 5×5`.

    Return None if the window fits.
    """
    if window is None or window.transposed:
        return None
    kernel, axes = window.kernel, len(window.kernel)
    padding = (0,) * axes if isinstance(window.padding, str) else window.padding
    sizes = [size + 2 * around for size, around in zip(failure.input[-axes:], padding, strict=False)]
    spans = tuple(dilation * (size - 1) + 1 for size, dilation in zip(kernel, window.dilation, strict=True))
    if all(span <= size for span, size in zip(spans, sizes, strict=False)):
        return None
    described = f"a {'×'.join(map(str, kernel))} {noun}" if axes > 1 else f"a {noun} of {kernel[0]} values"
    return described if spans == kernel else f"{described} that spans {'×'.join(map(str, spans))}"


def _explain_layer_norm(failure: _Failure, layer: Any) -> str:
    shape = list(layer.normalized_shape)
    return f"{failure.name} expects a shape that ends in {shape}, got {list(failure.input)}: {failure.origin()}"


def _explain_embedding(failure: _Failure, layer: Any) -> str:
    return f"{failure.name} expects integer indices below {layer.num_embeddings:,}, got floating-point numbers"


def _wrong_size(failure: _Failure, expected: int, unit: str, axis: int) -> str | None:
    """Explain that an input axis has the wrong size. Return None if the size is correct."""
    if not failure.input or failure.input[axis] == expected:
        return None
    if expected == 1:
        unit = unit.removesuffix("s")
    explanation = f"{failure.name} expects {expected} {unit}, got {failure.input[axis]}: {failure.origin()}"
    producer = failure.producer()
    if producer is not None and producer.op in RESHAPING | {"torch.flatten", "torch.reshape"}:
        return f"{explanation}; {_HINT}"
    if axis == -1 and len(failure.input) > 1 and math.prod(failure.input) == expected:
        return f"{explanation}, which has {expected} values; flatten it first"
    return explanation


# Functions, and layers that call a function


def _explain_function(failure: _Failure) -> str | None:
    name, op, shapes = failure.row.name, failure.row.op, [*failure.row.inputs, *failure.call.model_shapes]
    if op == "F.linear" and failure.call.model_shapes:
        return _wrong_size(failure, failure.call.model_shapes[0][-1], "features", axis=-1)
    if name in {"view", "reshape"}:
        return _explain_view(failure)
    if "pool" in op.lower():
        return _explain_pool(failure)
    return _explain_operands(failure, shapes) if len(shapes) > 1 else None


def _explain_view(failure: _Failure) -> str | None:
    """Explain the failure of a view or reshape: `x.view(-1, 980)` fails if a sample doesn't have 980 values."""
    arguments = failure.call.arguments
    requested = [size for part in arguments for size in (part if isinstance(part, tuple | list) else (part,))]
    values, expected = math.prod(failure.input), math.prod(requested[1:])
    if len(requested) < 2 or min(requested[1:]) < 1:
        return None
    if values == expected:
        return f"{failure.name} fixes the batch size at {requested[0]}; use -1 for the batch axis"
    return f"{failure.name} expects {expected} values per sample, got {values}: {failure.origin()}; {_HINT}"


def _explain_pool(failure: _Failure) -> str | None:
    window = _large_window(failure, failure.call.window, "window")
    return f"{failure.name} has {window}, which doesn't fit into its input: {failure.origin()}" if window else None


def _explain_operands(failure: _Failure, shapes: list[Shape]) -> str | None:
    """Explain an operation on tensors whose sizes don't match."""
    name, op = failure.row.name, failure.row.op
    listed = " and ".join(str(list(shape)) for shape in shapes)
    if name in {"matmul", "bmm", "mm"} and len(shapes[1]) > 1:
        columns, rows = shapes[0][-1], shapes[1][-2]
        return f"{op} can't multiply {listed}: {columns} columns don't match {rows} rows{failure.producers()}"
    if name == "stack":
        return f"stack can't join {listed}: all shapes must be equal{failure.producers()}"
    if name in {"cat", "concat", "hstack", "vstack"}:
        return f"{name} can't join {listed}: sizes must match on all axes except the joined axis{failure.producers()}"
    if not op[0].isalpha() and "[" not in op:
        return f"{op} can't broadcast {listed}: sizes must be equal, or one of them must be 1{failure.producers()}"
    return None


def _torch_message(error: BaseException) -> str:
    """Return the first line of the message, preceded by the error's class unless the class is RuntimeError."""
    lines = str(error).strip().splitlines()
    message = lines[0].strip() if lines else "no reason given"
    return message if type(error) is RuntimeError else f"{type(error).__name__}: {message}"
