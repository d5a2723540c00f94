"""Compute receptive fields: the part of the input that one value of a row's output depends on.

For each value of a tensor, the field is the first and the last position that the value depends on, along each spatial
axis of the input. After operations that move or combine values in unsupported ways, the field is unknown.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace
from torch import nn

from fashion_tui.schema.inputs import InputSpec
from fashion_tui.schema.shapes import NETWORK_INPUT, Shape, ShapeRow

from .calls import Call
from .reach import Field, Reach, joined, union
from .receptive_moves import INTEGER, field_of_moved, function_of, sample_axes
from .windows import WindowSettings

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
        "maximum", "minimum", "where", "masked_fill", "eq", "ne", "lt", "le", "gt", "ge",
    }
)  # fmt: skip
_JOINING = frozenset({"cat", "concat", "concatenate"})
_REDUCTIONS = frozenset({"mean", "sum", "amax", "amin", "std", "var"})
_SOFTMAX = frozenset({"softmax", "log_softmax", "softmin", "Softmax", "LogSoftmax", "Softmin", "normalize"})
_PRODUCTS = frozenset({"@", "matmul", "bmm"})

Rule = Callable[[ShapeRow, Call, Sequence[Field]], Field | None]


def add_receptive_fields(
    rows: Sequence[ShapeRow], calls: Sequence[Call], inputs: Sequence[InputSpec]
) -> tuple[ShapeRow, ...]:
    """Return the rows with the receptive field of their outputs, where it is known.

    It is known only if the network has one input, which is an image, a signal or a volume.
    """
    window = next((call.window for call in calls if call.window is not None), None)
    if window is None or len(inputs) != 1 or not inputs[0].batched or len(window.kernel) != len(inputs[0].shape) - 1:
        return tuple(rows)
    shape = inputs[0].shape
    each = tuple(Reach.of_input(shape, axis) for axis in range(1, len(shape)))
    fields: list[Field | None] = []
    for row, call in zip(rows, calls, strict=True):
        sources = [_at(fields, producer, each) for producer in row.producers]
        known = [source for source in sources if source is not None]
        is_known = len(known) == len(sources) and not row.has_children and bool(row.outputs)
        field = _field_of(row, call, known, len(each)) if is_known else None
        fields.append(field if field is not None and _fits(field, row.outputs[0]) else None)
    return tuple(
        _with_field(row, call, fields, index) for index, (row, call) in enumerate(zip(rows, calls, strict=True))
    )


def _at(fields: Sequence[Field | None], producer: int | None, network_input: Field) -> Field | None:
    if producer == NETWORK_INPUT:
        return network_input
    return None if producer is None else fields[producer]


def _fits(field: Field, shape: Shape) -> bool:
    """Return whether a field has the axes of a tensor with this shape."""
    return all(
        reach.first.ndim == len(shape)
        and all(size in {1, whole} for size, whole in zip(reach.first.shape, shape, strict=True))
        for reach in field
    )


def _with_field(row: ShapeRow, call: Call, fields: Sequence[Field | None], index: int) -> ShapeRow:
    """Return the row with its field or, if it has children, that of the call that produced its first output."""
    producer = next(iter(call.output_producers), None) if row.has_children else index
    field = None if producer is None or producer == NETWORK_INPUT else fields[producer]
    sizes = () if field is None else tuple(reach.size for reach in field)
    return replace(row, receptive_field=sizes) if any(sizes) else row


def _field_of(row: ShapeRow, call: Call, sources: Sequence[Field], axes: int) -> Field | None:
    """Return the field of a row's first output, or None if it is unknown."""
    rank = len(row.outputs[0])
    if not sources or row.name.startswith("new_") or row.name.endswith("_like"):
        return (Reach.nowhere(rank),) * axes
    if all(reach.is_constant for field in sources for reach in field):
        return tuple(union(reaches, 0).everywhere(rank) for reaches in zip(*map(_flat, sources), strict=True))
    rules: tuple[Rule, ...] = (
        (_combined, _attention) if len(sources) > 1 else (_pointwise, field_of_moved, _of_image, _over_axes)
    )
    try:
        return next((field for rule in rules if (field := rule(row, call, sources)) is not None), None)
    except (ValueError, IndexError):  # the rules don't support these shapes
        return None


def _flat(field: Field) -> Field:
    return tuple(reach.everywhere(0) for reach in field)


# Calls with several inputs


