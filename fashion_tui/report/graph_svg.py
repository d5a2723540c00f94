"""Draw the shape trace of a network as an SVG image: a box for each row, and lines along which data flows."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from fashion_tui.schema.shapes import NETWORK_INPUT, ShapeRow, ShapeTable

from .data_flow import DataFlow, Lanes, data_flow, find_lanes
from .formatting import format_bytes, format_count, format_shape, format_shapes, printable
from .glyphs import UNICODE
from .shapes import visible_rows

BOX_HEIGHT = 40
GAP = 30
"""Height of the gap between two levels. Lines leave a column in the upper half, and enter another column in the lower
half."""
GROUP_LABEL_HEIGHT = 20
"""Height of the space above a level for the label of each module that begins there."""
GROUP_PADDING = 8
COLUMN_GAP = 34
LINE_COLUMN_WIDTH = 14
"""Width of a column that contains only lines."""
MARGIN = 28
TITLE_HEIGHT = 46
CHARACTER_WIDTH = 6.7
"""Approximate width of a character at font size 12."""
BOLD_WIDTH = 7.8
MAX_CHARACTERS = 40
"""Maximum length of a string. Longer strings are truncated; the tooltip contains the complete string."""
MIN_BOX_WIDTH = 110
MAX_BOXES = 80
"""Maximum number of boxes of an image whose depth isn't given."""
FONT = "system-ui, 'DejaVu Sans', sans-serif"

INK, MUTED, LINE = "#1c1c1c", "#616161", "#8a8a8a"
LAYER, FUNCTION, GROUP, FAILED = ("#dcebf5", "#005f87"), ("#ffffff", "#9e9e9e"), ("#f6f6f6", "#d8d8d8"), "#b0201c"
"""Fill and outline of the boxes of layers with parameters, of other rows, and of modules that contain rows; outline
of a row that fails."""


def graph_depth(table: ShapeTable) -> int:
    """Return the greatest depth at which the image has at most MAX_BOXES boxes, but at least 1."""
    depths = range(2, max((row.depth for row in table.rows), default=0) + 2)
    fitting = [depth for depth in depths if len(data_flow(table, visible_rows(table, depth=depth)).nodes) <= MAX_BOXES]
    return max(fitting, default=1)


def graph_svg(table: ShapeTable, *, depth: int | None = None) -> bytes:
    """Return the image as an SVG document. `depth` limits the depth of nested modules, as in the table.

    By default, the depth is `graph_depth`, because an image of hundreds of boxes is too tall to be useful.
    """
    depth = depth or graph_depth(table)
    shown = visible_rows(table, depth=depth)
    flow = data_flow(table, shown)
    levels = _levels(flow)
    drawing = _Drawing([table.rows[index] for index in shown], flow, levels, find_lanes(flow, levels))
    return drawing.document(table)


def _levels(flow: DataFlow) -> list[int]:
    """Return the level of each row from the top. A row is one level below its lowest producer.

    A row without producers, such as `torch.arange`, is directly above its first consumer.
    """
    levels = [0] * len(flow.producers)
    for row in flow.nodes:
        levels[row] = 1 + max((levels[one] for one in flow.producers[row] if one != NETWORK_INPUT), default=-1)
    for row in flow.nodes:
        if not flow.producers[row] and (consumers := flow.consumers(row)):
            levels[row] = max(min(levels[one] for one in consumers) - 1, 0)
    return levels


@dataclass(frozen=True, slots=True)
class _Group:
    """A module whose calls have boxes of their own. The box around them covers these levels and columns, inclusive."""

    row: ShapeRow
    top: int
    bottom: int
    left: int
    right: int


