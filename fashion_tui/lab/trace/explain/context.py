"""The frame of the network's code in which an error was raised, and the values of its variables."""

import ast
from dataclasses import dataclass
from functools import cached_property
from types import FrameType
from typing import Any

from torch import Tensor, nn

from .failure import Failure
from .sizes import BatchSizes
from .source import failing_node, frame_value, parse_file, user_entry


@dataclass(frozen=True)
class ErrorContext:
    """An error that was raised in the network's code, in both recordings."""

    error: BaseException
    other: BaseException | None
    """The error in the second recording, or None if there was none."""
    batches: BatchSizes
    model: nn.Module
    failure: Failure | None
    """The failed call, or None if the error wasn't raised by a recorded call."""

    @cached_property
    def message(self) -> str:
        return str(self.error)

    @cached_property
    def frame(self) -> FrameType | None:
        entry = user_entry(self.error)
        return None if entry is None else entry.tb_frame

    @cached_property
    def tree(self) -> ast.Module | None:
        """The syntax tree of the file, or None if it can't be read."""
        return None if self.frame is None else parse_file(self.frame.f_code.co_filename, self.frame.f_globals)

    @cached_property
    def node(self) -> ast.AST | None:
        """The syntax node that failed, or None if it is unknown."""
        entry = user_entry(self.error)
        return None if entry is None or self.tree is None else failing_node(entry, self.tree)

    @cached_property
    def statement(self) -> ast.stmt | None:
        """The innermost statement at the line of the error, or None if it is unknown."""
        entry, found = user_entry(self.error), None
        if entry is None or self.tree is None:
            return None
        for node in ast.walk(self.tree):
            if isinstance(node, ast.stmt) and node.lineno <= entry.tb_lineno <= (node.end_lineno or node.lineno):
                found = node
        return found

    def value(self, node: ast.AST) -> Any:
        """Return the value of a name or attribute, or None for any other expression."""
        return frame_value(self.frame, node)

    def shape_text(self, node: ast.AST) -> str:
        """Return a tensor's shape with N for the batch size, or an empty string if the value isn't a tensor."""
        entry = user_entry(self.other)
        mine, theirs = self.value(node), frame_value(None if entry is None else entry.tb_frame, node)
        other = tuple(theirs.shape) if isinstance(theirs, Tensor) else None
        return self.batches.format_shape(tuple(mine.shape), other) if isinstance(mine, Tensor) else ""
