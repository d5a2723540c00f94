"""Draw an autograd graph as a tree. If a node occurs more than once, its later rows only refer to its first row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import msgspec
from rich.text import Text

from fashion_tui.schema.tensors import GraphNode, Statistics

from .formatting import format_mean, format_nonfinite, format_number, format_shape, printable, short_operation
from .glyphs import Glyphs
from .style import ACCENT, ATTENTION, FOREGROUND, GOOD, MUTED

MAX_BRANCHES = 12
"""Maximum number of tree levels whose branches a line shows. In deeper lines, levels near the root are omitted."""


@dataclass(frozen=True, slots=True)
class TreeRow:
    key: str
    """Unique key of the row: the parent node's id, and the index of the row's node in the parent's list of sources.

    The id of the row's own node isn't unique, because a node may have several rows.
    """
    node: int
    depth: int
    is_last: tuple[bool, ...]
    """Flags for the row's ancestors, from the top down, and for the row itself: True if no sibling follows.

    Only the deepest MAX_BRANCHES levels are included.
    """
    is_only: bool
    """Whether the row's node is the only source of its parent."""
    is_folded: bool = False
    is_repeated: bool = False
    """Whether an earlier row shows the same node."""


def tree_rows(nodes: Mapping[int, GraphNode], root: int, folded: Iterable[str]) -> list[TreeRow]:
    """Return the rows of the tree, beginning with the root. A node that isn't in `nodes` ends its branch."""
    folded_keys = frozenset(folded)
    rows, seen = list[TreeRow](), set[int]()
    stack = [TreeRow(str(root), root, 0, (), is_only=False)]
    while stack:
        row = stack.pop()
        if row.node in seen:
            rows.append(replace(row, is_repeated=True))
            continue
        seen.add(row.node)
        rows.append(replace(row, is_folded=row.key in folded_keys))
        node = nodes.get(row.node)
        if node is not None and row.key not in folded_keys:
            stack.extend(reversed(_source_rows(row, node)))
    return rows


def _source_rows(row: TreeRow, node: GraphNode) -> list[TreeRow]:
    """Return the rows of a node's sources. In a chain of nodes with one source each, the depth stays the same."""
    is_only = len(node.sources) == 1
    above = row.is_last[:-1] if is_only and row.is_only else row.is_last
    depth = row.depth if is_only and row.is_only else row.depth + 1
    return [
        TreeRow(
            key=f"{row.node}.{index}",
            node=source,
            depth=depth,
            is_last=(*above, index == len(node.sources) - 1)[-MAX_BRANCHES:],
            is_only=is_only,
        )
        for index, source in enumerate(node.sources)
    ]


def tree_line(row: TreeRow, node: GraphNode | None, width: int, *, is_highlighted: bool, glyphs: Glyphs) -> Text:
    """Return the line of a row, such as `├ A  leaf  3  grad 2`.

    The name of the operation is shortened if the line exceeds `width`. An arrow marks a node that is the only source of
    its parent, so that a chain of nodes doesn't look like siblings. `is_highlighted` emphasises the gradient.
    """
    line = _line(row, node, is_highlighted=is_highlighted, glyphs=glyphs)
    if node is None or line.cell_len <= width:
        return line
    shorter = msgspec.structs.replace(node, operation=short_operation(node.operation))
    return _line(row, shorter, is_highlighted=is_highlighted, glyphs=glyphs)


def _line(row: TreeRow, node: GraphNode | None, *, is_highlighted: bool, glyphs: Glyphs) -> Text:
    line = Text(_branches(row, glyphs), style=MUTED, no_wrap=True)
    if node is None:
        return line.append(f"{glyphs.ellipsis} more", ACCENT)
    if node.name:
        line.append(f"{printable(node.name, glyphs)}  ", f"bold {FOREGROUND}")
    line.append(printable(node.operation, glyphs), MUTED)
    if row.is_repeated:
        return line.append("  ↑ see above" if glyphs.unicode else "  see above", MUTED)
    if node.shape:
        line.append(f"  {format_shape(node.shape, glyphs)}", FOREGROUND)
    if value := format_mean(node.statistics, single=node.shape == (), glyphs=glyphs):
        line.append(f"  {value}", FOREGROUND)
    _append_nonfinite(line, node.statistics)
    if node.grad_statistics is not None:
        line.append("  grad ", GOOD if is_highlighted else MUTED)
        gradient = format_gradient(node.grad_statistics, single=node.shape == (), glyphs=glyphs)
        line.append(gradient, f"bold {GOOD if is_highlighted else ACCENT}")
        _append_nonfinite(line, node.grad_statistics)
    if row.is_folded and node.sources:
        line.append(f"  +{len(node.sources)}", ACCENT)
    return line


def format_gradient(statistics: Statistics, *, single: bool, glyphs: Glyphs) -> str:
    """Format a gradient: `2` for a single value, or the range `−0.1 … 0.3` for several values."""
    low, high = statistics.low, statistics.high
    if single or low is None or high is None or low == high:
        return format_mean(statistics, single=True, glyphs=glyphs)
    return f"{format_number(low, glyphs)} {glyphs.ellipsis} {format_number(high, glyphs)}"


def _append_nonfinite(line: Text, statistics: Statistics | None) -> None:
    if counts := format_nonfinite(statistics):
        line.append(f"  {counts}", ATTENTION)


def _branches(row: TreeRow, glyphs: Glyphs) -> str:
    if row.depth == 0:
        return ""
    through, tee, elbow, only = ("│ ", "├ ", "└ ", "↓ ") if glyphs.unicode else ("| ", "+ ", "` ", "v ")
    hidden = f"{row.depth - len(row.is_last)}{glyphs.ellipsis} " if row.depth > len(row.is_last) else ""
    return (
        hidden
        + "".join("  " if last else through for last in row.is_last[:-1])
        + (only if row.is_only else elbow if row.is_last[-1] else tee)
    )
