"""Explain calls that fail because of the dtype of their arguments."""

import ast
import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fashion_tui.lab.trace.operands import Operand
from fashion_tui.schema.shapes import Fix

from .changes import at_calls, change_input
from .failure import Change, Explanation, Failure
from .source import Source

_ABOUT_DTYPES = re.compile(
    r"dtype|scalar type|datatype|data type|not implemented for '|[Ii]nput type|index tensor|with a bool tensor"
    r"|can't be cast|result type|floating point|must be long, int"
)
_FROM_NUMPY = ("from_numpy", "as_tensor", "tensor")


def explain_dtypes(failure: Failure) -> Explanation | None:
    """Return an explanation if torch's message is about dtypes and the dtypes of the arguments explain it."""
    if failure.error is None or not _ABOUT_DTYPES.search(str(failure.error)):
        return None
    if "with a bool tensor" in str(failure.error):
        change = change_input(failure, "{}.float()", index=_first(failure, torch.bool))
        text = f"{failure.row.op} isn't supported for bool tensors; invert a mask with ~, or convert it with float()"
        return Explanation(text, (change,))
    if failure.row.name in {"nll_loss", "cross_entropy", "one_hot", "gather", "scatter", "index_select", "embedding"}:
        return _explain_indices(failure)
    return _explain_mixture(failure) or _explain_integers(failure)


def _explain_mixture(failure: Failure) -> Explanation | None:
    """Explain that the arguments, or an argument and the layer's weights, have different dtypes."""
    operands, weights = failure.arguments.operands, _weight_dtype(failure)
    if weights is not None:
        wrong = next((operand for operand in operands if operand.dtype != weights and operand.name is None), None)
        return None if wrong is None else _explain_wrong(failure, wrong, weights, "its weights are")
    floating = [operand.dtype for operand in operands if operand.dtype.is_floating_point]
    if len({operand.dtype for operand in operands}) < 2 or not floating:
        return None
    wanted = torch.float32 if torch.float32 in floating else floating[0]
    wrong = next(operand for operand in operands if operand.dtype != wanted)
    return _explain_wrong(failure, wrong, wanted, "its other input is")


def _explain_integers(failure: Failure) -> Explanation | None:
    integer = next((item for item in failure.arguments.operands if not item.dtype.is_floating_point), None)
    if integer is None:
        return None
    text = f"{failure.name} needs floating-point numbers, got {_name(integer.dtype)}; convert them with float()"
    return Explanation(text, (change_input(failure, "{}.float()"),))


def _first(failure: Failure, dtype: torch.dtype) -> int:
    """Return the position of the first argument with this dtype."""
    args = failure.arguments.args
    return next((i for i, arg in enumerate(args) if isinstance(arg, Operand) and arg.dtype == dtype), 0)


def _explain_indices(failure: Failure) -> Explanation | None:
    args = failure.arguments.args
    found = [(i, arg) for i, arg in enumerate(args) if isinstance(arg, Operand)]
    index, operand = found[-1] if len(found) > 1 and failure.row.name != "embedding" else found[0]
    if operand.dtype in {torch.int64, torch.int32}:
        return None
    text = f"{failure.name} needs int64 indices, got {_name(operand.dtype)}; convert them with long()"
    return Explanation(text, (change_input(failure, "{}.long()", index=index),))


def _weight_dtype(failure: Failure) -> torch.dtype | None:
    layer = failure.call.target
    if not isinstance(layer, nn.Module):
        return None
    return next((parameter.dtype for parameter in layer.parameters()), None)


def _explain_wrong(failure: Failure, wrong: Operand, wanted: torch.dtype, whose: str) -> Explanation:
    text = f"{failure.name} gets {_name(wrong.dtype)}, but {whose} {_name(wanted)}"
    names = [wrong.name] if wrong.name else _names_of(failure.model, wrong.dtype)
    if wrong.dtype == torch.float64 and names:
        text += f"; `{names[0]}` is float64, which is NumPy's default"
    if wrong.dtype.is_complex:
        return Explanation(f"{text}; use abs() for magnitudes, or torch.view_as_real")
    index = next((i for i, arg in enumerate(failure.arguments.args) if arg is wrong), 0)
    conversion = _conversion(wanted)
    changes: list[Change] = []
    if wrong.dtype == torch.float64:
        changes += [at_calls(name, _convert) for name in _FROM_NUMPY]
        changes += [_single_precision]
    changes.append(change_input(failure, f"{{}}.{conversion}", index=index))
    return Explanation(f"{text}; convert it with {conversion}", tuple(changes))


def _conversion(dtype: torch.dtype) -> str:
    return "float()" if dtype == torch.float32 else f"to({dtype})"


def _convert(source: Source, call: ast.Call) -> Sequence[Fix]:
    return source.wrap(call, "{}.float()")


def _single_precision(source: Source) -> Sequence[Fix]:
    """Replace `torch.float64` with `torch.float32`, and `.double()` with `.float()`."""
    fixes: list[Fix] = []
    for node in source.nodes(kind=ast.Attribute):
        if node.attr in {"float64", "double"}:
            fixes += source.edit(source.rename_attribute(node, "float32" if node.attr == "float64" else "float"))
    return fixes


def _names_of(model: nn.Module | None, dtype: torch.dtype) -> list[str]:
    """Return the names of the network's tensors that have the given dtype."""
    if model is None:
        return []
    names = [name for name, tensor in [*model.named_parameters(), *model.named_buffers()] if tensor.dtype == dtype]
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor) and value.dtype == dtype:
                names.append(f"{path}.{name}" if path else name)
    return names


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
