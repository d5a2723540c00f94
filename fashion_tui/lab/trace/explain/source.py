"""The source of a network that failed: where it failed, and edits of single lines."""

import ast
import linecache
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import nn

from fashion_tui.schema.shapes import Fix

_LAB = Path(__file__).parents[2]
_SKIPPED = frozenset(
    {
        _LAB / "trace",
        _LAB / "networks" / "modules.py",  # imports modules for the user's code
        _LAB.parent / "engine",  # its signal handler interrupts the user's code and raises TimeLimitReached
        Path(torch.__file__).parent,
    }
)
"""Folders and files of code that isn't the user's."""

Edit = tuple[int, int, int, str]
"""The line, the first column and the end column of a part of the source, and the string that replaces it."""


def user_entry(error: BaseException | None) -> TracebackType | None:
    """Return the innermost traceback entry of the user's code: not of torch, this package or Python's import system."""
    found, entry = None, error.__traceback__ if error is not None else None
    while entry is not None:
        path = Path(entry.tb_frame.f_code.co_filename)
        if _SKIPPED.isdisjoint((path, *path.parents)) and not str(path).startswith("<frozen importlib"):
            found = entry
        entry = entry.tb_next
    return found


def failing_node(entry: TracebackType, tree: ast.AST) -> ast.AST | None:
    """Return the syntax node that failed, or None if the source doesn't contain it."""
    position = list(entry.tb_frame.f_code.co_positions())[entry.tb_lasti // 2]
    found = None
    for node in ast.walk(tree):
        span = [getattr(node, name, None) for name in ("lineno", "end_lineno", "col_offset", "end_col_offset")]
        if tuple(span) == position and not isinstance(node, ast.Expr):
            found = node
    return found


def parse_file(file: str, module_globals: dict[str, Any] | None = None) -> ast.Module | None:
    """Return the syntax tree of a file, or None if it can't be read."""
    try:
        return ast.parse("".join(linecache.getlines(file, module_globals)))
    except (SyntaxError, ValueError):
        return None


class Source:
    """The file that defines a network, and the network's error in it."""

    def __init__(self, file: str, model: nn.Module | None, error: BaseException | None) -> None:
        self.file = file
        self.model = model
        self.lines = linecache.getlines(file)
        self.tree = parse_file(file) or ast.parse("")
        entry = user_entry(error)
        if entry is not None and entry.tb_frame.f_code.co_filename != file:
            entry = None
        self.frame: FrameType | None = None if entry is None else entry.tb_frame
        """The frame of the file's code in which the error was raised."""
        self.node = None if entry is None else failing_node(entry, self.tree)
        """The node that failed, or None if it is unknown."""
        self.line: int | None = None if entry is None else entry.tb_lineno

    def text(self, node: ast.AST) -> str:
        return ast.get_source_segment("".join(self.lines), node) or ""

    def nodes(self, *, kind: type[ast.AST], inside: ast.AST | None = None) -> Iterator[Any]:
        return (node for node in ast.walk(inside or self.tree) if isinstance(node, kind))

    def distance(self, node: ast.expr) -> tuple[int, int]:
        """Return a sort key for nodes: those in the function and in the class of the error come first."""
        line = self.line or 0
        shared = [
            scope
            for scope in [*self.nodes(kind=ast.FunctionDef), *self.nodes(kind=ast.ClassDef)]
            if all(scope.lineno <= number <= scope.end_lineno for number in (line, node.lineno))
        ]
        return -len(shared), abs(line - node.lineno)

    # Edits

    def edit(self, *edits: Edit | None) -> list[Fix]:
        """Combine edits of the same line into one fix, and return it in a list.

        Return an empty list if an edit is None, the lines differ, or the edits change nothing.
        """
        if not edits or any(edit is None for edit in edits):
            return []
        known = [edit for edit in edits if edit is not None]
        line = known[0][0]
        if any(edit[0] != line for edit in known) or line > len(self.lines):
            return []
        old = self.lines[line - 1].rstrip("\r\n")
        encoded = old.encode()
        for _, start, end, text in sorted(known, reverse=True):
            encoded = encoded[:start] + text.encode() + encoded[end:]
        new = encoded.decode()
        return [Fix(line, old.strip(), new.strip())] if new != old else []

    def replace(self, node: ast.AST | None, text: str) -> Edit | None:
        """Return the edit that replaces a node, or None if the node isn't on one line."""
        if not isinstance(node, ast.expr | ast.stmt) or node.lineno != node.end_lineno or node.end_col_offset is None:
            return None
        return node.lineno, node.col_offset, node.end_col_offset, text

    def wrap(self, node: ast.AST | None, template: str) -> list[Fix]:
        """Replace an expression with the template, in which `{}` stands for the expression."""
        if node is None:
            return []
        text = self.text(node)
        if template.startswith("{}.") and not isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
            text = f"({text})"
        return self.edit(self.replace(node, template.format(text)))

    def rename_attribute(self, node: ast.Attribute, new: str) -> Edit | None:
        """Return the edit that replaces the name after the dot, as in `x.view`."""
        if node.end_lineno is None or node.end_col_offset is None:
            return None
        return node.end_lineno, node.end_col_offset - len(node.attr.encode()), node.end_col_offset, new

    def insert_argument(self, call: ast.Call, text: str) -> Edit | None:
        """Add an argument at the end of a call."""
        if call.end_lineno is None or call.end_col_offset is None:
            return None
        ends = [
            (node.end_lineno, node.end_col_offset)
            for node in [*call.args, *(keyword.value for keyword in call.keywords)]
            if node.end_lineno is not None and node.end_col_offset is not None
        ]
        line, end = max(ends, default=(call.end_lineno, call.end_col_offset - 1))
        return line, end, end, f", {text}" if ends else text

    def argument(self, call: ast.Call, position: int | None, name: str) -> ast.expr | None:
        """Return the argument of a call that is given by position or by name."""
        for keyword in call.keywords:
            if keyword.arg == name:
                return keyword.value
        if position is None or any(isinstance(argument, ast.Starred) for argument in call.args[: position + 1]):
            return None
        return call.args[position] if position < len(call.args) else None

    def set_argument(self, call: ast.Call | None, position: int | None, name: str, value: object) -> Edit | None:
        """Return the edit that sets an argument of a call."""
        if call is None:
            return None
        given = self.argument(call, position, name)
        return self.insert_argument(call, f"{name}={value}") if given is None else self.replace(given, str(value))


def error_location(error: BaseException | None) -> tuple[str | None, int | None]:
    """Return the file and the line of the innermost frame outside of torch, the shape trace and the engine."""
    entry = user_entry(error)
    return (None, None) if entry is None else (entry.tb_frame.f_code.co_filename, entry.tb_lineno)


def call_name(call: ast.Call) -> str:
    """Return the last name of the function that is called: `flatten` for both `torch.flatten(x)` and `x.flatten()`."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def frame_value(frame: FrameType | None, node: ast.AST) -> Any:
    """Return the value of a name or attribute in a frame, or None for any other expression."""
    if frame is None:
        return None
    if isinstance(node, ast.Name):
        return frame.f_locals.get(node.id, frame.f_globals.get(node.id))
    if isinstance(node, ast.Attribute):
        owner = frame_value(frame, node.value)
        return None if owner is None else getattr(owner, node.attr, None)
    return None
