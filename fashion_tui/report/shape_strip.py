"""Show the shapes from a network's input to its output on one line."""

from collections.abc import Sequence

from rich.text import Text

from fashion_tui.schema.shapes import NETWORK_INPUT, Shape, ShapeTable

from .data_flow import DataFlow, data_flow
from .formatting import format_shape, format_shapes, printable
from .glyphs import Glyphs, terminal_glyphs
from .shapes import DEFAULT_WIDTH, visible_rows
from .style import ACCENT, BAD, FOREGROUND, MUTED

MIN_ITEMS = 4
"""Minimum number of items. If there are fewer, modules are unfolded."""
MAX_SHAPES = 3
"""Maximum number of shapes that one item shows. If there are more, the first one and the number of others are shown."""
_SHORT_NAMES = {"max_pool2d": "pool", "avg_pool2d": "pool", "adaptive_avg_pool2d": "pool"}

StripItem = tuple[str, str]
"""The name of a call, and the shape of its output or, if the next call joins branches, the shapes that it joins."""


def shape_strip(table: ShapeTable, *, width: int = DEFAULT_WIDTH, glyphs: Glyphs | None = None) -> Text:
    """Return the shapes along the path with the most calls, with the names of the calls between them if they fit.

    Where a call joins the path and other branches, the shapes of all its inputs are shown, as in
    `512 + 16 ─ cat ─ 528`.
    """
    glyphs = glyphs or terminal_glyphs()
    deepest = max((row.depth for row in table.rows), default=0)
    for depth in range(1, deepest + 2):
        items = _strip_items(table, visible_rows(table, depth=depth), glyphs)
        if len(items) >= MIN_ITEMS:
            break
    strip = _strip(items, glyphs, with_names=True)
    if strip.cell_len > width:
        strip = _strip(items, glyphs, with_names=False)
    while strip.cell_len > width and len(items) > 3:
        middle = len(items) // 2
        items[middle - 1 : middle + 1] = [("", glyphs.ellipsis)]
        strip = _strip(items, glyphs, with_names=False)
    strip.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return strip


def _strip_items(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs) -> list[StripItem]:
    """Return items for the inputs, each call on the path that changes the shape, and the output or the failing call."""
    flow = data_flow(table, shown)
    path = _main_path(table, shown, flow)
    inputs = tuple(spec.shape for spec in table.inputs)
    if path and NETWORK_INPUT in flow.producers[path[0]]:
        first = table.rows[shown[path[0]]]
        taken = (shape for shape, source in zip(first.inputs, first.sources, strict=True) if source == NETWORK_INPUT)
        inputs = tuple(taken) or inputs
    items = [("", _join_shapes(inputs, glyphs))]
    for position in path:
        row = table.rows[shown[position]]
        before, shape = items[-1], format_shape(row.outputs[0], glyphs) if row.outputs else ""
        joined = row.inputs if len(flow.producers[position]) > 1 and all(row.inputs) else ()
        if shape and shape != before[1]:
            if len(joined) > 1 and len(items) > 1:
                items[-1] = (before[0], _join_shapes(joined, glyphs))
            items.append((_SHORT_NAMES.get(row.name, row.name), shape))
    if table.error is not None:
        failed = next((row.name for row in reversed(table.rows) if row.failed), None)
        return items if failed is None else [*items, (failed, glyphs.bad)]
    output = _join_shapes(table.outputs, glyphs) or "no tensors"
    if output != items[-1][1]:
        is_first_of_several = len(items) > 1 and output.startswith(f"{items[-1][1]} +")
        items = [*items[:-1], (items[-1][0], output)] if is_first_of_several else [*items, ("output", output)]
    return items


def _main_path(table: ShapeTable, shown: Sequence[int], flow: DataFlow) -> list[int]:
    """Return the positions of the rows on the path with the most calls from an input to the first output.

    If the network fails, the path ends at the failing row. If it isn't known which row returns the output, or if no
    path from an input is known, return all rows without those of unfolded modules.
    """
    length = {NETWORK_INPUT: 0}
    previous: dict[int, int] = {}
    for position in flow.nodes:
        known = [one for one in flow.node_producers(position) if one in length]
        if known:
            previous[position] = max(known, key=length.__getitem__)
            length[position] = length[previous[position]] + 1
    failed = next((one for one in reversed(flow.nodes) if table.rows[shown[one]].failed), None)
    ends = flow.outputs if table.error is None else () if failed is None else (failed,)
    end = next((one for one in ends if one in previous), None)
    if end is None:
        return flow.nodes
    path = [end]
    while previous[path[-1]] != NETWORK_INPUT:
        path.append(previous[path[-1]])
    return path[::-1]


def _join_shapes(shapes: Sequence[Shape], glyphs: Glyphs) -> str:
    if len(shapes) > MAX_SHAPES:
        return format_shapes(shapes, glyphs)
    return " + ".join(format_shape(shape, glyphs) for shape in shapes)


def _strip(items: Sequence[StripItem], glyphs: Glyphs, *, with_names: bool) -> Text:
    strip = Text(no_wrap=True)
    for index, (name, shape) in enumerate(items):
        if index:
            strip.append(f" {glyphs.rule} ", MUTED)
            if with_names:
                strip.append(printable(name, glyphs), MUTED).append(f" {glyphs.rule} ", MUTED)
        is_end = index in {0, len(items) - 1}
        strip.append(shape, BAD if shape == glyphs.bad else ACCENT if is_end else FOREGROUND)
    return strip
