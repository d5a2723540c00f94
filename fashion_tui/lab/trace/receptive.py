"""Compute receptive fields: the part of the input that one value of a row's output depends on.

For each spatial axis and each position of a tensor, the first and the last position of the input are kept on which the
values at this position depend. Operations that move or combine values in other ways make the field unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from torch import nn

from fashion_tui.schema.inputs import InputSpec
from fashion_tui.schema.shapes import NETWORK_INPUT, Shape, ShapeRow

from .calls import Call
from .windows import WindowSettings

Positions = NDArray[np.int64]

_POINTWISE_LAYERS = frozenset({"activation", "batchnorm", "dropout"})
"""Modules of torch.nn.modules whose layers compute each position on its own, in evaluation mode."""
_MIXING_LAYERS = (nn.Softmax, nn.Softmin, nn.LogSoftmax, nn.MultiheadAttention, nn.GLU)
"""Layers of these modules that combine positions."""
_NORMS = (nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
"""Layers whose statistics depend on all positions, also in evaluation mode."""
_POINTWISE_FUNCTIONS = frozenset(
    {
        "relu", "relu_", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "logsigmoid",
        "hardsigmoid", "hardswish", "hardtanh", "tanh", "softplus", "softsign", "threshold", "dropout", "dropout2d",
        "batch_norm", "clamp", "abs", "exp", "log", "sqrt", "square", "add", "add_", "sub", "mul", "mul_", "div", "pow",
        "neg", "contiguous", "to", "float", "clone", "iadd", "imul", "radd", "rmul", "rsub", "isub", "truediv",
        "maximum", "minimum", "where",
    }
)  # fmt: skip
_JOINING = frozenset({"cat", "concat", "concatenate"})
_FLATTENING = frozenset({"flatten", "view", "reshape", "Flatten", "squeeze"})
_REDUCTIONS = frozenset({"mean", "sum", "amax", "amin", "std", "var"})


@dataclass(frozen=True, slots=True)
class Reach:
    """The first and the last position of the input on which each position of a tensor depends, along one axis."""

    first: Positions
    last: Positions

    def __len__(self) -> int:
        return len(self.first)

    @property
    def size(self) -> int:
        """The largest number of positions of the input on which a position depends."""
        return max(int((self.last - self.first).max()) + 1, 0)

    @property
    def is_constant(self) -> bool:
        """Whether all positions depend on the same part of the input."""
        return bool((self.first == self.first[0]).all() and (self.last == self.last[0]).all())

    def taken(self, taps: Positions, *, valid: NDArray[np.bool_]) -> "Reach":
        """Return the reach of positions that depend on several positions each.

        `taps[i]` contains the positions on which position i depends. Those where `valid` is False are padding.
        """
        valid = valid & (taps >= 0) & (taps < len(self))
        inside = np.clip(taps, 0, len(self) - 1)
        none_first, none_last = self.last.max(), self.first.min() - 1
        return Reach(
            np.where(valid, self.first[inside], none_first).min(1), np.where(valid, self.last[inside], none_last).max(1)
        )

    def whole(self) -> "Reach":
        """Return the reach of a single position that depends on all positions."""
        return Reach(self.first.min(keepdims=True), self.last.max(keepdims=True))


Field = tuple[Reach, ...]
"""The receptive field of a tensor: its reach along each spatial axis of the input."""


def add_receptive_fields(
    rows: Sequence[ShapeRow], calls: Sequence[Call], inputs: Sequence[InputSpec]
) -> tuple[ShapeRow, ...]:
    """Return the rows with the receptive field of their outputs, where it is known.

    It is known if the only input is an image, a signal or a volume, up to operations such as attention.
    """
    window = next((call.window for call in calls if call.window is not None), None)
    if window is None or len(inputs) != 1 or not inputs[0].batched or len(window.kernel) != len(inputs[0].shape) - 1:
        return tuple(rows)
    each = tuple(Reach(np.arange(size), np.arange(size)) for size in inputs[0].shape[1:])
    fields: list[Field | None] = []
    for row, call in zip(rows, calls, strict=True):
        sources = [_at(fields, producer, each) for producer in row.producers]
        known = [source for source in sources if source is not None]
        is_known = known and len(known) == len(sources) and not row.has_children and bool(row.outputs)
        fields.append(_field_of(row, call, known) if is_known else None)
    return tuple(
        _with_field(row, call, fields, index) for index, (row, call) in enumerate(zip(rows, calls, strict=True))
    )


def _at(fields: Sequence[Field | None], producer: int | None, network_input: Field) -> Field | None:
    if producer == NETWORK_INPUT:
        return network_input
    return None if producer is None else fields[producer]


def _with_field(row: ShapeRow, call: Call, fields: Sequence[Field | None], index: int) -> ShapeRow:
    """Return the row with its field or, if it has children, that of the call that produced its first output."""
    producer = next(iter(call.output_producers), None) if row.has_children else index
    field = None if producer is None or producer == NETWORK_INPUT else fields[producer]
    return row if field is None else replace(row, receptive_field=tuple(reach.size for reach in field))


def _field_of(row: ShapeRow, call: Call, sources: Sequence[Field]) -> Field | None:
    """Return the field of a row's first output, or None if it is unknown."""
    source, shape, output = sources[0], row.inputs[0], row.outputs[0]
    is_spatial = len(shape) == len(source) + 1 and shape[1:] == tuple(map(len, source))
    if _is_pointwise(row, call) or row.name in _JOINING:
        return _union(sources, output) if _keeps_positions(row, sources, output) else None
    if len(sources) == 1 and is_spatial:
        return _field_of_spatial(row, call, source)
    if len(sources) == 1 and len(shape) == 1 and _is_linear(row, call):
        return tuple(reach.whole() for reach in source)
    is_constant = all(reach.is_constant for field in sources for reach in field)
    return tuple(reach.whole() for reach in _union(sources, ())) if is_constant else None


