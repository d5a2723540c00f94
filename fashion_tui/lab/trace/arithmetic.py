"""Formulas for the output shape, the number of parameters and the MACs of a row of the shape trace.

The formulas contain the actual numbers. If the result of a formula differs from the recorded value, the functions
return an empty string instead.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from fashion_tui.schema.shapes import Shape
from fashion_tui.schema.windows import SlidingWindow, format_padding

from .calls import Call
from .functions import RESHAPING
from .windows import WindowSettings

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
_MATRIX_PRODUCTS = frozenset({"@", "torch.matmul", "torch.mm", "torch.bmm", "matmul", "mm", "bmm"})
_REDUCTIONS = frozenset({"mean", "sum", "amax", "amin", "max", "min", "prod", "norm", "var", "std", "any", "all"})
_CONCATENATIONS = frozenset({"cat", "concat", "concatenate", "hstack", "vstack"})
_SPLITS = frozenset({"chunk", "split", "tensor_split"})
_MAX_PARAMETERS = 4
"""Maximum number of parameters that a row lists individually."""


def shape_arithmetic(call: Call, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    """Return the formula for the output shape, such as `(14 − 5 + 2·2) / 1 + 1 = 14`.

    `inputs` and `outputs` are the shapes of one sample.
    """
    if not inputs or not outputs:
        return ""
    return next(filter(None, (rule(call, inputs, outputs) for rule in _RULES)), "")


def params_arithmetic(call: Call) -> str:
    """Return the sizes of the parameters that the call uses directly, such as `weight 20×12×5×5 = 6,000, bias 20`."""
    caller = f"{call.path if call.is_module else call.path.rpartition('.')[0]}."
    names = [name.removeprefix(caller) for name in call.parameter_names]
    named = list(zip(names, call.parameters, strict=True))
    parts = []
    for name, parameter in named[:_MAX_PARAMETERS]:
        sizes = "×".join(map(str, parameter.shape))
        count = f" = {parameter.numel():,}" if parameter.dim() > 1 else ""
        parts.append(f"{name} {sizes if count else f'{parameter.numel():,}'}{count}")
    if len(named) > _MAX_PARAMETERS:
        rest = sum(parameter.numel() for _, parameter in named[_MAX_PARAMETERS:])
        parts.append(f"{len(named) - _MAX_PARAMETERS} more with {rest:,}")
    return ", ".join(parts)


def macs_arithmetic(call: Call, inputs: Sequence[Shape], outputs: Sequence[Shape], macs: int) -> str:
    """Return the formula for the MACs, such as `(20·14·14) · (12·5·5) = 1,176,000`.

    The first factor is the number of output values, and the second is the number of products that are summed for each
    output value. For a transposed convolution, the first factor is the number of input values instead.
    """
    if not macs or not inputs or not outputs:
        return ""
    input_shape, output_shape = inputs[0], outputs[0]
    if call.window is not None and (weight := _convolution_weight(call)):
        factors: tuple[Shape, ...] = (input_shape if call.window.transposed else output_shape, weight[1:])
    elif (matrix := _linear_matrix(call)) is not None:
        factors = (output_shape, matrix[:1])
    elif call.op in _MATRIX_PRODUCTS:
        factors = (output_shape, input_shape[-1:])
    else:
        return ""
    if math.prod(map(math.prod, factors)) != macs:
        return ""
    return f"{' · '.join(map(_format_factors, factors))} = {macs:,}"


# Convolutions and pools


def _window_formula(call: Call, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    if call.window is None:
        return ""
    axes = len(call.window.kernel)
    sizes = list(zip(inputs[0][-axes:], outputs[0][-axes:], strict=False))
    formulas = [_axis_formula(call.window, axis, *pair) for axis, pair in enumerate(sizes)]
    if len(formulas) < axes or not all(formulas):
        return ""
    if len(set(formulas)) == 1:
        return formulas[0]
    return ", ".join(f"{name} {formula}" for name, formula in zip(AXES[axes], formulas, strict=True))


def _axis_formula(window: WindowSettings, axis: int, size: int, result: int) -> str:
    """Return the formula for one axis, or an empty string if the formula doesn't give `result`."""
    kernel, stride, dilation = window.kernel[axis], window.stride[axis], window.dilation[axis]
    if window.transposed:
        return _transposed_formula(window, axis, size, result)
    sliding = SlidingWindow(
        input_size=size, kernel=kernel, padding=_padding(window, axis), stride=stride, dilation=dilation,
        ceil_mode=window.ceil_mode,
    )  # fmt: skip
    return sliding.formula if sliding.output_size == result else ""