class _Drawing:
    def __init__(self, rows: Sequence[ShapeRow], flow: DataFlow, levels: Sequence[int], lanes: Lanes) -> None:
        self._rows = rows
        self._flow = flow
        self._levels = levels
        self._lanes = lanes
        self._groups = self._find_groups()
        self._box_width = self._measure_boxes()
        self._x = self._place_columns()
        self._labels_above = defaultdict[int, int](int)
        """The number of labels of nested modules above each level."""
        self._y = self._place_levels()

    def document(self, table: ShapeTable) -> bytes:
        width = max(max(self._x.values()) + max(self._box_width.values()) / 2, 360) + MARGIN
        height = self._y[max(self._y)] + BOX_HEIGHT + GROUP_PADDING * 3 + MARGIN
        root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "width": _number(width),
                "height": _number(height),
                "viewBox": f"0 0 {_number(width)} {_number(height)}",
                "font-family": FONT,
                "font-size": "12",
            },
        )
        _add(root, "rect", width="100%", height="100%", fill="#ffffff")
        _text(root, MARGIN, MARGIN + 4, table.model, size=16, weight="bold")
        totals = f"{table.total_params:,} parameters · {format_count(table.total_macs)} MACs for one sample"
        _text(root, MARGIN, MARGIN + 22, totals, fill=MUTED)
        for group in self._groups:
            self._draw_group(root, group)
        for edge in self._lanes.of_edge:
            self._draw_edge(root, *edge)
        shapes = ", ".join(format_shape(spec.shape, UNICODE) for spec in table.inputs)
        self._draw_box(root, NETWORK_INPUT, "input", shapes, (FUNCTION[0], INK), "")
        for row in self._flow.nodes:
            self._draw_row(root, row)
        document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
        return document

    # Layout

    def _column(self, row: int) -> int:
        return self._lanes.of_row[row].column

    def _level(self, row: int) -> int:
        return NETWORK_INPUT if row == NETWORK_INPUT else self._levels[row]

    def _labels(self, row: int) -> tuple[str, str, str]:
        """Return the name, the output shape, and the operation with its settings."""
        each = self._rows[row]
        output = "fails" if each.failed else format_shapes(each.outputs, UNICODE)
        return _short(each.name), output, _short(f"{each.op}  {each.settings}".strip())

    def _measure_boxes(self) -> dict[int, float]:
        """Return the width of the boxes in each column."""
        widths: dict[int, float] = defaultdict(lambda: MIN_BOX_WIDTH)
        for row in self._flow.nodes:
            name, output, operation = self._labels(row)
            first_line = len(name) * BOLD_WIDTH + (len(output) + 2) * CHARACTER_WIDTH
            width = max(first_line, len(operation) * CHARACTER_WIDTH) + 20
            widths[self._column(row)] = max(widths[self._column(row)], width)
        widths[0] = max(widths[0], MIN_BOX_WIDTH)
        return dict(widths)

    def _place_columns(self) -> dict[int, float]:
        """Return the x coordinate of the centre of each column."""
        x: dict[int, float] = {}
        right = float(MARGIN)
        for column in range(max(lane.column for lane in self._lanes.lanes) + 1):
            width = self._box_width.get(column, LINE_COLUMN_WIDTH)
            x[column] = right + width / 2
            right += width + COLUMN_GAP
        return x

    def _place_levels(self) -> dict[int, float]:
        """Return the y coordinate of the top of each level. Level −1 is the input."""
        ending = defaultdict[int, int](int)
        for group in self._groups:
            above, below = self._nested(group)
            self._labels_above[group.top] = max(self._labels_above[group.top], above + 1)
            ending[group.bottom] = max(ending[group.bottom], below + 1)
        y: dict[int, float] = {}
        top = float(MARGIN + TITLE_HEIGHT)
        for level in range(NETWORK_INPUT, max(self._levels, default=NETWORK_INPUT) + 1):
            top += self._labels_above[level] * GROUP_LABEL_HEIGHT
            y[level] = top
            top += BOX_HEIGHT + GAP + ending[level] * GROUP_PADDING
        return y

    def _find_groups(self) -> list[_Group]:
        """Return the modules that get a box, outermost first. A box contains only rows inside its module."""
        groups = []
        for row, end in enumerate(self._flow.ends):
            inside = [one for one in self._flow.nodes if row < one < end]
            if len(inside) < 2:
                continue
            levels, columns = [self._levels[one] for one in inside], [self._column(one) for one in inside]
            group = _Group(self._rows[row], min(levels), max(levels), min(columns), max(columns))
            outside = set(self._flow.nodes) - set(inside)
            if not any(self._is_in(one, group) for one in outside):
                groups.append(group)
        return groups

    def _is_in(self, row: int, group: _Group) -> bool:
        return group.top <= self._levels[row] <= group.bottom and group.left <= self._column(row) <= group.right

    # Drawing

    def _draw_row(self, root: ET.Element, row: int) -> None:
        each = self._rows[row]
        name, output, operation = self._labels(row)
        macs = "unknown" if each.macs is None else f"{each.macs:,}"
        tooltip = (
            f"{each.path}: {each.op} {each.settings}\n{each.params:,} parameters, {macs} MACs, "
            f"{format_bytes(each.activation_bytes)}"
        )
        fill, outline = LAYER if each.params or each.reused else FUNCTION
        if row in self._flow.outputs:
            outline = INK
        box = self._draw_box(root, row, name, output, (fill, FAILED if each.failed else outline), tooltip)
        left, top = self._corner(row)
        _text(box, left + 10, top + 32, operation, fill=MUTED, size=11)

    def _corner(self, row: int) -> tuple[float, float]:
        column = self._column(row)
        return self._x[column] - self._box_width[column] / 2, self._y[self._level(row)]

    def _draw_box(  # noqa: PLR0913 - the texts and colours of a box
        self, root: ET.Element, row: int, name: str, output: str, colours: tuple[str, str], tooltip: str
    ) -> ET.Element:
        """Draw a box with a name and a shape. Return the element, to which more text can be added."""
        left, top = self._corner(row)
        width = self._box_width[self._column(row)]
        box = _add(root, "g")
        if tooltip:
            _add(box, "title").text = printable(tooltip.replace("\n", " · "), UNICODE)
        fill, outline = colours
        is_end = outline == INK
        _add(
            box, "rect", x=left, y=top, width=width, height=BOX_HEIGHT, rx=5, fill=fill, stroke=outline,
            **{"stroke-width": 2 if is_end else 1},
        )  # fmt: skip
        _text(box, left + 10, top + 16, name, weight="bold")
        _text(box, left + width - 10, top + 16, output, anchor="end", fill=LAYER[1])
        return box

    def _draw_group(self, root: ET.Element, group: _Group) -> None:
        """Draw a box around the rows of a module. Boxes of nested modules are smaller."""
        above, below = self._nested(group)
        outer = sum(_contains(other, group) for other in self._groups if other is not group)
        side = GROUP_PADDING + max(2 - outer, 0) * 5
        left = self._x[group.left] - self._box_width[group.left] / 2 - side
        right = self._x[group.right] + self._box_width[group.right] / 2 + side
        top = self._y[group.top] - GROUP_LABEL_HEIGHT * (above + 1)
        bottom = self._y[group.bottom] + BOX_HEIGHT + GROUP_PADDING * (below + 1)
        fill, outline = GROUP
        _add(
            root, "rect", x=left, y=top, width=right - left, height=bottom - top, rx=7, fill=fill, stroke=outline,
        )  # fmt: skip
        label = f"{group.row.name}  {group.row.op}"
        _text(root, left + 8, top + 13, _short(label), fill=MUTED, size=10)

    def _nested(self, group: _Group) -> tuple[int, int]:
        """Return how many levels of nested modules begin at the top of a module, and how many end at its bottom."""
        children = [(child, *self._nested(child)) for child in self._groups if _is_child(group, child)]
        above = max((above + 1 for child, above, _ in children if child.top == group.top), default=0)
        below = max((below + 1 for child, _, below in children if child.bottom == group.bottom), default=0)
        return above, below

    def _draw_edge(self, root: ET.Element, producer: int, consumer: int) -> None:
        start, end = self._x[self._column(producer)], self._x[self._column(consumer)]
        lane = self._x[self._lanes.of_edge[producer, consumer].column]
        first, last = self._y[self._level(producer)] + BOX_HEIGHT, self._y[self._level(consumer)]
        enter = last - self._labels_above[self._level(consumer)] * GROUP_LABEL_HEIGHT
        path = f"M{_number(start)},{_number(first)}"
        path += _line_or_curve(start, first, lane, first + GAP / 2)
        path += f" L{_number(lane)},{_number(enter - GAP / 2)}"
        path += _line_or_curve(lane, enter - GAP / 2, end, enter) + f" L{_number(end)},{_number(last)}"
        _add(root, "path", d=path, fill="none", stroke=LINE, **{"stroke-width": 1.5})


