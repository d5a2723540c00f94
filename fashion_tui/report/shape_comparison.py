"""Show the shape traces of two networks side by side. Corresponding rows share a line, and differences are marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from fashion_tui.schema.shapes import ShapeRow, ShapeTable

from .formatting import format_count, format_shapes, printable
from .glyphs import Glyphs
from .shapes import visible_rows
from .style import ATTENTION, BAD, FOREGROUND, GOOD, MUTED
from .text_table import Cell, Column, can_fit, fit_columns, join_cells, table_width

ONLY_FIRST, ONLY_SECOND, DIFFERENT = "-", "+", "~"
"""Marks of rows that only one network has, and of rows that differ. They are ASCII, as in the output of diff."""

_SAME = {"view": "flatten", "reshape": "flatten", "+=": "+", "add": "+", "-=": "-", "*=": "*"}
"""Maps names of operations to names of equivalent operations. The comparison treats both as the same."""


def _operation(row: ShapeRow) -> str:
    """Return the name of the operation, which is the same for a layer and the function that it calls."""
    name = row.op.rpartition(".")[2].lower().replace("_", "")
    return _SAME.get(name, name)


_DROPPED = ((), ("MACs",), ("operation",), ("operation", "MACs"), ("operation", "MACs", "output"))
"""Titles of the columns that are dropped if the width is too small: the first of these lists with which both halves
fit."""


@dataclass(frozen=True, slots=True)
class RowPair:
    """A row of the first network and the corresponding row of the second one; None if only one network has the row."""

    first: int | None
    """Index of the row in the first table."""
    second: int | None
    """Index of the row in the second table."""
    differences: tuple[str, ...] = ()
    """What differs: `operation`, `settings`, `output`, `params` or `MACs`. Empty if a network lacks the row."""

    @property
    def mark(self) -> str:
        if self.first is None or self.second is None:
            return ONLY_SECOND if self.first is None else ONLY_FIRST
        return DIFFERENT if self.differences else " "


def match_rows(first: ShapeTable, second: ShapeTable, *, depth: int | None = None) -> list[RowPair]:
    """Return the rows of both networks in order, with corresponding rows in pairs.

    The pairs are the alignment of both sequences with the greatest total similarity (S. Needleman and C. Wunsch, 1970).
    """
    rows = [[(index, table.rows[index]) for index in visible_rows(table, depth=depth)] for table in (first, second)]
    one, other = rows
    similarity = [[_similarity(row, other_row) for _, other_row in other] for _, row in one]
    best = _best_totals(similarity, len(one), len(other))
    pairs, i, j = [], 0, 0
    while i < len(one) or j < len(other):
        if i < len(one) and j < len(other) and similarity[i][j] and best[i][j] == similarity[i][j] + best[i + 1][j + 1]:
            (index, row), (other_index, other_row) = one[i], other[j]
            pairs.append(RowPair(index, other_index, _differences(row, other_row)))
            i, j = i + 1, j + 1
        elif i < len(one) and best[i][j] == best[i + 1][j]:
            pairs.append(RowPair(one[i][0], None))
            i += 1
        else:
            pairs.append(RowPair(None, other[j][0]))
            j += 1
    return pairs


def _similarity(row: ShapeRow, other: ShapeRow) -> int:
    """Return a number that measures how much two rows have in common, or 0 if they don't correspond."""
    if _operation(row) != _operation(other):
        return 0
    same = (
        row.depth == other.depth, row.name == other.name, row.path == other.path, row.settings == other.settings,
        row.outputs == other.outputs,
    )  # fmt: skip
    layer = 3 if row.params and other.params else 0  # layers with parameters are what the user wants to compare
    return 2 + layer + sum(same)


def _best_totals(similarity: Sequence[Sequence[int]], rows: int, columns: int) -> list[list[int]]:
    """For each i and j, return the greatest total similarity between the rows from i on and the rows from j on."""
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        following, current, similar = best[i + 1], best[i], similarity[i]
        for j in range(columns - 1, -1, -1):
            current[j] = max(similar[j] + following[j + 1], following[j], current[j + 1])
    return best


def _differences(row: ShapeRow, other: ShapeRow) -> tuple[str, ...]:
    values = {
        "operation": (_operation(row), _operation(other)),
        "settings": (row.settings, other.settings),
        "output": (row.outputs, other.outputs),
        "params": (row.params, other.params),
        "MACs": (row.macs, other.macs),
    }
    return tuple(name for name, (value, other_value) in values.items() if value != other_value)


@dataclass(frozen=True, slots=True)
class ComparisonLines:
    header: list[Text]
    rows: list[Text]
    """One line for each pair."""
    footer: list[Text]