def _transposed_formula(window: WindowSettings, axis: int, size: int, result: int) -> str:
    """Return the formula for one axis of a transposed convolution.

    This is the formula of a convolution, solved for the input size.
    """
    kernel, stride, dilation = window.kernel[axis], window.stride[axis], window.dilation[axis]
    padding = _padding(window, axis)
    output_padding = result - ((size - 1) * stride - sum(padding) + dilation * (kernel - 1) + 1)
    if not 0 <= output_padding < max(stride, dilation):
        return ""
    reach = f" + {kernel}" if dilation == 1 else f" + {dilation}·({kernel} − 1) + 1"
    extra = f" + {output_padding}" if output_padding else ""
    return f"({size} − 1)·{stride}{reach}{format_padding(padding, sign='−')}{extra} = {result}"


def _padding(window: WindowSettings, axis: int) -> tuple[int, int]:
    """Return the padding at the start and at the end of the axis."""
    if window.padding == "valid":
        return 0, 0
    if isinstance(window.padding, str):
        total = window.dilation[axis] * (window.kernel[axis] - 1)
        return total // 2, total - total // 2
    return window.padding[axis], window.padding[axis]


def _convolution_weight(call: Call) -> Shape:
    """Return the shape of a convolution's weight, or an empty shape for a pool."""
    if not call.is_module:
        return next(iter(call.model_shapes), ())
    weight = getattr(call.target, "weight", None)
    return () if weight is None else tuple(weight.shape)


# Matrix products


