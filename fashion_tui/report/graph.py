"""The graph behind a tensor as the lines of a tree: each node once, and referred to where it comes again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import msgspec
from rich.text import Text

from fashion_tui.schema.tensors import GraphNode, Statistics

from .formatting import format_mean, format_nonfinite, format_number, format_shape, printable, short_operation
from .glyphs import Glyphs
from .style import ACCENT, ATTENTION, FOREGROUND, GOOD, MUTED

DEEPEST = 12
"""Levels whose branches are drawn: of what lies deeper the nearest ones."""


@dataclass(frozen=True, slots=True)
class TreeRow:
    key: str
    """Of the node that it is behind, and its place there: unlike a node it stands once in the tree."""
    node: int
    depth: int
    last: tuple[bool, ...]
    """Of the DEEPEST nearest levels down to this one: whether it is the last among its siblings."""
    is_only: bool
    """The node above was made from nothing else."""
    is_folded: bool = False
    is_repeated: bool = False
    """Its node stands further up already."""


def tree_rows(nodes: Mapping[int, GraphNode], root: int, folded: Iterable[str]) -> list[TreeRow]:
    """From the root down. Nodes that `nodes` doesn't know end their branch: they can be unfolded."""
    closed = frozenset(folded)
    rows, seen = list[TreeRow](), set[int]()
    waiting = [TreeRow(str(root), root, 0, (), is_only=False)]
    while waiting:
        row = waiting.pop()
        if row.node in seen:
            rows.append(replace(row, is_repeated=True))
            continue
        seen.add(row.node)
        rows.append(replace(row, is_folded=row.key in closed))
        node = nodes.get(row.node)
        if node is not None and row.key not in closed:
            waiting.extend(reversed(_behind(row, node)))
    return rows


def _behind(row: TreeRow, node: GraphNode) -> list[TreeRow]:
    """The rows of what the node was made from. A chain of nodes with one source each goes on at the same depth."""
    is_only = len(node.sources) == 1
    above = row.last[:-1] if is_only and row.is_only else row.last
    depth = row.depth if is_only and row.is_only else row.depth + 1
    return [
        TreeRow(
            key=f"{row.node}.{place}",
            node=source,
            depth=depth,
            last=(*above, place == len(node.sources) - 1)[-DEEPEST:],
            is_only=is_only,
        )
        for place, source in enumerate(node.sources)
    ]


def tree_line(row: TreeRow, node: GraphNode | None, width: int, *, is_highlighted: bool, glyphs: Glyphs) -> Text:
    """`├ A  leaf  3  grad 2`. A line that is too long gets a short operation."""
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
        return line.append("  as above" if glyphs.unicode is False else "  ↑ as above", MUTED)
    if node.shape:
        line.append(f"  {format_shape(node.shape, glyphs)}", FOREGROUND)
    if value := format_mean(node.statistics, single=node.shape == (), glyphs=glyphs):
        line.append(f"  {value}", FOREGROUND)
    _append_trouble(line, node.statistics)
    if node.grad_statistics is not None:
        line.append("  grad ", GOOD if is_highlighted else MUTED)
        line.append(
            grad_words(node.grad_statistics, single=node.shape == (), glyphs=glyphs),
            f"bold {GOOD if is_highlighted else ACCENT}",
        )
        _append_trouble(line, node.grad_statistics)
    if row.is_folded and node.sources:
        line.append(f"  +{len(node.sources)}", ACCENT)
    return line


def grad_words(grad: Statistics, *, single: bool, glyphs: Glyphs) -> str:
    """`2` of a single number, `−0.1 … 0.3` of many."""
    if single or grad.low is None or grad.high is None or grad.low == grad.high:
        return format_mean(grad, single=True, glyphs=glyphs)
    return f"{format_number(grad.low, glyphs)} {glyphs.ellipsis} {format_number(grad.high, glyphs)}"


def _append_trouble(line: Text, numbers: Statistics | None) -> None:
    if words := format_nonfinite(numbers):
        line.append(f"  {words}", ATTENTION)


def _branches(row: TreeRow, glyphs: Glyphs) -> str:
    if row.depth == 0:
        return ""
    through, skip, tee, elbow = ("│ ", "  ", "├ ", "└ ") if glyphs.unicode else ("| ", "  ", "+ ", "` ")
    deeper = f"{row.depth - len(row.last)}{glyphs.ellipsis} " if row.depth > len(row.last) else ""
    return deeper + "".join(skip if last else through for last in row.last[:-1]) + (elbow if row.last[-1] else tee)