def _contains(outer: _Group, inner: _Group) -> bool:
    is_inside = inner.row.path.startswith(f"{outer.row.path}.") and inner.row.depth > outer.row.depth
    return is_inside and outer.top <= inner.top <= inner.bottom <= outer.bottom


def _is_child(outer: _Group, inner: _Group) -> bool:
    return _contains(outer, inner) and inner.row.depth == outer.row.depth + 1


def _line_or_curve(x1: float, y1: float, x2: float, y2: float) -> str:
    if x1 == x2:
        return f" L{_number(x2)},{_number(y2)}"
    middle = (y1 + y2) / 2
    return f" C{_number(x1)},{_number(middle)} {_number(x2)},{_number(middle)} {_number(x2)},{_number(y2)}"


def _add(parent: ET.Element, tag: str, **attributes: float | str) -> ET.Element:
    """Add an element. ElementTree escapes the values."""
    values = {name: value if isinstance(value, str) else _number(value) for name, value in attributes.items()}
    return ET.SubElement(parent, tag, values)


def _text(  # noqa: PLR0913 - the properties of a text
    parent: ET.Element, x: float, y: float, text: str, *, fill: str = INK, size: int = 12, weight: str = "normal",
    anchor: str = "start",
) -> None:  # fmt: skip
    style: dict[str, float | str] = {"font-size": size, "font-weight": weight, "text-anchor": anchor}
    _add(parent, "text", x=x, y=y, fill=fill, **style).text = printable(text, UNICODE)


def _short(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