def comparison_lines(
    first: ShapeTable, second: ShapeTable, pairs: Sequence[RowPair], *, width: int, glyphs: Glyphs
) -> ComparisonLines:
    """Return the table. Each half has the columns of one network."""
    half = (width - 5) // 2  # without the mark, the rule between the halves, and the gaps
    ones = _columns(first, [pair.first for pair in pairs], pairs, glyphs)
    others = _columns(second, [pair.second for pair in pairs], pairs, glyphs)
    for dropped in _DROPPED:
        kept = [[column for column in columns if column.title not in dropped] for columns in (ones, others)]
        if all(can_fit(columns, half) for columns in kept):
            break
    halves = [fit_columns(columns, half, ()) for columns in kept]
    left_width = table_width(halves[0])

    def line(mark: Text, left: Text, right: Text, *, rule: str = glyphs.axis) -> Text:
        left.pad_right(left_width - left.cell_len)
        joined = Text.assemble(mark, " ", left, (f" {rule} ", MUTED), right, no_wrap=True)
        joined.rstrip()
        return joined

    def join(cell: Callable[[Column], Text], mark: Text) -> Text:
        return line(mark, *(join_cells([cell(column) for column in columns]) for columns in halves))

    blank = Text(" ")
    names = [Text(printable(table.model, glyphs), f"bold {FOREGROUND}") for table in (first, second)]
    names[0].truncate(left_width)
    ruled = Text(glyphs.rule * (left_width + table_width(halves[1]) + 5), MUTED)
    return ComparisonLines(
        header=[line(blank, *names), join(Column.header, blank), ruled],
        rows=[
            join(lambda column, index=index: column.line(index), Text(pair.mark, _tone(pair)))  # type: ignore[misc]
            for index, pair in enumerate(pairs)
        ],
        footer=[ruled, join(Column.footer, blank)],
    )


def comparison_summary(
    first: ShapeTable, second: ShapeTable, pairs: Sequence[RowPair], *, width: int, glyphs: Glyphs
) -> list[Text]:
    """Return the totals of both networks, on one line if they fit and else on two, and how many rows differ."""
    arrow = " → " if glyphs.unicode else " -> "
    totals = [
        Text.assemble(("parameters ", MUTED), (f"{first.total_params:,}{arrow}{second.total_params:,}", FOREGROUND)),
        Text.assemble(
            ("MACs ", MUTED), (f"{format_count(first.total_macs)}{arrow}{format_count(second.total_macs)}", FOREGROUND)
        ),
    ]
    joined = Text("   ").join(totals)
    marks = [pair.mark for pair in pairs]
    counts = [
        f"{marks.count(mark)} {text}"
        for mark, text in (
            (DIFFERENT, "differs" if marks.count(DIFFERENT) == 1 else "differ"),
            (ONLY_FIRST, "only in the first"),
            (ONLY_SECOND, "only in the second"),
        )
        if mark in marks
    ]
    if counts:
        number, text = counts[0].split(" ", 1)
        counts[0] = f"{number} {'row' if number == '1' else 'rows'} {text}"
    return [
        *([joined] if joined.cell_len <= width else totals),
        Text(", ".join(counts) or "the rows are the same", MUTED),
    ]


def _columns(
    table: ShapeTable, indices: Sequence[int | None], pairs: Sequence[RowPair], glyphs: Glyphs
) -> list[Column]:
    """Return all columns of one network."""
    rows = [
        [_cell("", pair)] * 5 if index is None else _cells(table.rows[index], pair, glyphs)
        for index, pair in zip(indices, pairs, strict=True)
    ]
    cells = list(zip(*rows, strict=True)) if rows else [()] * 5
    return [
        Column("step", cells[0], Cell("total", MUTED), max_width=24, ellipsis=glyphs.ellipsis),
        Column("operation", cells[1], max_width=19, ellipsis=glyphs.ellipsis),
        Column("output", cells[2], max_width=18, ellipsis=glyphs.ellipsis),
        Column("params", cells[3], Cell(f"{table.total_params:,}", FOREGROUND), right=True),
        Column("MACs", cells[4], Cell(format_count(table.total_macs), FOREGROUND), right=True),
    ]


def _cells(row: ShapeRow, pair: RowPair, glyphs: Glyphs) -> list[Cell]:
    macs = "?" if row.macs is None else format_count(row.macs) if row.macs else glyphs.dot
    return [
        _cell("  " * row.depth + printable(row.name, glyphs), pair, plain=FOREGROUND),
        _cell(printable(f"{row.op} {row.settings}".strip(), glyphs), pair, "operation", "settings"),
        _cell("fails" if row.failed else format_shapes(row.outputs, glyphs), pair, "output"),
        _cell(f"{row.params:,}" if row.params else glyphs.dot, pair, "params"),
        _cell(macs, pair, "MACs"),
    ]


def _cell(text: str, pair: RowPair, *names: str, plain: str = MUTED) -> Cell:
    """Return a cell. If one of the values with these names differs, the cell has the colour of the row."""
    is_marked = pair.mark in {ONLY_FIRST, ONLY_SECOND} or any(name in pair.differences for name in names)
    return Cell(text, _tone(pair) if is_marked else plain)


def _tone(pair: RowPair) -> str:
    return {ONLY_FIRST: BAD, ONLY_SECOND: GOOD, DIFFERENT: ATTENTION}.get(pair.mark, MUTED)


@dataclass(frozen=True, slots=True)
class ComparisonReport:
    """A renderable with the table and a summary. It is as wide as the console."""

    first: ShapeTable
    second: ShapeTable
    pairs: Sequence[RowPair]
    glyphs: Glyphs

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = comparison_lines(self.first, self.second, self.pairs, width=options.max_width, glyphs=self.glyphs)
        text = Text("\n", no_wrap=True, overflow="crop").join([*lines.header, *lines.rows, *lines.footer])
        text.no_wrap, text.overflow = True, "crop"
        yield text
        yield Text()
        yield from comparison_summary(self.first, self.second, self.pairs, width=options.max_width, glyphs=self.glyphs)
