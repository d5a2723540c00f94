"""Draw how data flows between the rows of the shape table, as lines in its margin, like `git log --graph`."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from fashion_tui.schema.shapes import NETWORK_INPUT, ShapeTable

from .data_flow import DataFlow, Lane, Lanes, data_flow, find_lanes
from .glyphs import Glyphs
from .style import ACCENT, MUTED

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class _Lines:
    """The glyphs of lines, keyed by the directions in which they leave a cell."""

    single: Mapping[int, str]
    shared: Mapping[int, str]
    """Glyphs for the last column, if several lines share it."""


_UNICODE = _Lines(
    {
        UP | DOWN: "│", UP: "│", DOWN: "│", LEFT | RIGHT: "─", DOWN | LEFT: "╮", DOWN | RIGHT: "╭", UP | LEFT: "╯",
        UP | RIGHT: "╰", UP | DOWN | LEFT: "┤", UP | DOWN | RIGHT: "├", UP | LEFT | RIGHT: "┴",
        DOWN | LEFT | RIGHT: "┬", UP | DOWN | LEFT | RIGHT: "┼",
    },
    {UP | DOWN: "║", UP: "║", DOWN: "║", UP | DOWN | LEFT: "╢", DOWN | LEFT: "╖", UP | LEFT: "╜"},
)  # fmt: skip
_ASCII = _Lines(
    {
        UP | DOWN: "|", UP: "|", DOWN: "|", LEFT | RIGHT: "-", DOWN | LEFT: ".", DOWN | RIGHT: ".", UP | LEFT: "'",
        UP | RIGHT: "'", UP | DOWN | LEFT: "+", UP | DOWN | RIGHT: "+", UP | LEFT | RIGHT: "+",
        DOWN | LEFT | RIGHT: "+", UP | DOWN | LEFT | RIGHT: "+",
    },
    {UP | DOWN: "#", UP: "#", DOWN: "#", UP | DOWN | LEFT: "#", DOWN | LEFT: "#", UP | LEFT: "#"},
)  # fmt: skip

COLUMNS_PER_LANE = 2
MIN_WIDTH = 40
"""Minimum width of the terminal, in columns, for drawing the margin."""
MIN_LANES = 3
"""Minimum number of columns for lines in the margin."""
TERMINAL_COLUMNS_PER_LANE = 16
"""The margin has one column for lines per this many columns of the terminal. Further lines share the last column."""


@dataclass(frozen=True, slots=True)
class Rail:
    """The lines in the margin. Rows are identified by their position among the shown rows."""

    flow: DataFlow
    glyphs: Glyphs
    cells: tuple[tuple[str, ...], ...]
    """The characters of each row. All rows are empty if the network is a chain without branches."""
    nodes: dict[int, int]
    """The column of each row's node. Unfolded modules have no node."""
    edges: dict[tuple[int, int], frozenset[tuple[int, int]]]
    """The cells (row and column) of the line from each producer to each of its consumers."""

    @property
    def width(self) -> int:
        return len(self.cells[0]) if self.cells else 0

    def lines(self, chosen: int | None = None) -> list[Text]:
        """Return the margin of each row.

        The lines between the row `chosen` and its producers and consumers are highlighted, and the nodes of these rows
        have a different glyph.
        """
        lit, neighbours = self._lit_cells(chosen), self.neighbours(chosen)
        margins = []
        for row, cells in enumerate(self.cells):
            margin = Text("".join(cells), MUTED, no_wrap=True)
            if row in neighbours and row in self.nodes:
                node = self.nodes[row]
                margin = Text("".join((*cells[:node], self.glyphs.neighbour, *cells[node + 1 :])), MUTED, no_wrap=True)
            for column in lit.get(row, ()):
                margin.stylize(ACCENT, column, column + 1)
            margins.append(margin)
        return margins

    def neighbours(self, row: int | None) -> Collection[int]:
        """Return the producers and consumers of a row, or nothing if the network is a chain without branches."""
        if row is None or not self.width:
            return ()
        return {*self.flow.producers[row], *self.flow.consumers(row)}  # NETWORK_INPUT matches no row

    def _lit_cells(self, chosen: int | None) -> dict[int, set[int]]:
        """Return the columns of the highlighted cells in each row."""
        lit: dict[int, set[int]] = {}
        inside = range(0) if chosen is None else range(chosen, self.flow.ends[chosen])
        for (producer, consumer), cells in self.edges.items():
            if (producer in inside) != (consumer in inside):
                for row, column in cells:
                    lit.setdefault(row, set()).add(column)
        return lit


