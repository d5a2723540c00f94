"""Explain errors of Python itself in the network's code: wrong unpacking, wrong arguments, missing axes."""

import ast
import re
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from fashion_tui.schema.shapes import Fix

from .arguments import call_layer
from .changes import at_failure
from .context import ErrorContext
from .failure import Change, Explanation
from .names import explain_attribute, explain_missing_forward, explain_name
from .source import Source, call_name


def explain_python_error(context: ErrorContext) -> Explanation | None:
    """Return an explanation of an error that was raised in the network's own code, or None if there is none."""
    return next((found for explain in _EXPLAINERS if (found := explain(context)) is not None), None)


def _explain_unpacking(context: ErrorContext) -> Explanation | None:
    """Explain `b, c, h, w = x.shape` for a tensor with a different number of axes."""
    assignment = context.statement
    if not isinstance(context.error, ValueError) or "values to unpack" not in context.message:
        return None
    if not isinstance(assignment, ast.Assign) or not isinstance(assignment.targets[0], ast.Tuple | ast.List):
        return None
    names, value = assignment.targets[0].elts, assignment.value
    owner = _owner_of_shape(value)
    if owner is not None and (text := context.shape_text(owner)):
        axes = len(context.value(owner).shape)
        shape = f"{ast.unparse(owner)} has {axes} {'axis' if axes == 1 else 'axes'}: its shape is {text}"
        return Explanation(f"{ast.unparse(value)} is unpacked into {len(names)} names, but {shape}")
    if isinstance(value, ast.Call) and len(names) == 3 and isinstance(context.value(value.func), nn.LSTM):
        text = f"{call_name(value)} returns 2 values, not 3: output, (hidden, cell)"
        return Explanation(f"{text}; group the two states in parentheses", (_group_states,))
    match = re.search(r"expected (\d+)(?:, got (\d+))?", context.message)
    got = "" if match is None else match.group(2) or f"more than {match.group(1)}"
    if not got:
        return None
    changes = (_set_chunks(len(names)),) if isinstance(value, ast.Call) and call_name(value) == "chunk" else ()
    return Explanation(f"{ast.unparse(value)[:40]} has {got} values, but is unpacked into {len(names)} names", changes)


def _set_chunks(count: int) -> Change:
    def change(source: Source) -> Sequence[Fix]:
        for call in source.nodes(kind=ast.Call):
            if call.lineno == source.line and call_name(call) == "chunk" and isinstance(call.func, ast.Attribute):
                position = 1 if source.text(call.func.value) == "torch" else 0
                return source.edit(source.set_argument(call, position, "chunks", count))
        return []

    return change


def _owner_of_shape(node: ast.AST | None) -> ast.expr | None:
    """Return `x` for `x.shape` and `x.size(…)`."""
    if isinstance(node, ast.Attribute) and node.attr == "shape":
        return node.value
    if isinstance(node, ast.Call) and call_name(node) == "size" and isinstance(node.func, ast.Attribute):
        return node.func.value
    return None


def _group_states(source: Source) -> Sequence[Fix]:
    for assignment in source.nodes(kind=ast.Assign):
        target = assignment.targets[0]
        if assignment.lineno == source.line and isinstance(target, ast.Tuple) and len(target.elts) == 3:
            first, second, third = map(source.text, target.elts)
            return source.edit(source.replace(target, f"{first}, ({second}, {third})"))
    return []


def _explain_missing_axis(context: ErrorContext) -> Explanation | None:
    """Explain `x.shape[3]` and `x.size(3)` for a tensor with fewer axes."""
    node = context.node
    if not isinstance(context.error, IndexError) or not isinstance(node, ast.Subscript | ast.Call):
        return None
    owner = _owner_of_shape(node.value if isinstance(node, ast.Subscript) else node)
    if owner is None or not (text := context.shape_text(owner)):
        return None
    axes = len(context.value(owner).shape)
    counted = f"{axes} {'axis' if axes == 1 else 'axes'}"
    text = f"{ast.unparse(node)} doesn't exist: {ast.unparse(owner)} has {counted} (its shape is {text})"
    return Explanation(text, (_use_last_axis,))


def _use_last_axis(source: Source) -> Sequence[Fix]:
    node = source.node
    index = node.slice if isinstance(node, ast.Subscript) else node.args[0] if isinstance(node, ast.Call) else None
    return source.edit(source.replace(index, "-1"))


def _explain_size_method(context: ErrorContext) -> Explanation | None:
    """Explain `x.size[0]` and `x.shape(0)`."""
    if "'torch.Size' object is not callable" in context.message:
        return Explanation("shape isn't a method: write x.shape[0] or x.size(0)", (_swap_name("shape", "size"),))
    if re.search(r"'builtin_function_or_method' object is not (subscriptable|iterable)", context.message):
        return Explanation("size is a method: write x.size(0) or x.shape[0]", (_swap_name("size", "shape"),))
    return None


def _swap_name(old: str, new: str) -> Change:
    def change(source: Source) -> Sequence[Fix]:
        for node in source.nodes(kind=ast.Attribute):
            if node.attr == old and node.lineno == source.line:
                return source.edit(source.rename_attribute(node, new))
        return []

    return change


def _explain_list_of_tensors(context: ErrorContext) -> Explanation | None:
    """Explain `torch.cat(a, b)`, whose tensors aren't in a list."""
    node = context.node
    name = call_name(node) if isinstance(node, ast.Call) else ""
    if not isinstance(context.error, TypeError) or name not in {"cat", "concat", "stack", "hstack", "vstack"}:
        return None
    tensors = [argument for argument in getattr(node, "args", ()) if isinstance(context.value(argument), Tensor)]
    if not tensors:
        return None
    names = ", ".join(map(ast.unparse, tensors))
    return Explanation(f"{name} expects a list of tensors: write [{names}]", (_put_into_list(len(tensors)),))


