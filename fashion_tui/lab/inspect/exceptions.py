"""Explain an exception in the user's code: what a layer or an operation expected, and what it got."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fashion_tui.lab.trace.explain import explain_call, failing_node, parse_file
from fashion_tui.schema.shapes import Shape

_TORCH = Path(torch.__file__).parent

_MESSAGES: tuple[tuple[str, str], ...] = (
    (
        r"element 0 of tensors does not require grad",
        "backward() has nothing to differentiate: no tensor in this computation requires gradients",
    ),
    (
        r"grad can be implicitly created only for scalar outputs",
        "backward() needs a single number: call sum() or mean() first, or pass gradient=…",
    ),
    (
        r"Trying to backward through the graph a second time",
        "the first backward() freed the graph: compute the loss again, or pass retain_graph=True to the first call",
    ),
    (
        r"leaf Variable that requires grad",
        "a leaf that requires gradients can't be changed in place: change it under torch.no_grad()",
    ),
    (
        r"needed for gradient computation has been modified by an inplace operation",
        "backward() needs the old values of a tensor that was changed in place: create a new tensor instead",
    ),
    (
        r"Can't call numpy\(\) on Tensor that requires grad",
        "NumPy records no gradients: call detach().numpy()",
    ),
    (
        r"nly Tensors of floating point and complex dtype can require gradients",
        "only floating-point tensors can require gradients: write 1.0 instead of 1, or call float()",
    ),
    (
        r"view size is not compatible with input tensor's size and stride",
        "view() needs elements that are next to each other in memory: use reshape(), or call contiguous() first",
    ),
    (
        r"shape '\[(.*)\]' is invalid for input of size (\d+)",
        "a tensor of {1} values can't be reshaped to [{0}]: the number of values must stay the same",
    ),
    (
        r"Boolean value of Tensor with more than one value is ambiguous",
        "a tensor of several values is neither true nor false: use any() or all()",
    ),
    (
        r"a Tensor with \d+ elements cannot be converted to Scalar|only one element tensors can be converted",
        "item(), int() and float() need a tensor of one value",
    ),
    (
        r"Expected all tensors to be on the same device",
        "the tensors are on different devices: move them to the same device with to(device)",
    ),
    (
        r"expected scalar type (\w+) but found (\w+)",
        "the dtypes don't match: expected {0}, got {1}",
    ),
    (
        r"have the same dtype,? but got:? (\w+),? (?:and )?(\w+)",
        "both operands need the same dtype, got {0} and {1}: convert one with to(dtype)",
    ),
    (
        r"index (-?\d+) is out of bounds for dimension (\d+) with size (\d+)",
        "no index {0}: axis {1} has {2} elements, and indices start at 0",
    ),
    (
        r"index out of range in self",
        "an index is negative, or not less than the number of rows in the embedding",
    ),
    (
        r"Target (-?\d+) is out of bounds",
        "no logit for label {0}: labels start at 0 and must be smaller than the number of classes",
    ),
    (
        r"expected target dtype to be Long or Byte, but got (\w+)",
        "class labels must be 64-bit integers, got {0}: call labels.long()",
    ),
)
"""Patterns of torch's error messages and their explanations. `{0}` stands for the first group of the pattern."""

_BINARY: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("add", "+"),
    ast.Sub: ("sub", "-"),
    ast.Mult: ("mul", "*"),
    ast.Div: ("div", "/"),
    ast.Pow: ("pow", "**"),
    ast.MatMult: ("matmul", "@"),
}
_BATCH_NORM_INPUTS: tuple[tuple[type[nn.Module], tuple[int, ...], str], ...] = (
    (nn.BatchNorm1d, (2, 3), "[batch, channels] or [batch, channels, length]"),
    (nn.BatchNorm2d, (4,), "[batch, channels, height, width]"),
    (nn.BatchNorm3d, (5,), "[batch, channels, depth, height, width]"),
)
"""For each batch normalisation: the numbers of axes that its input can have, and the names of the axes."""
_JOINING = {"cat", "concat", "stack", "hstack", "vstack"}
_UNEQUAL_SIZES = re.compile("must match|same number of dimensions|equal size")
"""Matches torch's messages about tensors that can't be joined because their sizes differ."""
_MULTIPLYING = {"matmul", "mm", "bmm"}