def draw_rail(table: ShapeTable, shown: Sequence[int], *, width: int, glyphs: Glyphs) -> Rail:
    """Draw the rail for the rows with the indices `shown`, in a terminal of `width` columns.

    The margin of a row is blank if the row takes only the output of the row above it and passes its own output only to
    the row below it. If the terminal is narrower than MIN_WIDTH, all margins are empty.
    """
    flow = data_flow(table, shown)
    if width < MIN_WIDTH:
        return Rail(flow, glyphs, ((),) * len(shown), {}, {})
    lanes = find_lanes(flow, range(len(shown)))
    return _Drawing(flow, lanes, max(width // TERMINAL_COLUMNS_PER_LANE, MIN_LANES), glyphs).rail()


class _Drawing:
    """Collects the lines that meet in each cell."""

    def __init__(self, flow: DataFlow, lanes: Lanes, max_lanes: int, glyphs: Glyphs) -> None:
        self._flow = flow
        self._lanes = lanes
        self._max_lanes = max_lanes
        self._glyphs = glyphs
        self._lines = _UNICODE if glyphs.unicode else _ASCII
        self._beside = [
            [lane for lane in lanes.lanes if lane.start <= row <= lane.end] for row in range(len(flow.producers))
        ]

    def rail(self) -> Rail:
        drawn = self._drawn_rows()
        width = 1 + max(self._x(lane) for row in drawn for lane in self._beside[row]) if drawn else 0
        blank = (" ",) * width
        cells = [self._row_cells(row, width) if row in drawn else blank for row in range(len(self._beside))]
        nodes = {row: self._x(lane) for row, lane in self._lanes.of_row.items()}
        edges = {edge: frozenset(self._edge_cells(*edge)) for edge in self._lanes.of_edge} if width else {}
        return Rail(self._flow, self._glyphs, tuple(cells), nodes, edges)

    def _drawn_rows(self) -> set[int]:
        """Return the rows whose margin isn't blank: those that a line passes, or whose neighbours aren't adjacent."""
        drawn, previous, outlines = set[int](), NETWORK_INPUT, list[int]()
        for row, beside in enumerate(self._beside):
            is_node = row in self._lanes.of_row
            skips = is_node and not {previous}.issuperset(self._flow.producers[row])
            if len(beside) > 1 or skips:
                drawn |= {row, *outlines}
            if skips:
                drawn |= {one for one in self._flow.producers[row] if one != NETWORK_INPUT}
            outlines = [] if is_node else [*outlines, row]
            previous = row if is_node else previous
        return drawn

    def _x(self, lane: Lane) -> int:
        return min(lane.column, self._max_lanes - 1) * COLUMNS_PER_LANE

    def _row_cells(self, row: int, width: int) -> tuple[str, ...]:
        directions = [0] * width
        sharing = Counter(map(self._x, self._beside[row]))
        for beside in self._beside[row]:
            directions[self._x(beside)] |= (UP if beside.start < row else 0) | (DOWN if row < beside.end else 0)
        lane = self._lanes.of_row.get(row)
        if lane is None:  # an unfolded module
            return tuple(self._glyph(vertical, sharing[x]) for x, vertical in enumerate(directions))
        node = self._x(lane)
        connected = {x for x in self._connections(row) if x != node}
        left, right = min((node, *connected)), max((node, *connected))
        cells = []
        for x, vertical in enumerate(directions):
            horizontal = (LEFT if left < x <= right else 0) | (RIGHT if left <= x < right else 0)
            if x == node:
                cells.append(self._glyphs.node)
            elif vertical and x not in connected:  # a horizontal line passes behind it
                cells.append(self._glyph(vertical, sharing[x]))
            else:
                cells.append(self._glyph(vertical | horizontal, sharing[x]))
        return tuple(cells)

    def _glyph(self, directions: int, sharing: int) -> str:
        lines = self._lines.shared if sharing > 1 else self._lines.single
        return lines.get(directions, " ")

    def _connections(self, row: int) -> set[int]:
        """Return the columns of all lines that are connected to a row's node."""
        edges = self._lanes.of_edge
        arriving = [edges[producer, row] for producer in self._flow.node_producers(row)]
        starting = [lane for (producer, _), lane in edges.items() if producer == row]
        return {self._x(lane) for lane in (*arriving, *starting)}

    def _edge_cells(self, producer: int, consumer: int) -> set[tuple[int, int]]:
        x = self._x(self._lanes.of_edge[producer, consumer])
        cells = {(row, x) for row in range(max(producer, 0), consumer + 1)}
        for row in (producer, consumer):
            if row >= 0:
                node = self._x(self._lanes.of_row[row])
                cells |= {(row, column) for column in range(min(x, node), max(x, node) + 1)}
        return cells