def _product_formula(call: Call, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    matrix = _linear_matrix(call)
    if matrix is not None:
        return _format_product(inputs[0], matrix, outputs[0])
    operands = [*inputs, *call.model_shapes]
    if call.op not in _MATRIX_PRODUCTS or len(operands) != 2:
        return ""
    left, right = operands
    # Try both orders, because the recording loses the order if an operand is a parameter or buffer.
    return _format_product(left, right, outputs[0]) or _format_product(right, left, outputs[0])


def _format_product(left: Shape, right: Shape, output: Shape) -> str:
    """Return a formula such as `[1×980] · [980×200] = [1×200]`, or an empty string if the shapes don't match."""
    if not left or len(right) < 2 or left[-1] != right[-2]:
        return ""
    rows, inner, columns = (left[-2] if len(left) > 1 else 1), left[-1], right[-1]
    times = math.prod(left[:-2])
    if len(right) == 2:
        rows, times = rows * times, 1
    if rows * columns * times != math.prod(output) or output[-1:] != (columns,):
        return ""
    formula = f"[{rows}×{inner}] · [{inner}×{columns}] = [{rows}×{columns}]"
    return formula if times == 1 else f"{times} times {formula}"


def _linear_matrix(call: Call) -> Shape | None:
    """Return the shape (inputs, outputs) of a linear layer's transposed weight, or None for other calls."""
    if isinstance(call.target, nn.Linear):
        return call.target.in_features, call.target.out_features
    if call.op == "F.linear" and call.model_shapes and len(call.model_shapes[0]) == 2:
        return call.model_shapes[0][1], call.model_shapes[0][0]
    return None


# Other calls


def _reshape_formula(call: Call, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    """Return the formula for the number of elements before and after a reshape, such as `20·7·7 = 980`."""
    before, after = inputs[0], outputs[0]
    is_reshape = call.name in RESHAPING or call.op in RESHAPING
    if not is_reshape or math.prod(before) != math.prod(after) or before == after:
        return ""
    if len(after) <= 1:
        return f"{'·'.join(map(str, before)) or '1'} = {math.prod(after):,}"
    count = f" = {math.prod(before):,}" if len(before) > 1 else ""
    return f"{'·'.join(map(str, before))}{count} = {'·'.join(map(str, after))}"


def _concatenation_formula(call: Call, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    """Return the formula for the sizes along the axis of a concatenation or split, such as `12 + 20 = 32`."""
    if call.name not in _CONCATENATIONS | _SPLITS:
        return ""
    parts, total = (inputs, outputs[0]) if call.name in _CONCATENATIONS else (outputs, inputs[0])
    if len(parts) < 2 or any(len(part) != len(total) for part in parts):
        return ""
    for axis, size in enumerate(total):
        other_axes = {(*part[:axis], *part[axis + 1 :]) for part in parts}
        if other_axes == {(*total[:axis], *total[axis + 1 :])} and sum(part[axis] for part in parts) == size:
            return f"{' + '.join(str(part[axis]) for part in parts)} = {size}"
    return ""


def _adaptive_pool_formula(call: Call, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    """Return the formula for the window size of an adaptive pool, such as `7 / 1 = 7: each value pools 7×7`."""
    pairs = _spatial_sizes(inputs[0], outputs[0]) if "adaptive" in call.op.lower() else []
    if not pairs or any(not after or before % after for before, after in pairs):
        return ""
    windows = [before // after for before, after in pairs]
    formulas = dict.fromkeys(f"{before} / {after} = {before // after}" for before, after in pairs)
    return f"{', '.join(formulas)}: each value pools {'×'.join(map(str, windows))}"


def _upsampling_formula(call: Call, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    """Return the formula for the scale factor of upsampling, such as `14·2 = 28`."""
    is_upsampling = isinstance(call.target, nn.Upsample) or call.name in {"interpolate", "upsample"}
    pairs = _spatial_sizes(inputs[0], outputs[0]) if is_upsampling else []
    if any(not small or large % small for small, large in pairs):
        return ""
    return ", ".join(dict.fromkeys(f"{small}·{large // small} = {large}" for small, large in pairs))


def _reduction_formula(call: Call, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    """Return the formula for the number of input values per output value, such as `mean of 7·7 = 49 values each`."""
    before, after = inputs[0], outputs[0]
    if call.name not in _REDUCTIONS:
        return ""
    if len(before) == len(after):
        reduced = [size for size, left in zip(before, after, strict=True) if size != left]
    else:
        reduced = list(before[len(after) :]) if before[: len(after)] == after else []
    if not reduced or math.prod(reduced) * math.prod(after) != math.prod(before):
        return ""
    product = f"{'·'.join(map(str, reduced))} = {math.prod(reduced):,}" if len(reduced) > 1 else f"{reduced[0]:,}"
    return f"{call.name} of {product} values each"


def _attention_formula(call: Call, _inputs: Sequence[Shape], _outputs: Sequence[Shape]) -> str:
    if not isinstance(call.target, nn.MultiheadAttention):
        return ""
    attention: Any = call.target
    return f"{attention.embed_dim} / {attention.num_heads} heads = {attention.head_dim} per head"


_RULES: tuple[Callable[[Call, Sequence[Shape], Sequence[Shape]], str], ...] = (
    _window_formula, _product_formula, _reshape_formula, _concatenation_formula, _adaptive_pool_formula,
    _upsampling_formula, _reduction_formula, _attention_formula,
)  # fmt: skip


def _spatial_sizes(before: Shape, after: Shape) -> list[tuple[int, int]]:
    """Return (size before, size after) for each axis except the channel axis."""
    return list(zip(before[1:], after[1:], strict=True)) if len(before) == len(after) else []


def _format_factors(sizes: Shape) -> str:
    return f"({'·'.join(map(str, sizes))})" if len(sizes) > 1 else str(math.prod(sizes))