def explain_exception(error: BaseException) -> str | None:
    """Return a one-line explanation of the exception, or None if no explanation is available."""
    try:
        return _explain_layer(error) or _explain_expression(error) or _explain_message(str(error))
    except Exception:  # noqa: BLE001 -- the user's objects in the frames can raise anything
        return None


def _explain_message(message: str) -> str | None:
    for pattern, explanation in _MESSAGES:
        if (match := re.search(pattern, message)) is not None:
            return explanation.format(*match.groups())
    return None


# Layers


def _explain_layer(error: BaseException) -> str | None:
    """Explain an error raised by a torch layer, using the layer's attributes and input."""
    calls = [(module, frame) for frame in _frames(error) if (module := _running_module(frame)) is not None]
    if not calls or not _is_in_torch(calls[-1][1]):
        return None
    layer, frame = calls[-1]
    names = frame.f_code.co_varnames[1 : frame.f_code.co_argcount]
    inputs = [value for name in names if isinstance(value := frame.f_locals.get(name), Tensor)]
    if not inputs or _accepts(layer, inputs[0]):
        return None
    kind = type(layer).__name__
    name = next((name for module, _ in reversed(calls[:-1]) if (name := _name_in(module, layer))), kind)
    shape = tuple(inputs[0].shape)
    explanation = _explain_unbatched_image(error, layer, shape) or _explain_batch_norm(name, layer, shape)
    sample_shape = shape[1:] if _has_batch_axis(layer, shape) else shape
    return explanation or explain_call(name, kind, [sample_shape], layer)


def _explain_unbatched_image(error: BaseException, layer: nn.Module, shape: Shape) -> str | None:
    """Explain that the network got one image without a batch axis, or return None if this isn't the cause.

    A convolution accepts such an image, so a later layer fails. `layer` is this later layer and `shape` is the shape
    of its input, whose first axis then holds the channels of a convolution.
    """
    if isinstance(layer, nn.Linear | nn.BatchNorm1d):
        axes = 2
    elif isinstance(layer, nn.BatchNorm2d | nn.GroupNorm):
        axes = 3
    else:
        return None
    network, arguments = next(_module_calls(error), (None, ()))
    if network is None or not arguments or not isinstance(arguments[0], Tensor) or len(shape) != axes:
        return None
    image = tuple(arguments[0].shape)
    earlier = itertools.takewhile(lambda module: module is not layer, network.modules())
    convolutions = [module for module in earlier if isinstance(module, nn.Conv2d)]
    if len(image) != 3 or not convolutions or convolutions[0].in_channels != image[0]:
        return None
    if shape[0] not in {convolution.out_channels for convolution in convolutions}:
        return None
    return f"the network's input {list(image)} has no batch axis: add it with x[None]"


def _explain_batch_norm(name: str, layer: nn.Module, shape: Shape) -> str | None:
    """Explain that the input of a batch normalization has the wrong number of axes."""
    for layer_type, axes, expected in _BATCH_NORM_INPUTS:
        if isinstance(layer, layer_type) and len(shape) not in axes:
            explanation = f"{name} expects {expected}, got {list(shape)}"
            unbatched = len(shape) == axes[0] - 1
            return f"{explanation}: the batch axis is missing, add it with x[None]" if unbatched else explanation
    return None


def _accepts(layer: nn.Module, tensor: Tensor) -> bool:
    """Return whether `layer` is a LayerNorm or an embedding that accepts this input.

    If the input is accepted, the error has another cause. `explain_call` doesn't check the inputs of these layers.
    """
    if isinstance(layer, nn.LayerNorm):
        return tuple(tensor.shape[-len(layer.normalized_shape) :]) == tuple(layer.normalized_shape)
    return isinstance(layer, nn.Embedding | nn.EmbeddingBag) and not tensor.is_floating_point()


def _has_batch_axis(layer: nn.Module, shape: Shape) -> bool:
    """Return whether the layer's input has a batch axis before the channel axis."""
    if isinstance(layer, nn.modules.conv._ConvNd):  # noqa: SLF001 -- the base class of all convolutions
        return len(shape) == len(layer.kernel_size) + 2
    return isinstance(layer, nn.modules.batchnorm._NormBase | nn.GroupNorm) and len(shape) > 1  # noqa: SLF001