def _put_into_list(count: int) -> Change:
    def edit(source: Source, call: ast.Call) -> Sequence[Fix]:
        first, last = call.args[0], call.args[count - 1]
        if first.lineno != last.end_lineno or last.end_col_offset is None:
            return []
        text = ", ".join(map(source.text, call.args[:count]))
        return source.edit((first.lineno, first.col_offset, last.end_col_offset, f"[{text}]"))

    return at_failure(edit)


def _explain_division(context: ErrorContext) -> Explanation | None:
    """Explain a size that isn't an integer, as in `x.view(-1, x.size(1) / 2)`."""
    name = call_name(context.node) if isinstance(context.node, ast.Call) else ""
    if not isinstance(context.error, TypeError) or "float" not in context.message or not name:
        return None
    text = f"{name} expects integers, got a floating-point number; divide with // instead of /"
    return Explanation(text, (_integer_division,))


def _integer_division(source: Source) -> Sequence[Fix]:
    for node in source.nodes(kind=ast.BinOp, inside=source.node):
        if isinstance(node.op, ast.Div):
            return source.edit(source.replace(node, f"{source.text(node.left)} // {source.text(node.right)}"))
    return []


def _explain_forward_arguments(context: ErrorContext) -> Explanation | None:
    """Explain a forward without self, and a network that takes more inputs than were given."""
    missing = re.match(r"(.*)\(\) missing \d+ required positional arguments?: (.*)", context.message)
    if missing is not None and context.frame is None and missing.group(1).endswith("forward"):
        return Explanation(f"forward got no value for {missing.group(2)}; give the network an input for each argument")
    taken = re.match(r"(.*)\(\) takes ([01]) positional arguments? but \d+ (?:was|were) given", context.message)
    if taken is not None and taken.group(1).endswith("forward"):
        return Explanation("forward needs self as its first argument: def forward(self, x)", (_add_self,))
    return None


def _add_self(source: Source) -> Sequence[Fix]:
    for function in source.nodes(kind=ast.FunctionDef):
        arguments = function.args.args
        if function.name == "forward" and arguments and arguments[0].arg != "self":
            first = arguments[0]
            return source.edit((first.lineno, first.col_offset, first.col_offset, "self, "))
    return []


def _explain_assertion(context: ErrorContext) -> Explanation | None:
    """Show the condition of a failed assertion that has no message, and the shapes of the tensors in it."""
    statement = context.statement
    if not isinstance(context.error, AssertionError) or context.message or not isinstance(statement, ast.Assert):
        return None
    names = [node for node in ast.walk(statement.test) if isinstance(node, ast.Name)]
    shapes = {ast.unparse(node): context.shape_text(node) for node in names}
    known = ", ".join(f"the shape of {name} is {text}" for name, text in shapes.items() if text)
    return Explanation(f"AssertionError: {ast.unparse(statement.test)} is false{f'; {known}' if known else ''}")


def _explain_stop_iteration(context: ErrorContext) -> Explanation | None:
    """Explain `next(…)` of an iterator that has no more values."""
    if not isinstance(context.error, StopIteration):
        return None
    code = ast.unparse(context.node) if isinstance(context.node, ast.Call) else "next(…)"
    return Explanation(f"StopIteration: {code} has no more values; next takes a default as its second argument")


def _explain_recursion(context: ErrorContext) -> Explanation | None:
    """Explain a forward that calls itself."""
    if not isinstance(context.error, RecursionError):
        return None
    name = context.frame.f_code.co_name if context.frame is not None else "a function"
    return Explanation(f"{name} calls itself endlessly")


def _explain_numpy(context: ErrorContext) -> Explanation | None:
    """Explain that a tensor that requires a gradient can't be converted to NumPy."""
    if "Can't call numpy() on Tensor that requires grad" not in context.message:
        return None
    text = "numpy() can't convert a tensor that requires a gradient; write detach().numpy(), or torch functions instead"
    return Explanation(text, (_detach,))


def _detach(source: Source) -> Sequence[Fix]:
    for call in source.nodes(kind=ast.Call):
        if call.lineno == source.line and call_name(call) == "numpy" and isinstance(call.func, ast.Attribute):
            return source.wrap(call.func.value, "{}.detach()")
    return []


def _explain_condition(context: ErrorContext) -> Explanation | None:
    """Explain `nn.Dropout(x)` and conditions on a tensor with several values."""
    if "Boolean value of Tensor with more than one value" not in context.message:
        return None
    kind = call_name(context.node) if isinstance(context.node, ast.Call) else ""
    if kind and hasattr(nn, kind):
        text = f"nn.{kind}(x) creates a layer instead of calling one; write nn.{kind}()(x)"
        return Explanation(text, (call_layer(kind),))
    return Explanation("a condition needs a single value, got a tensor with several; use torch.where(), any() or all()")


_EXPLAINERS: Sequence[Callable[[ErrorContext], Explanation | None]] = (
    explain_attribute,
    explain_name,
    explain_missing_forward,
    _explain_unpacking,
    _explain_missing_axis,
    _explain_size_method,
    _explain_list_of_tensors,
    _explain_division,
    _explain_forward_arguments,
    _explain_assertion,
    _explain_stop_iteration,
    _explain_recursion,
    _explain_numpy,
    _explain_condition,
)
