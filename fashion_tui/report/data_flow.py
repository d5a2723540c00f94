"""How data flows between the shown rows of a shape table."""

from collections.abc import Sequence
from dataclasses import dataclass

from fashion_tui.schema.shapes import NETWORK_INPUT, ShapeTable


@dataclass(frozen=True, slots=True)
class DataFlow:
    """The flow of data between the shown rows.

    A row is identified by its position among the shown rows. NETWORK_INPUT stands for the input of the network.
    """

    producers: tuple[tuple[int, ...], ...]
    """For each row, the rows whose output it takes. A folded module also takes what the calls inside it take."""
    ends: tuple[int, ...]
    """For each row, the position after the last row inside it. A row is unfolded if this isn't the next position."""
    outputs: tuple[int, ...]
    """The rows that produce the outputs of the network."""

    @property
    def nodes(self) -> list[int]:
        """The rows except unfolded modules, whose calls have rows of their own."""
        return [row for row, end in enumerate(self.ends) if end == row + 1]

    def node_producers(self, row: int) -> tuple[int, ...]:
        """Return the rows whose output a row takes, or nothing for an unfolded module."""
        return self.producers[row] if self.ends[row] == row + 1 else ()

    def consumers(self, row: int) -> list[int]:
        """Return the rows that take the output of a row or, if it is an unfolded module, of a row inside it."""
        inside = range(row, self.ends[row])
        return [
            other for other in self.nodes if other not in inside and any(one in inside for one in self.producers[other])
        ]


def data_flow(table: ShapeTable, shown: Sequence[int]) -> DataFlow:
    """Return the flow between the rows with the indices `shown`."""
    position = row_positions(table, shown)
    producers: list[list[int]] = [[] for _ in shown]
    for index, row in enumerate(table.rows):
        for producer in row.producers:
            if producer is not None:
                origin = NETWORK_INPUT if producer == NETWORK_INPUT else position[producer]
                if origin != position[index]:
                    producers[position[index]].append(origin)
    outputs = [position[index] for index in table.output_producers if index is not None and index != NETWORK_INPUT]
    return DataFlow(
        producers=tuple(tuple(dict.fromkeys(origins)) for origins in producers),
        ends=tuple(_end(table, shown, row) for row in range(len(shown))),
        outputs=tuple(dict.fromkeys(outputs)),
    )


def row_positions(table: ShapeTable, shown: Sequence[int]) -> list[int]:
    """Return the position of each of the table's rows. A hidden row has the position of the folded module around it."""
    position_of = {index: position for position, index in enumerate(shown)}
    positions, last = [], 0
    for index in range(len(table.rows)):
        last = position_of.get(index, last)
        positions.append(last)
    return positions


def _end(table: ShapeTable, shown: Sequence[int], row: int) -> int:
    depth, end = table.rows[shown[row]].depth, row + 1
    while end < len(shown) and table.rows[shown[end]].depth > depth:
        end += 1
    return end


@dataclass(slots=True, eq=False)
class Lane:
    """A vertical line that carries one value at a time, from the level `start` to the level `end`."""

    start: int
    end: int
    column: int = 0


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lines along which data flows. Lines that overlap vertically are in different columns."""

    lanes: list[Lane]
    of_row: dict[int, Lane]
    """Maps each row to the line that its node is on."""
    of_edge: dict[tuple[int, int], Lane]
    """Maps each pair of a producer and one of its consumers to the line between them."""


def find_lanes(flow: DataFlow, levels: Sequence[int]) -> Lanes:
    """Arrange the rows in columns, so that skip connections are beside the rows that they skip.

    `levels` contains the level of each row, counted from the top. Each row is below its producers. A row is placed on
    the oldest of the lines that end at it, or on a new line if there is none. If several rows take the output of a row,
    one of them gets it on the same line: the first one from which data flows to the last row. A new line carries the
    output to the other rows.
    """
    order = sorted(flow.nodes, key=lambda row: (levels[row], row))
    main, others = _main_and_other_consumers(flow, order)
    found = Lanes([], {}, {})

    def new_lane(start: int, end: int) -> Lane:
        found.lanes.append(Lane(start, end))
        return found.lanes[-1]

    def place(row: int, level: int, lane: Lane) -> None:
        found.of_row[row] = lane
        if row in main:
            lane.end = levels[main[row]]
            found.of_edge[row, main[row]] = lane
        if others[row]:
            side = new_lane(level, levels[others[row][-1]])
            found.of_edge.update({(row, consumer): side for consumer in others[row]})

    place(NETWORK_INPUT, NETWORK_INPUT, new_lane(NETWORK_INPUT, NETWORK_INPUT))
    for row in order:
        ending = [
            found.of_edge[producer, row]
            for producer in flow.node_producers(row)
            if row in {main[producer], *others[producer][-1:]}
        ]
        oldest = min(ending, key=found.lanes.index, default=None)
        place(row, levels[row], new_lane(levels[row], levels[row]) if oldest is None else oldest)
    _assign_columns(found.lanes)
    return found


def _main_and_other_consumers(flow: DataFlow, order: Sequence[int]) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Return each row's first consumer from which data flows to the last row, and the other consumers in order."""
    consumers: dict[int, list[int]] = {NETWORK_INPUT: [], **{row: [] for row in order}}
    for row in order:
        for producer in flow.node_producers(row):
            consumers[producer].append(row)
    leads_to_last: set[int] = set(order[-1:])
    for row in reversed(order):
        if leads_to_last.intersection(consumers[row]):
            leads_to_last.add(row)
    main = {
        row: next((one for one in several if one in leads_to_last), several[0])
        for row, several in consumers.items()
        if several
    }
    return main, {row: [one for one in several if one != main[row]] for row, several in consumers.items()}


def _assign_columns(lanes: Sequence[Lane]) -> None:
    """Assign overlapping lines to different columns, shorter ones farther left, so that nested lines don't cross."""
    first, *others = lanes
    placed = [first]
    for lane in sorted(others, key=lambda lane: (lane.end - lane.start, lane.start)):
        taken = {other.column for other in placed if other.start <= lane.end and lane.start <= other.end}
        lane.column = next(column for column in range(1, len(lanes) + 1) if column not in taken)
        placed.append(lane)