def _running_module(frame: FrameType) -> nn.Module | None:
    """Return the module whose `forward` method the frame executes, or None if the frame executes another function."""
    if frame.f_code.co_name != "forward" or not frame.f_code.co_argcount:
        return None
    module = frame.f_locals.get(frame.f_code.co_varnames[0])
    return module if isinstance(module, nn.Module) else None


def _name_in(module: nn.Module, layer: nn.Module) -> str:
    return next((name for name, child in module.named_modules() if child is layer), "")


# Expressions


class _Operation(NamedTuple):
    name: str
    """Name of the function, such as `matmul`, `cat` or `add`."""
    label: str
    """Name to use in the explanation, such as `@`, `cat` or `+`."""
    shapes: list[Shape]


def _explain_expression(error: BaseException) -> str | None:
    """Explain the failure of an operation on tensors, such as `x @ w` or `torch.cat([x, y])`."""
    last = next(reversed([entry for entry in _entries(error) if not _is_in_torch(entry.tb_frame)]), None)
    tree = None if last is None else parse_file(last.tb_frame.f_code.co_filename, last.tb_frame.f_globals)
    node = None if last is None or tree is None else failing_node(last, tree)
    if last is None or node is None:
        return None
    operation = _operation(node, last.tb_frame)
    if operation is None or len(operation.shapes) < 2 or not _have_wrong_sizes(operation, str(error)):
        return None
    return explain_call(operation.name, operation.label, operation.shapes, None)


def _operation(node: ast.AST, frame: FrameType) -> _Operation | None:
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        name, label = _BINARY[type(node.op)]
        return _Operation(name, label, _shapes([node.left, node.right], frame))
    if not isinstance(node, ast.Call):
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in _JOINING and node.args and isinstance(node.args[0], ast.List | ast.Tuple):
        return _Operation(name, name, _shapes(node.args[0].elts, frame))
    if name in _MULTIPLYING:
        operands = node.args if len(node.args) > 1 else [getattr(node.func, "value", node.func), *node.args]
        return _Operation(name, name, _shapes(operands, frame))
    return None


def _shapes(nodes: list[ast.expr], frame: FrameType) -> list[Shape]:
    """Return the shapes of the tensors to which the expressions refer, or an empty list if any shape is unknown."""
    tensors = [value for node in nodes if isinstance(value := _value(node, frame), Tensor)]
    return [tuple(tensor.shape) for tensor in tensors] if len(tensors) == len(nodes) else []


def _value(node: ast.expr, frame: FrameType) -> object:
    """Evaluate a name, a module's parameter or buffer, or `.T` of a matrix, without running the user's code.

    Return None for all other expressions.
    """
    if isinstance(node, ast.Name):
        return frame.f_locals.get(node.id, frame.f_globals.get(node.id))
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, frame)
        if isinstance(owner, nn.Module):
            parameters, buffers = owner._parameters, owner._buffers  # noqa: SLF001 -- avoids the user's `__getattr__`
            return parameters.get(node.attr, buffers.get(node.attr))
        if isinstance(owner, Tensor) and node.attr == "T" and owner.ndim == 2:
            return owner.T
    return None


def _have_wrong_sizes(operation: _Operation, message: str) -> bool:
    first, second, *_ = operation.shapes
    if operation.name in _MULTIPLYING:
        return len(second) > 1 and bool(first) and first[-1] != second[-2]
    if operation.name in _JOINING:
        # Different shapes aren't always an error, because tensors of different shapes can often be joined.
        return _UNEQUAL_SIZES.search(message) is not None
    try:
        torch.broadcast_shapes(first, second)
    except RuntimeError:
        return True
    return False


# Frames


def _entries(error: BaseException) -> Iterator[TracebackType]:
    entry = error.__traceback__
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _frames(error: BaseException) -> Iterator[FrameType]:
    return (entry.tb_frame for entry in _entries(error))


def _module_calls(error: BaseException) -> Iterator[tuple[nn.Module, tuple[object, ...]]]:
    """Yield each module that was called and the positional arguments of the call, outermost module first."""
    for frame in _frames(error):
        if frame.f_code.co_name == "_wrapped_call_impl" and _is_in_torch(frame):
            yield frame.f_locals["self"], frame.f_locals["args"]


def _is_in_torch(frame: FrameType) -> bool:
    return _TORCH in Path(frame.f_code.co_filename).parents
