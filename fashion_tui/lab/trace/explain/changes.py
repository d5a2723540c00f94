"""Changes that an explanation suggests. Most functions return a Change, which finds the edits in the source."""

import ast
from collections.abc import Callable, Iterator, Sequence

from torch import nn

from fashion_tui.schema.shapes import Fix

from .definitions import edits_of_argument, find_constructor, find_creation, sizes_of
from .failure import Change, Failure
from .source import Source, call_name

TRANSFORMERS = ("TransformerEncoderLayer", "TransformerDecoderLayer")


def set_layer_argument(path: str, position: int | None, name: str, value: object) -> Change:
    """Set an argument of the call that creates a layer, such as `in_features` of `nn.Linear`."""
    return lambda source: [
        fix for edit in edits_of_argument(source, path, position, name, value) for fix in source.edit(edit)
    ]


def set_batch_first(path: str) -> Change:
    """Set `batch_first=True` for a recurrent layer, for attention, or for the transformer layers that contain it."""

    def edit(source: Source, call: ast.Call) -> Sequence[Fix]:
        return source.edit(source.set_argument(call, None, "batch_first", value=True))

    def change(source: Source) -> Sequence[Fix]:
        own = find_constructor(source, path)
        if own is not None:
            return edit(source, own)
        return [fix for name in TRANSFORMERS for fix in at_calls(name, edit)(source)]

    return change


def set_layer_class(path: str, name: str) -> Change:
    """Create a layer of another class with the same arguments."""

    def change(source: Source) -> Sequence[Fix]:
        call = find_constructor(source, path)
        if call is None:
            return []
        function = call.func
        prefix = f"{source.text(function.value)}." if isinstance(function, ast.Attribute) else ""
        return source.edit(source.replace(function, prefix + name))

    return change


def replace_layer(path: str, text: str) -> Change:
    """Replace the call that creates a layer. In the text, `{}` stands for the call."""
    return lambda source: source.wrap(find_constructor(source, path), text)


def resize_tensor(name: str | None, axis: int, size: int) -> Change:
    """Change a size of the call that creates a parameter or buffer, as in `nn.Parameter(torch.zeros(1, 5, 8))`."""

    def change(source: Source) -> Sequence[Fix]:
        creation = find_creation(source, name) if name is not None else None
        sizes = sizes_of(creation) if creation is not None else ()
        return source.edit(source.replace(sizes[axis], str(size))) if -len(sizes) <= axis < len(sizes) else []

    return change


def replace_number(old: int, new: int) -> Change:
    """Replace a number among the arguments of the call that failed."""

    def edit(source: Source, call: ast.Call) -> Sequence[Fix]:
        values = [*call.args, *(keyword.value for keyword in call.keywords)]
        found = [value for value in values if source.text(value) == str(old)]
        return source.edit(source.replace(found[-1], str(new))) if found else []

    return at_failure(edit)


def change_input(failure: Failure, template: str, layer: str | None = None, index: int = 0) -> Change:
    """Change an input of the failed call. In the template, `{}` stands for the input.

    `layer` is the code of a layer that does the same. It is inserted before a failed layer of an nn.Sequential.
    """

    def change(source: Source) -> Sequence[Fix]:
        path = failure.row.path
        parent = source.model.get_submodule(path.rpartition(".")[0]) if source.model is not None and path else None
        if failure.row.is_module and isinstance(parent, nn.Sequential):
            return source.wrap(find_constructor(source, path), f"{layer}, {{}}") if layer is not None else []
        return source.wrap(input_node(failure, source, index), template)

    return change


_REFLECTED = frozenset({"radd", "rsub", "rmul", "rdiv", "rtruediv", "rpow", "rmatmul", "rfloordiv"})
"""Methods for operators with the tensor on the right, as in `1 - x`."""


def input_node(failure: Failure, source: Source, index: int = 0) -> ast.expr | None:
    """Return the expression of an input of the failed call, or None if it isn't found."""
    node, name = source.node, failure.row.path.rpartition(".")[2]
    if isinstance(node, ast.BinOp):
        operands = (node.left, node.right)
        is_reflected = failure.row.name in _REFLECTED
        return operands[1 - index if is_reflected else index] if index < 2 else None
    if isinstance(node, ast.AugAssign):
        return node.value if index == 1 else None
    if not isinstance(node, ast.Call):
        return None
    is_method = (
        not failure.row.is_module and isinstance(node.func, ast.Attribute) and failure.row.op == failure.row.name
    )
    if failure.row.is_module and isinstance(node.func, ast.Attribute) and node.func.attr != name:
        return None
    if is_method and isinstance(node.func, ast.Attribute):
        return node.func.value if index == 0 else node.args[index - 1] if index <= len(node.args) else None
    return node.args[index] if index < len(node.args) else None


def at_failure(edit: Callable[[Source, ast.Call], Sequence[Fix]]) -> Change:
    """Edit the call that failed."""
    return lambda source: edit(source, source.node) if isinstance(source.node, ast.Call) else []


def at_calls(name: str, edit: Callable[[Source, ast.Call], Sequence[Fix]]) -> Change:
    """Edit one call of a function or method. The edits of calls near the error come first."""

    def change(source: Source) -> Iterator[Fix]:
        calls = [call for call in source.nodes(kind=ast.Call) if call_name(call) == name]
        for call in sorted(calls, key=source.distance):
            yield from edit(source, call)

    return lambda source: [*change(source)]


def remove_method(source: Source, call: ast.Call) -> Sequence[Fix]:
    """Replace `x.method(…)` with `x`."""
    return (
        source.edit(source.replace(call, source.text(call.func.value))) if isinstance(call.func, ast.Attribute) else []
    )


def remove_transpose(failure: Failure, index: int) -> Change:
    """Remove `.transpose(…)`, or a similar method, from an input of the failed call."""

    def change(source: Source) -> Sequence[Fix]:
        node = input_node(failure, source, index)
        if not isinstance(node, ast.Call) or call_name(node) not in {"transpose", "permute", "t", "swapaxes"}:
            return []
        return remove_method(source, node)

    return change


def size_by_batch(creator: str, axis: int, old: int) -> Change:
    """Use the batch size instead of a fixed number where `forward` creates a tensor."""

    def edit(source: Source, call: ast.Call) -> Sequence[Fix]:
        sizes, functions = sizes_of(call), source.nodes(kind=ast.FunctionDef)
        inside = next((item for item in functions if any(child is call for child in ast.walk(item))), None)
        names = [argument.arg for argument in inside.args.args if argument.arg != "self"] if inside is not None else []
        if axis >= len(sizes) or source.text(sizes[axis]) != str(old) or not names:
            return []
        return source.edit(source.replace(sizes[axis], f"{names[0]}.size(0)"))

    return at_calls(creator, edit)


def interpolate(failure: Failure, index: int, other: int) -> Change:
    """Resize an input of the failed call to the height and width of another input."""

    def change(source: Source) -> Sequence[Fix]:
        node, reference = input_node(failure, source, index), input_node(failure, source, other)
        if not isinstance(reference, ast.Name):
            return []
        module = "F" if "functional as F" in "".join(source.lines) else "nn.functional"
        return source.wrap(node, f"{module}.interpolate({{}}, size={reference.id}.shape[2:])")

    return change


def rename_method(new: str) -> Change:
    """Call another method instead of the one that failed, with the same arguments."""

    def edit(source: Source, call: ast.Call) -> Sequence[Fix]:
        if not isinstance(call.func, ast.Attribute):
            return []
        return source.edit(source.rename_attribute(call.func, new))

    return at_failure(edit)