def _combined(row: ShapeRow, call: Call, sources: Sequence[Field]) -> Field | None:
    """Return the field of an elementwise operation, a concatenation or a matrix product."""
    output, by_axis = row.outputs[0], [*zip(*sources, strict=True)]
    if row.name in _JOINING:
        axis = _joined_axis(row.inputs, output)
        return None if axis is None else tuple(joined(reaches, row.inputs, axis) for reaches in by_axis)
    if function_of(row) in _PRODUCTS and len(sources) == 2 and all(len(shape) > 1 for shape in row.inputs):
        return tuple(union((left.over(-1), right.over(-2)), len(output)) for left, right in by_axis)
    if _is_linear(row, call):  # the bias is computed by other calls
        return tuple(union((inputs.over(-1), *others), len(output)) for inputs, *others in by_axis)
    varying = [shape for shape, field in zip(row.inputs, sources, strict=True) if not all(map(_is_constant, field))]
    if _is_pointwise(row, call) and all(len(shape) <= len(output) for shape in varying):
        return tuple(
            union([reach.everywhere(0) if reach.is_constant else reach for reach in reaches], len(output))
            for reaches in by_axis
        )
    return None


def _is_constant(reach: Reach) -> bool:
    return reach.is_constant


def _joined_axis(inputs: Sequence[Shape], output: Shape) -> int | None:
    """Return the axis along which tensors are concatenated. It is inferred from the shapes."""
    if any(len(shape) != len(output) for shape in inputs):
        return None
    axes = [axis for axis, size in enumerate(output) if sum(shape[axis] for shape in inputs) == size]
    return axes[0] if len(axes) == 1 else None


def _attention(row: ShapeRow, call: Call, sources: Sequence[Field]) -> Field | None:
    """Return the field of attention: each query attends to all keys and values."""
    is_attention = isinstance(call.target, nn.MultiheadAttention) or row.name == "scaled_dot_product_attention"
    if not is_attention or len(sources) != 3 or "is_causal" in row.settings:
        return None
    rank = len(row.outputs[0])
    return tuple(
        union((query.over(-1), key.over(-1, -2), value.over(-1, -2)), rank)
        for query, key, value in zip(*sources, strict=True)
    )


# Calls with one input


def _pointwise(row: ShapeRow, call: Call, sources: Sequence[Field]) -> Field | None:
    if not _is_pointwise(row, call) and (row.name not in _JOINING or row.inputs[0] != row.outputs[0]):
        return None
    return tuple(union((reach,), len(row.outputs[0])) for reach in sources[0])


def _of_image(row: ShapeRow, call: Call, sources: Sequence[Field]) -> Field | None:
    """Return the field of an operation on the positions of an image, a signal or a volume."""
    source, shape, output = sources[0], row.inputs[0], row.outputs[0]
    axes, function = range(1, len(shape)), function_of(row)
    if call.window is not None and len(call.window.kernel) == len(shape) - 1:
        return tuple(_windowed(reach, call.window, output) for reach in source)
    if len(shape) != len(source) + 1:
        return None
    if isinstance(call.target, _NORMS):
        return tuple(reach.over(0, *axes) for reach in source)
    if function in _REDUCTIONS and _reduces_all_positions(row):
        return tuple(reach.everywhere(len(output)) for reach in source)
    is_adaptive = "adaptive" in row.op.lower() and len(output) == len(shape)
    taps_of = _adaptive_taps if is_adaptive else _repeating_taps if _repeats_values(row, call) else None
    return None if taps_of is None else tuple(_resized(reach, shape, output, taps_of) for reach in source)


