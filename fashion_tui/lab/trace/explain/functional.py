"""Explain the failure of functional layers, such as F.conv2d, from the shapes of their weights."""

import math
import re

from fashion_tui.lab.trace.operands import Operand

from .changes import at_failure, change_input, rename_method, resize_tensor
from .failure import Change, Explanation, Failure
from .layers import channels_first, describe_axes, explain_index_range, may_be_channels_last, wrong_size


def _weight(failure: Failure, position: int = 1, name: str = "weight") -> Operand | None:
    value = failure.arguments.get(position, name)
    return value if isinstance(value, Operand) else None


def _named(operand: Operand) -> str:
    return f"`{operand.name}`" if operand.name else "the weight"


def explain_linear(failure: Failure) -> Explanation | None:
    weight = _weight(failure)
    shape = weight.shape if weight is not None else next(iter(failure.call.model_shapes), None)
    if not shape or not failure.row.inputs or failure.input[-1:] == shape[-1:]:
        return None
    text = wrong_size(failure, shape[-1], failure.input[-1] if failure.input else "one value", "features")
    if weight is None:
        return Explanation(text)
    text += f"; {_named(weight)} is {list(shape)}"
    changes = [change_input(failure, "{}.T", index=1)] if shape[0] == failure.input[-1] else []
    if failure.input:
        changes.append(resize_tensor(weight.name, -1, failure.input[-1]))
    if math.prod(failure.input) == shape[-1]:
        text += "; flatten the input first"
        changes.append(change_input(failure, "torch.flatten({}, 1)"))
    return Explanation(text, tuple(changes))


def explain_spatial(failure: Failure) -> Explanation | None:
    """Explain a functional convolution or pool whose input has the wrong number of axes or channels."""
    name, sample = failure.row.name, failure.input if failure.row.inputs else ()
    digits = re.search(r"([123])d", name)
    if digits is None or not sample:
        return None
    axes = int(digits.group(1))
    if len(sample) != axes + 1:
        return _explain_axes(failure, axes)
    weight = _weight(failure) if name.startswith("conv") else None
    return None if weight is None or len(weight.shape) != axes + 2 else _explain_channels(failure, weight, axes)


def _explain_axes(failure: Failure, axes: int) -> Explanation:
    sample = failure.input
    text = f"{failure.name} expects {describe_axes(failure, axes)}, got {failure.input_text}: {failure.origin()}"
    if len(sample) == axes:
        text += "; add the channel axis with unsqueeze(1)"
        return Explanation(text, (change_input(failure, "{}.unsqueeze(1)"),))
    if 2 <= len(sample) <= 4:
        better = failure.row.name.replace(f"{axes}d", f"{len(sample) - 1}d")
        return Explanation(f"{text}; use {better}", (rename_method(better),))
    return Explanation(text)


def _explain_channels(failure: Failure, weight: Operand, axes: int) -> Explanation | None:
    is_transposed, channels = "transpose" in failure.row.name, failure.input[0]
    groups = failure.arguments.get(6, "groups", 1)
    expected = weight.shape[0] if is_transposed else weight.shape[1] * (groups if isinstance(groups, int) else 1)
    if channels == expected:
        return None
    text = f"{wrong_size(failure, expected, channels, 'channels')}; {_named(weight)} is {list(weight.shape)}"
    if failure.input[-1] == expected and may_be_channels_last(failure):
        order = channels_first(failure)
        return Explanation(f"{text}; move the channels with {order}", (change_input(failure, f"{{}}.{order}"),))
    if is_transposed or expected > 1:
        axis, size = 0 if is_transposed else 1, channels // (groups if isinstance(groups, int) else 1)
        return Explanation(f"{text}; its axis {axis} must be {size}", (resize_tensor(weight.name, axis, size),))
    changes: tuple[Change, ...] = (
        change_input(failure, f"{{}}.repeat(1, {channels}, {', '.join('1' * axes)})", index=1),
    )
    text += f"; repeat it for all {channels} channels"
    if weight.shape[0] % channels == 0:
        text += f", or set groups={channels}"
        grouped = at_failure(lambda source, call: source.edit(source.set_argument(call, 6, "groups", channels)))
        changes = (grouped, *changes)
    return Explanation(text, changes)


def explain_batch_norm(failure: Failure) -> Explanation | None:
    statistics = _weight(failure, 1, "running_mean")
    if statistics is None or not failure.input or statistics.shape[0] == failure.input[0]:
        return None
    text = wrong_size(failure, statistics.shape[0], failure.input[0], "channels")
    return Explanation(f"{text}; {_named(statistics)} is {list(statistics.shape)}")


def explain_instance_norm(failure: Failure) -> Explanation | None:
    weight = _weight(failure, 3)
    if weight is None or not failure.input or weight.shape[0] == failure.input[0]:
        return None
    text = wrong_size(failure, weight.shape[0], failure.input[0], "channels")
    change = resize_tensor(weight.name, 0, failure.input[0])
    return Explanation(f"{text}; {_named(weight)} is {list(weight.shape)}", (change,))


def explain_layer_norm(failure: Failure) -> Explanation | None:
    shape = failure.arguments.get(1, "normalized_shape", ())
    shape = [shape] if isinstance(shape, int) else list(shape)
    if list(failure.input[-len(shape) :]) == shape:
        return None
    last = list(failure.input[-len(shape) :])
    text = f"{failure.name} expects a shape that ends in {shape}, got {failure.input_text}: {failure.origin()}"
    value = f"({', '.join(map(str, last))},)" if len(last) == 1 else f"({', '.join(map(str, last))})"
    change = at_failure(lambda source, call: source.edit(source.set_argument(call, 1, "normalized_shape", value)))
    return Explanation(f"{text}; set normalized_shape to {last}", (change,))


def explain_group_norm(failure: Failure) -> Explanation | None:
    groups = failure.arguments.get(1, "num_groups")
    if not isinstance(groups, int) or not failure.input:
        return None
    if failure.input[0] % groups:
        text = f"{failure.name} can't divide {failure.input[0]} channels into {groups} groups: {failure.origin()}"
        best = max(number for number in range(1, groups + 1) if failure.input[0] % number == 0)
        change = at_failure(lambda source, call: source.edit(source.set_argument(call, 1, "num_groups", best)))
        return Explanation(f"{text}; {best} groups would fit", (change,))
    weight = _weight(failure, 2)
    if weight is not None and weight.shape[0] != failure.input[0]:
        return Explanation(wrong_size(failure, weight.shape[0], failure.input[0], "channels"))
    return None


def explain_embedding(failure: Failure) -> Explanation | None:
    indices, weight = failure.arguments.get(0, "input"), _weight(failure)
    if not isinstance(indices, Operand) or weight is None:
        return None
    if indices.dtype.is_floating_point:
        text = f"{failure.name} expects integer indices below {weight.shape[0]:,}, got floating-point numbers"
        return Explanation(f"{text}; convert them with long()", (change_input(failure, "{}.long()"),))
    return explain_index_range(failure, indices, weight.shape[0], None, weight.name)
