"""The way of a tensor through a network, as a table and as a strip."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from fashion_tui.schema.shapes import ShapeTable

from .formatting import format_bytes, format_shape, printable
from .glyphs import Glyphs, terminal_glyphs
from .shape_columns import BARS, LEAST_BAR, ON_REQUEST, bars, shape_columns, sums
from .style import ACCENT, ATTENTION, BAD, FOREGROUND, MUTED
from .text_table import fitted, joined, width_of

DEFAULT_WIDTH = 100
_LEAVING = ("%", "#", "share", "operation", "kernel", "input", "MACs", "backward", "forward", "params")
"""Columns in the order in which they leave where room is scarce."""
_LEAVING_NUMBERED = ("%", "#", "share", "input", "kernel", "operation", "MACs", "backward", "forward", "params")
"""The same where steps have numbers for names, as in nn.Sequential: there the operation says what they are."""
_WIDEST_BAR = 20
_SHORTER = {"max_pool2d": "pool", "avg_pool2d": "pool", "adaptive_avg_pool2d": "pool"}
"""Names of steps in the strip."""


@dataclass(frozen=True, slots=True)
class ShapeLines:
    """The table, line by line. `rows` has one for each of `visible_rows`, in their order."""

    header: list[Text]
    rows: list[Text]
    footer: list[Text]


@dataclass(frozen=True, slots=True)
class ShapeReport:
    """Strip, table, and what there is to say about them; as wide as what it is printed on."""

    table: ShapeTable
    depth: int | None
    columns: Collection[str] | None
    glyphs: Glyphs

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        yield shape_strip(self.table, width=width, glyphs=self.glyphs)
        yield Text()
        lines = shape_lines(self.table, width=width, depth=self.depth, columns=self.columns, glyphs=self.glyphs)
        yield _joined([*lines.header, *lines.rows, *lines.footer])
        yield Text()
        yield shape_notes(self.table, glyphs=self.glyphs)


def shape_report(
    table: ShapeTable,
    *,
    depth: int | None = None,
    columns: Collection[str] | None = None,
    glyphs: Glyphs | None = None,
) -> ShapeReport:
    """What `fashion-tui shapes` prints.

    With `depth` 1 only the steps of the network itself are shown, and so on. `columns` are some of
    `shape_columns.TITLES`; without them as many are shown as there is room for.
    """
    return ShapeReport(table, depth, columns, glyphs or terminal_glyphs())


def shape_lines(  # noqa: PLR0913 - each is a choice of who shows it
    table: ShapeTable,
    *,
    width: int = DEFAULT_WIDTH,
    depth: int | None = None,
    folded: Collection[str] = (),
    columns: Collection[str] | None = None,
    glyphs: Glyphs | None = None,
) -> ShapeLines:
    """Header, a line for each step, and totals, none wider than `width`: a pane scrolls the rows under their header."""
    glyphs = glyphs or terminal_glyphs()
    shown = visible_rows(table, depth=depth, folded=folded)
    numbered = any(table.rows[index].name.isdigit() for index in shown)
    every = shape_columns(table, shown, glyphs)
    if columns is None:
        usual = [column for column in every if column.title not in ON_REQUEST]
        shows = fitted(usual, width, _LEAVING_NUMBERED if numbered else _LEAVING)
    else:
        shows = fitted([column for column in every if column.title in columns], width, ())
    if shows[-1].title == BARS:
        shows[-1] = bars(table, shown, glyphs, min(width - width_of(shows) + LEAST_BAR, _WIDEST_BAR))
    rule = Text(glyphs.rule * width_of(shows), style=MUTED)
    return ShapeLines(
        header=[joined([column.header() for column in shows]), rule],
        rows=[joined([column.line(number) for column in shows]) for number in range(len(shown))],
        footer=[rule, joined([column.footer() for column in shows])],
    )


def visible_rows(table: ShapeTable, *, depth: int | None = None, folded: Collection[str] = ()) -> list[int]:
    """Which rows are shown: those down to `depth`, and none below a module whose path is in `folded`."""
    shown = []
    closed: int | None = None
    for index, row in enumerate(table.rows):
        if closed is not None and row.depth > closed:
            continue
        too_deep = depth is not None and row.depth + 1 >= depth
        closed = row.depth if row.path in folded or too_deep else None
        shown.append(index)
    return shown


def shape_strip(table: ShapeTable, *, width: int = DEFAULT_WIDTH, glyphs: Glyphs | None = None) -> Text:
    """One line: the shapes on the way, with the names of the steps between them as far as there is room."""
    glyphs = glyphs or terminal_glyphs()
    deepest = max((row.depth for row in table.rows), default=0)
    for depth in range(1, deepest + 2):
        stations = _stations(table, visible_rows(table, depth=depth), glyphs)
        if len(stations) > 3:
            break
    strip = _strip(stations, glyphs, named=True)
    if strip.cell_len > width:
        strip = _strip(stations, glyphs, named=False)
    while strip.cell_len > width and len(stations) > 3:
        middle = len(stations) // 2
        stations[middle - 1 : middle + 1] = [("", glyphs.ellipsis)]
        strip = _strip(stations, glyphs, named=False)
    strip.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return strip


def shape_notes(table: ShapeTable, *, glyphs: Glyphs | None = None) -> Text:
    """What the columns don't say; where the network fails, why."""
    glyphs = glyphs or terminal_glyphs()
    frozen = table.total_params - table.trainable_params
    trained = "all trained" if frozen == 0 else f"{frozen:,} of them frozen"
    facts = [f"{table.total_params:,} parameters, {trained}"] if table.total_params else ["no parameters"]
    facts.append(f"{format_bytes(table.activation_bytes)} of activations for one sample")
    facts += [f"timed on {table.timed_on} with batches of {table.timed_batch}"] if table.timed_on else []
    facts += ["computed on the CPU, since its code asks for values"] if table.traced_on == "cpu" else []
    lines = [Text(f" {glyphs.dot} ".join(facts), style=MUTED)]
    if table.unused:
        names = printable(", ".join(table.unused), glyphs)
        lines.append(Text(f"! never used: {names} ({table.unused_params:,} parameters)", style=ATTENTION))
    lines += [Text(f"! {printable(warning, glyphs)}", style=ATTENTION) for warning in table.warnings]
    if table.error is not None:
        where = f"  (line {table.error_line} of {PurePath(table.error_file or '').name})" if table.error_line else ""
        lines.append(
            Text(f"{glyphs.bad} {printable(table.error, glyphs)}", style=BAD)
            + Text(printable(where, glyphs), style=MUTED)
        )
    return Text("\n").join(lines)


