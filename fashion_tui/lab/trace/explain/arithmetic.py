"""Explain matrix products and element-wise operations on tensors whose sizes don't match."""

from typing import Any

from .changes import (
    change_input,
    interpolate,
    remove_transpose,
    rename_method,
    resize_tensor,
    set_layer_argument,
    size_by_batch,
)
from .failure import Change, Explanation, Failure, TensorArgument


def listed(tensors: list[TensorArgument]) -> str:
    """Return the shapes as `[N, 1, 28, 28] and [N, 1, 26, 26]`."""
    return " and ".join(tensor.text for tensor in tensors)


def explain_product(failure: Failure) -> Explanation | None:
    """Explain that the inner sizes of a matrix product differ, or that its inputs have the wrong number of axes."""
    tensors, name = failure.tensors[-2:], failure.row.name
    op = failure.row.op
    if len(tensors) < 2:
        return None
    first, second = tensors
    needed = {"bmm": 3, "mm": 2}.get(name)
    if needed is not None and {len(first.shape), len(second.shape)} != {needed}:
        text = f"{name} needs two tensors with {needed} axes, got {first.text} and {second.text}; use torch.matmul"
        return Explanation(text, (rename_method("matmul"),))
    if not first.shape or not second.shape:
        return None
    axis = -2 if len(second.shape) > 1 else -1
    columns, rows = first.size(-1), second.size(axis)
    if columns == rows:
        ours, theirs = (f"[{', '.join(tensor.text[1:-1].split(', ')[:-2])}]" for tensor in (first, second))
        text = f"{op} can't multiply {first.text} and {second.text}: the batch axes {ours} and {theirs} don't match"
        return None if ours == theirs else Explanation(text)
    where = failure.producers()
    text = f"{op} can't multiply {listed([first, second])}{where}: {columns} columns don't match {rows} rows"
    position = len(failure.tensors) - 2
    changes: list[Change] = [remove_transpose(failure, position + 1)]
    if len(second.shape) > 1 and second.size(-1) == columns:
        transpose = "T" if len(second.shape) == 2 else "transpose(-2, -1)"
        text += f"; transpose the second tensor with {'.' + transpose}"
        changes.append(change_input(failure, f"{{}}.{transpose}", index=position + 1))
    elif len(first.shape) > 1 and first.size(-2) == rows and "N" not in rows:
        text += "; transpose the first tensor with .transpose(-2, -1)"
        changes.append(change_input(failure, "{}.transpose(-2, -1)", index=position))
    if columns.isdigit():
        changes.append(resize_tensor(second.operand.name, axis, int(columns)))
    return Explanation(text, tuple(changes))


def explain_addition(failure: Failure) -> Explanation | None:
    """Explain an element-wise operation on tensors that can't be broadcast."""
    tensors = failure.tensors
    if len(tensors) != 2:
        return None
    first, second = tensors
    pairs = [*zip(reversed(first.text[1:-1].split(", ")), reversed(second.text[1:-1].split(", ")), strict=False)]
    wrong = [
        (position, one, two) for position, (one, two) in enumerate(pairs, 1) if one != two and "1" not in {one, two}
    ]
    if not wrong:
        return None
    text = f"{failure.row.op} can't broadcast {listed(tensors)}{failure.producers()}"
    text += ": sizes must be equal, or one of them must be 1"
    return _small_operand(failure, text, first, second) or _convolution_padding(failure, text, first, second, wrong)


def _small_operand(failure: Failure, text: str, first: TensorArgument, second: TensorArgument) -> Explanation | None:
    """Explain a smaller operand, such as a bias for each channel, that broadcasting aligns with the wrong axes."""
    for index, (small, large) in enumerate(((second, first), (first, second))):
        position = 1 - index
        if len(small.shape) == 1 and len(large.shape) > 2 and large.size(1) == small.size(0):
            ones = ", ".join(["1"] * (len(large.shape) - 2))
            text += f"; to use one value per channel, write .view(-1, {ones})"
            return Explanation(text, (change_input(failure, f"{{}}.view(-1, {ones})", index=position),))
        if small.text == "[N]" and large.text.startswith("[N,"):
            axes = ", ".join(["None"] * (len(large.shape) - 1))
            text += f"; to use one value per sample, write [:, {axes}]"
            return Explanation(text, (change_input(failure, f"{{}}[:, {axes}]", index=position),))
        if len(small.shape) == 2 and len(large.shape) == 4 and small.text == f"[N, {large.size(1)}]":
            text += "; to use one value per channel, write [:, :, None, None]"
            return Explanation(text, (change_input(failure, "{}[:, :, None, None]", index=position),))
        if small.operand.name is not None and len(small.shape) <= len(large.shape):
            return _table_of_wrong_size(text, small, large)
        creator = failure.creator(small)
        is_batch = large.size(0) == "N" != small.size(0)
        if creator is not None and is_batch and len(small.shape) == len(large.shape):
            text += f"; axis 0 is the batch axis, but {creator} creates {small.size(0)} rows"
            return Explanation(text, (size_by_batch(creator, 0, small.shape[0]),))
    return None