def _windowed(reach: Reach, window: WindowSettings, output: Shape) -> Reach:
    """Return the reach of a convolution or pool. A pool's channels depend on the same positions."""
    reach = reach.over(0)
    for axis, (kernel, stride, dilation) in enumerate(zip(window.kernel, window.stride, window.dilation, strict=True)):
        width = dilation * (kernel - 1)
        if isinstance(window.padding, str):
            padding = width // 2 if window.padding == "same" else 0
        else:
            padding = window.padding[axis]
        offsets = dilation * np.arange(kernel)[None, :]
        positions = np.arange(output[axis + 1])[:, None]
        if window.transposed:
            scaled = positions + padding - offsets
            reach = reach.taken(axis + 1, scaled // stride, valid=scaled % stride == 0)
        else:
            taps = positions * stride - padding + offsets
            reach = reach.taken(axis + 1, taps, valid=np.ones_like(taps, dtype=bool))
    return reach


def _resized(reach: Reach, before: Shape, after: Shape, taps_of: Callable[[int, int], tuple[Any, Any]]) -> Reach:
    for axis in range(1, len(before)):
        taps, valid = taps_of(before[axis], after[axis])
        reach = reach.taken(axis, taps, valid=valid)
    return reach


def _adaptive_taps(size: int, count: int) -> tuple[Any, Any]:
    """Return the windows of an adaptive pool, which may differ in size."""
    starts = np.arange(count) * size // count
    ends = -(-(np.arange(count) + 1) * size // count)
    taps = starts[:, None] + np.arange((ends - starts).max())[None, :]
    return taps, taps < ends[:, None]


def _repeating_taps(size: int, count: int) -> tuple[Any, Any]:
    """Return the positions of an axis that is resized by repeating or skipping values."""
    taps = (np.arange(count) * size // count)[:, None]
    return taps, np.ones_like(taps, dtype=bool)


def _over_axes(row: ShapeRow, call: Call, sources: Sequence[Field]) -> Field | None:
    """Return the field of a layer that combines all values along some axes, such as a linear layer."""
    rank, output = len(row.inputs[0]), row.outputs[0]
    if _is_linear(row, call) and len(output) == rank:
        axes: tuple[int, ...] = (-1,)
    elif (count := _normalised_axes(row, call)) is not None:
        axes = tuple(range(rank - count, rank))
    elif isinstance(call.target, nn.MultiheadAttention):
        axes = (-1, -2)
    elif row.op.rpartition(".")[2] in _SOFTMAX and (axis := _axis_of_softmax(row, call)) is not None:
        axes = (axis,)
    elif function_of(row) in _REDUCTIONS and (reduced := _reduced_axes(row, call)) is not None:
        kept = tuple(reach.over(*reduced) for reach in sources[0])
        if len(output) == rank:
            return kept
        return tuple(Reach(reach.first.squeeze(reduced), reach.last.squeeze(reduced)) for reach in kept)
    else:
        return None
    if any(axis < -rank for axis in axes):
        return None
    return tuple(reach.over(*axes) for reach in sources[0])


def _normalised_axes(row: ShapeRow, call: Call) -> int | None:
    """Return the number of last axes that a layer norm normalises, or None for other calls."""
    if isinstance(call.target, nn.LayerNorm | nn.RMSNorm):
        return len(call.target.normalized_shape)
    if row.name not in {"layer_norm", "rms_norm"} or not call.arguments:
        return None
    shape = call.arguments[0]
    return len(shape) if isinstance(shape, tuple | list) else None


def _axis_of_softmax(row: ShapeRow, call: Call) -> int | None:
    """Return the axis of the sample that a softmax normalises, or None if it is the batch axis or unknown."""
    dim = call.target.dim if isinstance(call.target, nn.Module) else None
    axes = sample_axes(row, call, [dim] if isinstance(dim, int) else re.findall(r"dim=(-?\d+)", call.settings))
    return axes[0] if axes and axes[0] >= 0 else None


def _reduced_axes(row: ShapeRow, call: Call) -> tuple[int, ...] | None:
    """Return the axes of the sample that a mean, for example, reduces, or None if the batch axis is one of them."""
    found = re.search(r"dim=(-?\d+|\([^)]*\)|\[[^]]*\])", call.settings)
    axes = sample_axes(row, call, INTEGER.findall(found[1])) if found else []
    return tuple(axes) if axes and min(axes) >= 0 else None


def _is_pointwise(row: ShapeRow, call: Call) -> bool:
    if not row.is_module:
        return row.name in _POINTWISE_FUNCTIONS
    if not type(call.target).__module__.startswith("torch."):
        return not row.has_children  # it only returns its input, such as stochastic depth in evaluation mode
    is_known = type(call.target).__module__.removeprefix("torch.nn.modules.") in _POINTWISE_LAYERS
    return isinstance(call.target, nn.Identity) or (is_known and not isinstance(call.target, _MIXING_LAYERS))


def _is_linear(row: ShapeRow, call: Call) -> bool:
    return isinstance(call.target, nn.Linear) or row.op == "F.linear"


def _reduces_all_positions(row: ShapeRow) -> bool:
    """Return whether the row is a mean, for example, over all spatial axes. The axes are inferred from the shapes."""
    channels, *positions = row.inputs[0]
    is_over_positions = row.outputs[0] in {(channels,), (channels, *(1 for _ in positions))}
    return is_over_positions and channels not in positions


def _repeats_values(row: ShapeRow, call: Call) -> bool:
    """Return whether the row resizes an image by repeating or skipping values. Other modes interpolate."""
    if isinstance(call.target, nn.Upsample):
        return bool(call.target.mode == "nearest")
    other_modes = ("linear", "cubic", "area", "-", "…")
    return row.name == "interpolate" and not any(mode in row.settings for mode in other_modes)
