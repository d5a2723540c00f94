"""Explain the failure of a torch layer from the layer's attributes and the shapes of its inputs."""

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from fashion_tui.lab.trace.functions import RESHAPING
from fashion_tui.lab.trace.operands import Operand

from .changes import (
    at_calls,
    change_input,
    remove_method,
    replace_layer,
    resize_tensor,
    set_layer_argument,
    set_layer_class,
)
from .definitions import find_constructor
from .failure import Change, Explanation, Failure
from .recurrent import explain_attention, explain_recurrent
from .windows import explain_window

_AXES = ("depth", "height", "width")
_CHANNEL_LAYERS = (
    nn.modules.conv._ConvNd,  # noqa: SLF001 - the base class of all convolutions
    nn.modules.batchnorm._NormBase,  # noqa: SLF001 - the base class of batch and instance normalisation
)


def explain_layer(failure: Failure) -> Explanation | None:
    """Return an explanation, or None if the layer's attributes don't explain the failure."""
    layer: Any = failure.call.target
    if not isinstance(layer, nn.Module) or not failure.row.inputs:
        return None
    if isinstance(layer, _CHANNEL_LAYERS):
        needs_batch = isinstance(layer, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001
        missing = _explain_missing_batch(failure, _spatial_axes(layer) or 1) if needs_batch else None
        explained = missing or _explain_axes(failure, layer) or _explain_channels(failure, layer)
        return explained or explain_window(failure)
    for layer_type, explain in _BY_TYPE:
        if isinstance(layer, layer_type):
            found: Explanation | None = explain(failure, layer)
            return found
    if "Pool" in type(layer).__name__:
        return _explain_axes(failure, layer) or explain_window(failure)
    return None


def _spatial_axes(layer: nn.Module) -> int | None:
    """Return the number of spatial axes in the name of a layer's class: 2 for BatchNorm2d."""
    name = type(layer).__name__
    return int(name[-2]) if name.endswith(("1d", "2d", "3d")) else None


def describe_axes(failure: Failure, axes: int) -> str:
    """Return the axes of an input with the given number of spatial axes: `[N, channels, height, width]`.

    Like the input of the failed call, the result has no N if there is no batch axis.
    """
    names = () if axes == 0 else ("length",) if axes == 1 else _AXES[3 - axes :]
    return join_sizes(failure, ("channels", *names))


def join_sizes(failure: Failure, sizes: Sequence[object]) -> str:
    """Return a shape that consists of the sizes of a sample, after N if the failed call's input begins with N."""
    batch = ("N",) if failure.input_text.startswith("[N") else ()
    return f"[{', '.join(map(str, (*batch, *sizes)))}]"


def _explain_axes(failure: Failure, layer: Any) -> Explanation | None:
    """Explain that the input has the wrong number of axes."""
    axes, sample, name = _spatial_axes(layer), failure.input, type(layer).__name__
    allows_vectors = name == "BatchNorm1d"
    if axes is None or len(sample) == axes + 1 or (allows_vectors and len(sample) == 1):
        return None
    expected = describe_axes(failure, axes)
    if allows_vectors:
        expected = f"{describe_axes(failure, 0)} or {expected}"
    text = f"{failure.name} expects {expected}, got {failure.input_text}: {failure.origin()}"
    channels = getattr(layer, "in_channels", getattr(layer, "num_features", None))
    found = _missing_axes(failure, text, channels, axes) or _extra_axes(failure, text, channels, axes)
    if found is not None:
        return found
    better = "BatchNorm1d" if "Norm" in name and len(sample) == 1 else f"{name[:-2]}{len(sample) - 1}d"
    changes = (set_layer_class(failure.row.path, better),) if hasattr(nn, better) else ()
    return Explanation(f"{text}; use nn.{better}" if changes else text, changes)


def _missing_axes(failure: Failure, text: str, channels: int | None, axes: int) -> Explanation | None:
    """Explain images without a channel axis, and flattened images."""
    sample = failure.input
    if len(sample) == axes and channels in {1, None}:
        text += "; add the channel axis with unsqueeze(1)"
        return Explanation(text, (change_input(failure, "{}.unsqueeze(1)", "nn.Unflatten(1, (1, -1))"),))
    if sample == (channels,) and failure.row.op.startswith("Conv"):
        axis_text = f"[:, :{', None' * axes}]"
        text += f"; add axes of size 1 after the channels with {axis_text}"
        return Explanation(text, (change_input(failure, f"{{}}{axis_text}"),))
    shape = _square(sample[0], channels, axes) if len(sample) == 1 and channels is not None else None
    if shape is None:
        return None
    sizes = ", ".join(map(str, shape))
    text += f"; reshape it to {join_sizes(failure, shape)} first"
    return Explanation(text, (change_input(failure, f"{{}}.view(-1, {sizes})", f"nn.Unflatten(1, ({sizes}))"),))


def _extra_axes(failure: Failure, text: str, channels: int | None, axes: int) -> Explanation | None:
    """Explain an axis before the channels: one that `unsqueeze` added, or the images of a sequence."""
    sample, producer = failure.input, failure.producer()
    if len(sample) != axes + 2 or channels is None or sample[1] != channels:
        return None
    if producer is not None and producer.name == "unsqueeze":
        return Explanation(f"{text}; leave out unsqueeze", (at_calls("unsqueeze", remove_method),))
    if sample[0] == channels:
        return None
    text += "; merge the first axis into the batch axis with flatten(0, 1)"
    return Explanation(text, (change_input(failure, "{}.flatten(0, 1)"),))


def _square(values: int, channels: int, axes: int) -> tuple[int, ...] | None:
    """Return the shape of a square image (or cube) with this number of values, or None if there is none."""
    side = round((values / channels) ** (1 / axes))
    return (channels, *(side,) * axes) if channels * side**axes == values and side > 1 else None


def _explain_missing_batch(failure: Failure, axes: int) -> Explanation | None:
    """Explain that a normalisation layer gets a sample without a batch axis."""
    if failure.has_batch_axis:
        return None
    expected = f"[N, {describe_axes(failure, axes)[1:]}"
    text = f"{failure.name} expects a batch of samples, {expected}, got {failure.input_text}"
    return Explanation(f"{text}; add a batch axis with unsqueeze(0)", (change_input(failure, "{}.unsqueeze(0)"),))


def _explain_channels(failure: Failure, layer: Any) -> Explanation | None:
    """Explain that the input has the wrong number of channels."""
    name, position = ("in_channels", 0) if hasattr(layer, "in_channels") else ("num_features", 0)
    return _wrong_channels(failure, getattr(layer, name), position, name)


def _wrong_channels(failure: Failure, expected: int, position: int, name: str) -> Explanation | None:
    sample = failure.input
    if sample[0] == expected:
        return None
    text = wrong_size(failure, expected, sample[0], "channels")
    change = set_layer_argument(failure.row.path, position, name, sample[0])
    groups = getattr(failure.call.target, "groups", 1)
    if sample[0] % groups:
        return Explanation(f"{text}; set {name} to {sample[0]}, and groups, now {groups}, to a divisor of {sample[0]}")
    if len(sample) > 1 and sample[-1] == expected and may_be_channels_last(failure):
        permute = channels_first(failure)
        text += f"; the channels are the last axis: move them with {permute}"
        return Explanation(text, (change_input(failure, f"{{}}.{permute}"), change))
    return Explanation(f"{text}; set {name} to {sample[0]}{_hint(failure)}", (change,))


def channels_first(failure: Failure) -> str:
    """Return the call of permute that moves the last axis of the first input before the other axes of a sample."""
    batch = 1 if failure.has_batch_axis else 0
    last = len(failure.input) - 1 + batch
    return f"permute({', '.join(map(str, [*range(batch), last, *range(batch, last)]))})"


def may_be_channels_last(failure: Failure) -> bool:
    """Return whether the input's last axis may hold the channels. It can't if a convolution or pool produced it."""
    producer = failure.producer()
    return producer is None or not any(word in producer.op.lower() for word in ("conv", "pool", "norm"))


def wrong_size(failure: Failure, expected: int, got: int | str, unit: str) -> str:
    unit = unit.removesuffix("s") if expected == 1 else unit
    return f"{failure.name} expects {expected} {unit}, got {got}: {failure.origin()}"


def _hint(failure: Failure) -> str:
    producer = failure.producer()
    is_reshaped = producer is not None and producer.op in RESHAPING | {"torch.flatten", "torch.reshape"}
    return ", or check the pooling and the channel counts" if is_reshaped else ""


def _explain_linear(failure: Failure, layer: Any) -> Explanation | None:
    sample, expected, path = failure.input, layer.in_features, failure.row.path
    if sample and sample[-1] == expected:
        return None
    if not sample:
        return Explanation(f"{failure.name} expects {expected} features, got a single value: {failure.origin()}")
    text = wrong_size(failure, expected, sample[-1], "features")
    values = math.prod(sample)
    resize = set_layer_argument(path, 0, "in_features", sample[-1])
    flatten = change_input(failure, "torch.flatten({}, 1)", "nn.Flatten()")
    if len(sample) > 1 and values == expected:
        return Explanation(f"{text}; a sample has {expected} values: flatten it first", (flatten,))
    if len(sample) == 2 and sample[0] == expected:
        text += "; swap the axes with transpose(1, 2)"
        return Explanation(text, (change_input(failure, "{}.transpose(1, 2)"), resize))
    if len(sample) > 2 and not may_be_channels_last(failure):
        text += f"; flatten it first and set in_features to {values}"
        return Explanation(text, (_flatten_and_resize(path, values),))
    return Explanation(f"{text}; set in_features to {sample[-1]}{_hint(failure)}", (resize,))


def _flatten_and_resize(path: str, values: int) -> Change:
    """Insert nn.Flatten before a layer of an nn.Sequential, and set the layer's `in_features`."""

    def change(source: Any) -> Any:
        call = find_constructor(source, path)
        if call is None or not path.rpartition(".")[2].isdigit():
            return []
        edit = source.set_argument(call, 0, "in_features", values)
        return source.edit((call.lineno, call.col_offset, call.col_offset, "nn.Flatten(), "), edit)

    return change


def _explain_group_norm(failure: Failure, layer: Any) -> Explanation | None:
    missing = _explain_missing_batch(failure, len(failure.input) - 1)
    return missing or _wrong_channels(failure, layer.num_channels, 1, "num_channels")


def _explain_layer_norm(failure: Failure, layer: Any) -> Explanation | None:
    shape, sample, path = list(layer.normalized_shape), failure.input, failure.row.path
    if list(sample[-len(shape) :]) == shape:
        return None
    text = f"{failure.name} expects a shape that ends in {shape}, got {failure.input_text}: {failure.origin()}"
    last = sample[-len(shape) :]
    value = str(last[0]) if len(last) == 1 else f"({', '.join(map(str, last))})"
    resize = set_layer_argument(path, 0, "normalized_shape", value)
    if len(shape) == 1 and len(sample) > 1 and sample[0] == shape[0]:
        text += f"; if the first axis holds the channels, use nn.GroupNorm(1, {shape[0]})"
        return Explanation(text, (replace_layer(path, f"nn.GroupNorm(1, {shape[0]})"), resize))
    return Explanation(f"{text}; set normalized_shape to {value}", (resize,))


def _explain_embedding(failure: Failure, layer: Any) -> Explanation | None:
    operand = next((item for item in failure.arguments.operands if item.name is None), None)
    if operand is None or operand.dtype.is_floating_point:
        text = f"{failure.name} expects integer indices below {layer.num_embeddings:,}, got floating-point numbers"
        return Explanation(f"{text}; convert them with long()", (change_input(failure, "{}.long()"),))
    return explain_index_range(failure, operand, layer.num_embeddings, "num_embeddings")


def explain_index_range(
    failure: Failure, operand: Operand, rows: int, argument: str | None, weight: str | None = None
) -> Explanation | None:
    """Explain that an embedding has no row for an index."""
    if operand.limits is None or (operand.limits[0] >= 0 and operand.limits[1] < rows):
        return None
    smallest, largest = operand.limits
    text = f"{failure.name} has {rows:,} rows, so its indices must be from 0 to {rows - 1:,}"
    if smallest < 0:
        return Explanation(f"{text}, but one is {smallest}")
    text += f", but they go up to {largest:,}"
    if argument is None:
        return Explanation(f"{text}; use at least {largest + 1:,} rows", (resize_tensor(weight, 0, largest + 1),))
    change = set_layer_argument(failure.row.path, 0, argument, largest + 1)
    return Explanation(f"{text}; set {argument} to at least {largest + 1:,}", (change,))


def _explain_bilinear(failure: Failure, layer: Any) -> Explanation | None:
    for index, name in enumerate(("in1_features", "in2_features")):
        expected = getattr(layer, name)
        if index < len(failure.row.inputs) and failure.row.inputs[index][-1] != expected:
            got = failure.row.inputs[index][-1]
            text = f"{failure.name} expects {expected} features in input {index + 1}, got {got}; set {name} to {got}"
            return Explanation(text, (set_layer_argument(failure.row.path, index, name, got),))
    return None


def _explain_prelu(failure: Failure, layer: Any) -> Explanation | None:
    channels = failure.input[0] if failure.input else 1
    if layer.num_parameters in {1, channels}:
        return None
    text = wrong_size(failure, layer.num_parameters, channels, "channels")
    change = set_layer_argument(failure.row.path, 0, "num_parameters", channels)
    return Explanation(f"{text}; set num_parameters to {channels}", (change,))


def _explain_pixel_shuffle(failure: Failure, layer: Any) -> Explanation | None:
    factor = layer.upscale_factor
    if len(failure.input) != 3 or failure.input[0] % factor**2 == 0:
        return None
    text = f"{failure.name} expects a number of channels divisible by {factor}·{factor} = {factor**2}"
    return Explanation(f"{text}, got {failure.input[0]}: {failure.origin()}")


def _explain_upsample(failure: Failure, layer: Any) -> Explanation | None:
    modes = ("linear", "bilinear", "trilinear")
    if layer.mode not in modes or len(failure.input) == modes.index(layer.mode) + 2:
        return None
    expected = describe_axes(failure, modes.index(layer.mode) + 1)
    text = f"{failure.name} with mode={layer.mode!r} expects {expected}, got {failure.input_text}: {failure.origin()}"
    if not 2 <= len(failure.input) <= 4:
        return Explanation(text)
    mode = modes[len(failure.input) - 2]
    return Explanation(f"{text}; use mode={mode!r}", (set_layer_argument(failure.row.path, 2, "mode", f'"{mode}"'),))


def _explain_unflatten(failure: Failure, layer: Any) -> Explanation | None:
    values, sizes = math.prod(failure.input), tuple(layer.unflattened_size)
    if -1 in sizes or math.prod(sizes) == values:
        return None
    text = f"{failure.name} arranges {math.prod(sizes)} values as {list(sizes)}, got {values}: {failure.origin()}"
    return Explanation(text)


_BY_TYPE: tuple[tuple[Any, Any], ...] = (
    (nn.Bilinear, _explain_bilinear),
    (nn.Linear, _explain_linear),
    (nn.GroupNorm, _explain_group_norm),
    (nn.LayerNorm, _explain_layer_norm),
    (nn.Embedding | nn.EmbeddingBag, _explain_embedding),
    (nn.RNNBase | nn.RNNCellBase, explain_recurrent),
    (nn.MultiheadAttention, explain_attention),
    (nn.PReLU, _explain_prelu),
    (nn.PixelShuffle, _explain_pixel_shuffle),
    (nn.Unflatten, _explain_unflatten),
    (nn.Upsample, _explain_upsample),
)