def _table_of_wrong_size(text: str, table: TensorArgument, data: TensorArgument) -> Explanation:
    """Explain that the size of a parameter or buffer, such as a positional embedding, doesn't match the data."""
    sizes = table.text[1:-1].split(", ")
    pairs = enumerate(zip(sizes, data.text[1:-1].split(", ")[-len(sizes) :], strict=True))
    axis, size, wanted = next((axis, *pair) for axis, pair in pairs if pair[0] != pair[1] and "1" not in pair)
    if wanted == "N":
        text += f"; axis {axis} of `{table.operand.name}` is {size}, but the other tensor has its batch axis there"
        return Explanation(text)
    text += f"; axis {axis} of `{table.operand.name}` is {size}, but {wanted} is needed"
    return Explanation(text, (resize_tensor(table.operand.name, axis, int(wanted)),) if wanted.isdigit() else ())


def _convolution_padding(
    failure: Failure,
    text: str,
    first: TensorArgument,
    second: TensorArgument,
    wrong: list[tuple[int, str, str]],
) -> Explanation:
    """Explain a residual connection around a convolution that changes the size or the number of channels."""
    changes: list[Change] = []
    axes = len(first.shape)
    spatial = axes >= 3 and len(second.shape) == axes and all(position <= axes - 2 for position, _, _ in wrong)
    for index in range(len(failure.row.inputs)):
        path = _convolution(failure, index)
        if path is None:
            continue
        layer = failure.model.get_submodule(path) if failure.model is not None else None
        kernel, out = getattr(layer, "kernel_size", (1,)), getattr(layer, "out_channels", 0)
        other = (second, first)[index] if index < 2 else second
        if spatial and all(size % 2 for size in kernel):
            changes.append(set_layer_argument(path, 4, "padding", kernel[0] // 2))
        elif len(wrong) == 1 and not spatial and len(other.sample) == axes - 1 and other.sample[0] != out:
            changes.append(set_layer_argument(path, 1, "out_channels", other.sample[0]))
    if (projection := _projection(failure, first, second)) is not None:
        return Explanation(f"{text}; project the shortcut with {projection}")
    if spatial and _strided(failure):
        text += "; a strided convolution shrinks one of them: use stride=1, or the same stride in the other branch"
        changes = [set_layer_argument(path, 3, "stride", 1) for path in _strided(failure)]
    elif spatial and changes:
        text += "; to keep the size, set padding to half the kernel size, rounded down"
    elif spatial and axes == 4:
        first_index = 0 if is_upsampled(failure, 0) else 1
        text += "; resize one of them first, for example with F.interpolate(…, size=…)"
        changes.append(interpolate(failure, first_index, 1 - first_index))
    elif changes:
        text += "; both need the same number of channels"
    return Explanation(text, tuple(changes))


def _projection(failure: Failure, first: TensorArgument, second: TensorArgument) -> str | None:
    """Return the code of a convolution that gives the shortcut the shape of the other branch, or None."""
    if failure.row.op not in {"+", "+="} or len(first.sample) != 3 or len(second.sample) != 3:
        return None
    index = 0 if _convolution(failure, 0) is not None else 1
    branch, shortcut = (first.sample, second.sample) if index == 0 else (second.sample, first.sample)
    strides = {size // smaller for size, smaller in zip(shortcut[1:], branch[1:], strict=True) if smaller}
    if shortcut[0] == branch[0] or len(strides) != 1 or strides & {0, 1}:
        return None
    return f"nn.Conv2d({shortcut[0]}, {branch[0]}, 1, stride={strides.pop()})"


def is_upsampled(failure: Failure, index: int) -> bool:
    """Return whether an upsampling layer produced the input at the given index."""
    producer = failure.producer(index)
    return producer is not None and any(word in producer.op for word in ("Upsample", "Transpose", "interpolate"))


def _strided(failure: Failure) -> list[str]:
    """Return the paths of the strided convolutions that produced the inputs."""
    paths = [_convolution(failure, index) for index in range(len(failure.row.inputs))]
    model = failure.model
    return [
        path for path in paths if path is not None and model is not None and max(_stride(model.get_submodule(path))) > 1
    ]


def _stride(layer: Any) -> tuple[int, ...]:
    stride: tuple[int, ...] = layer.stride
    return stride


def _convolution(failure: Failure, index: int) -> str | None:
    """Return the path of the convolution that produced an input, or None.

    Layers after the convolution that keep the shape, such as batch norm and ReLU, are ignored.
    """
    producer = failure.producer(index)
    return producer.path if producer is not None and producer.op.startswith("Conv") and producer.is_module else None
