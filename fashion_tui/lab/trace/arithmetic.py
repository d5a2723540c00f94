"""The arithmetic behind a row: how its shape, its parameters and its multiply-accumulates come about, with the numbers.

A formula is stated only where it gives what the trace saw; where none is known, nothing is said.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from fashion_tui.schema.shapes import Shape
from fashion_tui.schema.windows import SlidingWindow, format_padding

from .functions import RESHAPING
from .record import Step
from .windows import Window

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
_MATRIX_PRODUCTS = frozenset({"@", "torch.matmul", "torch.mm", "torch.bmm", "matmul", "mm", "bmm"})
_REDUCTIONS = frozenset({"mean", "sum", "amax", "amin", "max", "min", "prod", "norm", "var", "std", "any", "all"})
_JOINING = frozenset({"cat", "concat", "concatenate", "hstack", "vstack"})
_PARTING = frozenset({"chunk", "split", "tensor_split"})
_MOST_TENSORS = 4
"""Parameters of a row that are named one by one."""


def shape_arithmetic(step: Step, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    """`(14 − 5 + 2·2) / 1 + 1 = 14`: why the output has this size. Shapes are those of one sample."""
    if not inputs or not outputs:
        return ""
    return next(filter(None, (rule(step, inputs, outputs) for rule in _RULES)), "")


def params_arithmetic(step: Step) -> str:
    """`weight 20×12×5×5 = 6,000, bias 20`, of the parameters that this very step uses."""
    caller = f"{step.path if step.is_module else step.path.rpartition('.')[0]}."
    names = [name.removeprefix(caller) for name in step.parameter_names]
    named = list(zip(names, step.parameters, strict=True))
    words = []
    for name, parameter in named[:_MOST_TENSORS]:
        sizes = "×".join(map(str, parameter.shape))
        count = f" = {parameter.numel():,}" if parameter.dim() > 1 else ""
        words.append(f"{name} {sizes if count else f'{parameter.numel():,}'}{count}")
    if len(named) > _MOST_TENSORS:
        rest = sum(parameter.numel() for _, parameter in named[_MOST_TENSORS:])
        words.append(f"{len(named) - _MOST_TENSORS} more of {rest:,}")
    return ", ".join(words)


def macs_arithmetic(step: Step, inputs: Sequence[Shape], outputs: Sequence[Shape], macs: int) -> str:
    """`(20·14·14) · (12·5·5) = 1,176,000`: so many values, each a sum of so many products."""
    if not macs or not inputs or not outputs:
        return ""
    came, gave = inputs[0], outputs[0]
    if step.window is not None and (kernel := _kernel_of(step)):
        factors: tuple[Shape, ...] = (came if step.window.transposed else gave, kernel[1:])
    elif (weight := _matrix_of(step)) is not None:
        factors = (gave, weight[:1])
    elif step.op in _MATRIX_PRODUCTS:
        factors = (gave, came[-1:])
    else:
        return ""
    if math.prod(map(math.prod, factors)) != macs:
        return ""
    return f"{' · '.join(map(_factors, factors))} = {macs:,}"


# Windows


def _slid(step: Step, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    if step.window is None:
        return ""
    axes = len(step.window.kernel)
    pairs = list(zip(inputs[0][-axes:], outputs[0][-axes:], strict=False))
    formulas = [_along(step.window, axis, *pair) for axis, pair in enumerate(pairs)]
    if len(formulas) < axes or not all(formulas):
        return ""
    if len(set(formulas)) == 1:
        return formulas[0]
    return ", ".join(f"{name} {formula}" for name, formula in zip(AXES[axes], formulas, strict=True))


def _along(window: Window, axis: int, size: int, result: int) -> str:
    """The formula of one axis; empty where it gives something else than `result`."""
    kernel, stride, dilation = window.kernel[axis], window.stride[axis], window.dilation[axis]
    if window.transposed:
        return _back_along(window, axis, size, result)
    slide = SlidingWindow(
        input_size=size, kernel=kernel, padding=_padding(window, axis), stride=stride, dilation=dilation,
        ceil_mode=window.ceil_mode,
    )  # fmt: skip
    return slide.formula if slide.output_size == result else ""


def _back_along(window: Window, axis: int, size: int, result: int) -> str:
    """Of a transposed convolution: what the convolution would have begun with."""
    kernel, stride, dilation = window.kernel[axis], window.stride[axis], window.dilation[axis]
    padding = _padding(window, axis)
    extra = result - ((size - 1) * stride - sum(padding) + dilation * (kernel - 1) + 1)
    if not 0 <= extra < max(stride, dilation):
        return ""
    grown = f" + {kernel}" if dilation == 1 else f" + {dilation}·({kernel} − 1) + 1"
    more = f" + {extra}" if extra else ""
    return f"({size} − 1)·{stride}{grown}{format_padding(padding, sign='−')}{more} = {result}"


def _padding(window: Window, axis: int) -> tuple[int, int]:
    """Before and after."""
    if window.padding == "valid":
        return 0, 0
    if isinstance(window.padding, str):
        whole = window.dilation[axis] * (window.kernel[axis] - 1)
        return whole // 2, whole - whole // 2
    return window.padding[axis], window.padding[axis]


# Matrices


def _multiplied(step: Step, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    weight = _matrix_of(step)
    if weight is not None:
        return _product(inputs[0], weight, outputs[0])
    operands = [*inputs, *step.held]
    if step.op not in _MATRIX_PRODUCTS or len(operands) != 2:
        return ""
    one, other = operands
    # Which of the two stood first isn't known where the network itself holds one of them.
    return _product(one, other, outputs[0]) or _product(other, one, outputs[0])


def _product(one: Shape, other: Shape, gave: Shape) -> str:
    """`[1×980] · [980×200] = [1×200]`."""
    if not one or len(other) < 2 or one[-1] != other[-2]:
        return ""
    rows, inner, columns = (one[-2] if len(one) > 1 else 1), one[-1], other[-1]
    times = math.prod(one[:-2])
    if len(other) == 2:
        rows, times = rows * times, 1
    if rows * columns * times != math.prod(gave) or gave[-1:] != (columns,):
        return ""
    text = f"[{rows}×{inner}] · [{inner}×{columns}] = [{rows}×{columns}]"
    return text if times == 1 else f"{times} times {text}"


def _matrix_of(step: Step) -> Shape | None:
    """What a linear step multiplies by, inputs × outputs."""
    if isinstance(step.call, nn.Linear):
        return step.call.in_features, step.call.out_features
    if step.op == "F.linear" and step.held and len(step.held[0]) == 2:
        return step.held[0][1], step.held[0][0]
    return None


def _kernel_of(step: Step) -> Shape:
    """Of a convolution: the shape of its weight."""
    weight = getattr(step.call, "weight", None) if step.is_module else None
    return tuple(weight.shape) if weight is not None else () if step.is_module else next(iter(step.held), ())


# Other steps


def _regrouped(step: Step, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    """`20·7·7 = 980`."""
    came, gave = inputs[0], outputs[0]
    reshapes = step.name in RESHAPING or step.op in RESHAPING
    if not reshapes or math.prod(came) != math.prod(gave) or came == gave:
        return ""
    if len(gave) <= 1:
        return f"{'·'.join(map(str, came)) or '1'} = {math.prod(gave):,}"
    whole = f" = {math.prod(came):,}" if len(came) > 1 else ""
    return f"{'·'.join(map(str, came))}{whole} = {'·'.join(map(str, gave))}"


def _joined(step: Step, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    """`12 + 20 = 32`, on the axis on which tensors are joined, or one is parted."""
    parts, whole = (inputs, outputs[0]) if step.name in _JOINING else (outputs, inputs[0])
    apart = step.name not in _JOINING | _PARTING
    if apart or len(parts) < 2 or any(len(part) != len(whole) for part in parts):
        return ""
    for axis, size in enumerate(whole):
        others = {(*part[:axis], *part[axis + 1 :]) for part in parts}
        if others == {(*whole[:axis], *whole[axis + 1 :])} and sum(part[axis] for part in parts) == size:
            return f"{' + '.join(str(part[axis]) for part in parts)} = {size}"
    return ""


def _shared_out(step: Step, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    """`7 / 1 = 7: each value is made of 7×7`, of an adaptive pool."""
    pairs = _spatial(inputs[0], outputs[0]) if "adaptive" in step.op.lower() else []
    if not pairs or any(not part or whole % part for whole, part in pairs):
        return ""
    windows = [whole // part for whole, part in pairs]
    formulas = dict.fromkeys(f"{whole} / {part} = {whole // part}" for whole, part in pairs)
    return f"{', '.join(formulas)}: each value is made of {'×'.join(map(str, windows))}"


def _enlarged(step: Step, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    """`14·2 = 28`."""
    enlarges = isinstance(step.call, nn.Upsample) or step.name in {"interpolate", "upsample"}
    pairs = _spatial(inputs[0], outputs[0]) if enlarges else []
    if any(not small or large % small for small, large in pairs):
        return ""
    return ", ".join(dict.fromkeys(f"{small}·{large // small} = {large}" for small, large in pairs))


def _reduced(step: Step, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> str:
    """`mean of 7·7 = 49 values each`."""
    came, gave = inputs[0], outputs[0]
    if step.name not in _REDUCTIONS:
        return ""
    if len(came) == len(gave):
        taken = [size for size, left in zip(came, gave, strict=True) if size != left]
    else:
        taken = list(came[len(gave) :]) if came[: len(gave)] == gave else []
    if not taken or math.prod(taken) * math.prod(gave) != math.prod(came):
        return ""
    product = f"{'·'.join(map(str, taken))} = {math.prod(taken):,}" if len(taken) > 1 else f"{taken[0]:,}"
    return f"{step.name} of {product} values each"


def _shared_by_heads(step: Step, _inputs: Sequence[Shape], _outputs: Sequence[Shape]) -> str:
    if not isinstance(step.call, nn.MultiheadAttention):
        return ""
    attention: Any = step.call
    return f"{attention.embed_dim} / {attention.num_heads} heads = {attention.head_dim} for each head"


_RULES: tuple[Callable[[Step, Sequence[Shape], Sequence[Shape]], str], ...] = (
    _slid, _multiplied, _regrouped, _joined, _shared_out, _enlarged, _reduced, _shared_by_heads,
)  # fmt: skip


def _spatial(came: Shape, gave: Shape) -> list[tuple[int, int]]:
    """The sizes before and after, without the channels."""
    return list(zip(came[1:], gave[1:], strict=True)) if len(came) == len(gave) else []


def _factors(sizes: Shape) -> str:
    return f"({'·'.join(map(str, sizes))})" if len(sizes) > 1 else str(math.prod(sizes))