def _field_of_spatial(row: ShapeRow, call: Call, source: Field) -> Field | None:
    """Return the field of an operation on an image, a signal or a volume."""
    output, counts = row.outputs[0], row.outputs[0][-len(source) :]
    function = row.op.rpartition(".")[2]
    if call.window is not None:
        window = call.window
        return tuple(_windowed(reach, window, axis, counts[axis]) for axis, reach in enumerate(source))
    if "adaptive" in row.op.lower():
        return tuple(_adaptive(reach, count) for reach, count in zip(source, counts, strict=True))
    if function in _FLATTENING and len(output) == 1:
        return source
    if isinstance(call.target, _NORMS) or _reduces_all_positions(row, function):
        return tuple(_repeated(reach.whole(), count) for reach, count in zip(source, counts, strict=False))
    if _repeats_values(row, call):
        return tuple(_scaled(reach, count) for reach, count in zip(source, counts, strict=True))
    is_constant = all(reach.is_constant for reach in source)
    return tuple(reach.whole() for reach in source) if is_constant else None


def _windowed(reach: Reach, window: WindowSettings, axis: int, count: int) -> Reach:
    """Return the reach of a convolution or pool with `count` positions."""
    stride, dilation = window.stride[axis], window.dilation[axis]
    width = dilation * (window.kernel[axis] - 1)
    if isinstance(window.padding, str):
        padding = width // 2 if window.padding == "same" else 0
    else:
        padding = window.padding[axis]
    offsets = dilation * np.arange(window.kernel[axis])[None, :]
    positions = np.arange(count)[:, None]
    if window.transposed:
        scaled = positions + padding - offsets
        return reach.taken(scaled // stride, valid=scaled % stride == 0)
    taps = positions * stride - padding + offsets
    return reach.taken(taps, valid=np.ones_like(taps, dtype=bool))


def _adaptive(reach: Reach, count: int) -> Reach:
    """Return the reach of an adaptive pool, whose windows may differ in size."""
    starts = np.arange(count) * len(reach) // count
    ends = -(-(np.arange(count) + 1) * len(reach) // count)
    taps = starts[:, None] + np.arange((ends - starts).max())[None, :]
    return reach.taken(taps, valid=taps < ends[:, None])


def _scaled(reach: Reach, count: int) -> Reach:
    """Return the reach of an axis that is resized to `count` positions by repeating or skipping values."""
    taps = (np.arange(count) * len(reach) // count)[:, None]
    return reach.taken(taps, valid=np.ones_like(taps, dtype=bool))


def _union(sources: Sequence[Field], output: Shape) -> Field:
    """Return the field of values that depend on all sources at the same position, or on a constant one."""
    axes = []
    for axis, reaches in enumerate(zip(*sources, strict=True)):
        position = axis - len(sources[0])
        count = max(output[position] if len(output) > len(sources[0]) else 1, *map(len, reaches))
        aligned = [_repeated(reach, count) if reach.is_constant else reach for reach in reaches]
        axes.append(Reach(np.min([one.first for one in aligned], 0), np.max([one.last for one in aligned], 0)))
    return tuple(axes)


def _repeated(reach: Reach, count: int) -> Reach:
    return Reach(np.full(count, reach.first[0]), np.full(count, reach.last[0]))


def _keeps_positions(row: ShapeRow, sources: Sequence[Field], output: Shape) -> bool:
    """Return whether each input has the positions of the output, or all its values depend on the same part."""
    return all(
        (shape[1:] == output[1:] and len(shape) == len(output)) or all(reach.is_constant for reach in field)
        for shape, field in zip(row.inputs, sources, strict=True)
    )


def _is_pointwise(row: ShapeRow, call: Call) -> bool:
    if not row.is_module:
        return row.name in _POINTWISE_FUNCTIONS
    is_known = type(call.target).__module__.removeprefix("torch.nn.modules.") in _POINTWISE_LAYERS
    return isinstance(call.target, nn.Identity) or (is_known and not isinstance(call.target, _MIXING_LAYERS))


def _is_linear(row: ShapeRow, call: Call) -> bool:
    return isinstance(call.target, nn.Linear) or row.op == "F.linear"


def _reduces_all_positions(row: ShapeRow, function: str) -> bool:
    """Return whether the row is a mean, for example, over all spatial axes. The axes are inferred from the shapes."""
    channels, *positions = row.inputs[0]
    is_over_positions = row.outputs[0] in {(channels,), (channels, *(1 for _ in positions))}
    return function in _REDUCTIONS and is_over_positions and channels not in positions


def _repeats_values(row: ShapeRow, call: Call) -> bool:
    """Return whether the row resizes an image by repeating or skipping values. Other modes interpolate."""
    if isinstance(call.target, nn.Upsample):
        return bool(call.target.mode == "nearest")
    other_modes = ("linear", "cubic", "area", "-", "…")
    return row.name == "interpolate" and not any(mode in row.settings for mode in other_modes)
