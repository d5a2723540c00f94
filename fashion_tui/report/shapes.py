"""Show the shape trace of a network: the shapes on one line (the strip), a table of the calls, and notes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from fashion_tui.schema.inputs import InputSpec
from fashion_tui.schema.shapes import Remark, ShapeTable

from .formatting import format_bytes, format_inputs, format_shape, format_shapes, printable
from .glyphs import Glyphs, terminal_glyphs
from .rail import Rail, draw_rail
from .shape_columns import MIN_BAR_WIDTH, OPTIONAL_TITLES, SHARE, are_sums, shape_columns, share_column
from .style import ACCENT, ATTENTION, BAD, FOREGROUND, GOOD, MUTED
from .text_table import fit_columns, join_cells, table_width

DEFAULT_WIDTH = 100
MAX_BAR_WIDTH = 20
_DROP_ORDER = ("%", "#", SHARE, "operation", "kernel", "input", "MACs", "backward", "forward", "params")
"""Titles of columns, in the order in which the columns are dropped if the width is too small."""
_DROP_ORDER_NUMBERED = ("%", "#", SHARE, "input", "kernel", "operation", "MACs", "backward", "forward", "params")
"""The order for a network whose modules have numbers as names, as in nn.Sequential. It keeps `operation` longer."""
_SHORT_NAMES = {"max_pool2d": "pool", "avg_pool2d": "pool", "adaptive_avg_pool2d": "pool"}
"""Short names of functions in the strip."""


@dataclass(frozen=True, slots=True)
class ShapeLines:
    """The lines of the table. `rows` contains one line for each index from `visible_rows`, in the same order."""

    header: list[Text]
    rows: list[Text]
    footer: list[Text]
    rail: Rail
    """How data flows between the rows, to be shown to the left of the rows."""


@dataclass(frozen=True, slots=True)
class ShapeReport:
    """A renderable with the strip, the table and the notes. It is as wide as the console."""

    table: ShapeTable
    depth: int | None
    columns: Collection[str] | None
    glyphs: Glyphs

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        yield shape_strip(self.table, width=width, glyphs=self.glyphs)
        yield Text()
        lines = shape_lines(self.table, width=width, depth=self.depth, columns=self.columns, glyphs=self.glyphs)
        rows = list(map(join_margin, lines.rail.lines(), lines.rows))
        margin = Text(" " * lines.rail.width)
        header, footer = ([join_margin(margin, line) for line in part] for part in (lines.header, lines.footer))
        yield _join_lines([*header, *rows, *footer])
        yield Text()
        yield shape_notes(self.table, glyphs=self.glyphs)


def shape_report(
    table: ShapeTable,
    *,
    depth: int | None = None,
    columns: Collection[str] | None = None,
    glyphs: Glyphs | None = None,
) -> ShapeReport:
    """Return the output of `fashion-tui shapes`.

    If `depth` is 1, only the calls of the network itself are shown. If `depth` is 2, the calls of its modules are also
    shown, and so on. `columns` are titles from `COLUMN_TITLES`. By default, as many columns as fit are shown.
    """
    return ShapeReport(table, depth, columns, glyphs or terminal_glyphs())


def shape_lines(  # noqa: PLR0913 - each is an independent choice
    table: ShapeTable,
    *,
    width: int = DEFAULT_WIDTH,
    depth: int | None = None,
    folded: Collection[str] = (),
    columns: Collection[str] | None = None,
    glyphs: Glyphs | None = None,
) -> ShapeLines:
    """Return the header, a line for each visible row, and the totals. A line with its margin fits in `width`."""
    glyphs = glyphs or terminal_glyphs()
    shown = visible_rows(table, depth=depth, folded=folded)
    rail = draw_rail(table, shown, width=width, glyphs=glyphs)
    width -= rail.width and rail.width + 1
    is_numbered = any(table.rows[index].name.isdigit() for index in shown)
    available = shape_columns(table, shown, glyphs)
    if columns is None:
        default = [column for column in available if column.title not in OPTIONAL_TITLES]
        fitting = fit_columns(default, width, _DROP_ORDER_NUMBERED if is_numbered else _DROP_ORDER)
    else:
        fitting = fit_columns([column for column in available if column.title in columns], width, ())
    if fitting[-1].title == SHARE:
        bar_width = min(width - table_width(fitting) + MIN_BAR_WIDTH, MAX_BAR_WIDTH)
        fitting[-1] = share_column(table, shown, glyphs, bar_width)
    rule = Text(glyphs.rule * table_width(fitting), style=MUTED)
    return ShapeLines(
        header=[join_cells([column.header() for column in fitting]), rule],
        rows=[join_cells([column.line(index) for column in fitting]) for index in range(len(shown))],
        footer=[rule, join_cells([column.footer() for column in fitting])],
        rail=rail,
    )


def join_margin(margin: Text, line: Text) -> Text:
    """Return the line with its margin, if there is one."""
    return margin + Text(" ") + line if margin else line


def visible_rows(table: ShapeTable, *, depth: int | None = None, folded: Collection[str] = ()) -> list[int]:
    """Return the indices of the rows down to `depth`, except rows inside a module whose path is in `folded`."""
    shown = []
    folded_depth: int | None = None
    for index, row in enumerate(table.rows):
        if folded_depth is not None and row.depth > folded_depth:
            continue
        is_deepest = depth is not None and row.depth + 1 >= depth
        folded_depth = row.depth if row.path in folded or is_deepest else None
        shown.append(index)
    return shown


def shape_strip(table: ShapeTable, *, width: int = DEFAULT_WIDTH, glyphs: Glyphs | None = None) -> Text:
    """Return the shapes on one line, with the names of the calls between them if they fit."""
    glyphs = glyphs or terminal_glyphs()
    deepest = max((row.depth for row in table.rows), default=0)
    for depth in range(1, deepest + 2):
        items = _strip_items(table, visible_rows(table, depth=depth), glyphs)
        if len(items) > 3:
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


def shape_notes(table: ShapeTable, *, glyphs: Glyphs | None = None) -> Text:
    """Return the totals, the warnings and the fix, but not the error, which the command line prints to stderr."""
    glyphs = glyphs or terminal_glyphs()
    frozen = table.total_params - table.trainable_params
    trainable = "all trainable" if frozen == 0 else f"{frozen:,} of them frozen"
    facts = [f"{table.total_params:,} parameters, {trainable}"] if table.total_params else ["no parameters"]
    facts.append(f"{format_bytes(table.activation_bytes)} of activations per sample")
    facts += [f"timed on {table.timed_on} with batches of {table.timed_batch}"] if table.timed_on else []
    if any(map(_is_special, table.inputs)):
        facts.append(f"input{'s' * (len(table.inputs) > 1)} {format_inputs(table.inputs, glyphs)}")
    if table.error is None:
        facts += ["simulated"] if table.ran == "meta" else []
        facts += [] if table.samples_compared else ["samples not compared"]
        facts += [f"from a pass with {table.batch} samples"] if table.batch > 1 and table.ran == "real" else []
    lines = [Text(f" {glyphs.dot} ".join(facts), style=MUTED)]
    if table.unused:
        names = printable(", ".join(table.unused), glyphs)
        never = table.unused_params - sum(part.params for part in table.not_used_in_pass)
        lines.append(Text(f"! never used: {names} ({never:,} parameters)", style=ATTENTION))
    for reason in dict.fromkeys(part.reason for part in table.not_used_in_pass):
        parts = [part for part in table.not_used_in_pass if part.reason == reason]
        names, count = ", ".join(part.name for part in parts), sum(part.params for part in parts)
        line = f"not used in this pass: {names} ({count:,} parameters): {reason}"
        lines.append(Text(printable(line, glyphs), style=MUTED))
    lines += [Text(f"! {printable(remark_line(table, remark), glyphs)}", style=ATTENTION) for remark in table.remarks]
    if table.fix is not None:
        lines.append(Text(f"  fix for line {table.fix.line}: {printable(table.fix.new, glyphs)}", style=GOOD))
    return Text("\n").join(lines)


def _is_special(spec: InputSpec) -> bool:
    """Return whether an input must be described in full, because the strip shows only the shape of one sample."""
    return spec.dtype != "float32" or not spec.batched


def remark_line(table: ShapeTable, remark: Remark) -> str:
    """Return the remark, preceded by the name of its row."""
    if remark.row is None:
        return remark.text
    row = table.rows[remark.row]
    return f"{row.path or row.name}: {remark.text}"


StripItem = tuple[str, str]
"""An item of the strip: the name of a call and the shape of its output."""


def _strip_items(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs) -> list[StripItem]:
    """Return items for the inputs, each call that changes the shape, and the output or the call that fails."""
    items = [("", " + ".join(format_shape(spec.shape, glyphs) for spec in table.inputs))]
    for index, is_sum in zip(shown, are_sums(table, shown), strict=True):
        row = table.rows[index]
        shape = format_shape(row.outputs[0], glyphs) if row.outputs else ""
        if not is_sum and shape and shape != items[-1][1]:
            items.append((_SHORT_NAMES.get(row.name, row.name), shape))
    if table.error is not None:
        failed = next((row.name for row in reversed(table.rows) if row.failed), None)
        return items if failed is None else [*items, (failed, glyphs.bad)]
    output = format_shapes(table.outputs, glyphs) or "no tensors"
    if output != items[-1][1]:
        is_first_of_several = len(items) > 1 and output.startswith(f"{items[-1][1]} +")
        items = [*items[:-1], (items[-1][0], output)] if is_first_of_several else [*items, ("output", output)]
    return items


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


def _join_lines(lines: Sequence[Text]) -> Text:
    text = Text("\n", no_wrap=True, overflow="crop").join(lines)
    text.no_wrap, text.overflow = True, "crop"
    return text