def _stations(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs) -> list[tuple[str, str]]:
    """Each step that changes the shape, and the shape after it; before the first of them the input."""
    stations = [("", format_shape(table.inputs[0], glyphs))]
    for index, is_sum in zip(shown, sums(table, shown), strict=True):
        row = table.rows[index]
        shape = format_shape(row.outputs[0], glyphs) if row.outputs else ""
        if not is_sum and shape and shape != stations[-1][1]:
            stations.append((_SHORTER.get(row.name, row.name), shape))
    failed = next((row.name for row in reversed(table.rows) if row.failed), None)
    return stations if failed is None else [*stations, (failed, glyphs.bad)]


def _strip(stations: Sequence[tuple[str, str]], glyphs: Glyphs, *, named: bool) -> Text:
    strip = Text(no_wrap=True)
    for place, (name, shape) in enumerate(stations):
        if place:
            strip.append(f" {glyphs.rule} ", MUTED)
            if named:
                strip.append(printable(name, glyphs), MUTED).append(f" {glyphs.rule} ", MUTED)
        strip.append(shape, BAD if shape == glyphs.bad else ACCENT if place in {0, len(stations) - 1} else FOREGROUND)
    return strip


def _joined(lines: Sequence[Text]) -> Text:
    text = Text("\n", no_wrap=True, overflow="crop").join(lines)
    text.no_wrap, text.overflow = True, "crop"
    return text
