"""Show the calls of a network as a table, and notes about the network."""

from collections.abc import Collection
from dataclasses import dataclass

from rich.text import Text

from fashion_tui.schema.inputs import InputSpec
from fashion_tui.schema.shapes import Remark, ShapeTable

from .formatting import format_bytes, format_inputs, printable
from .glyphs import Glyphs, terminal_glyphs
from .rail import Rail, draw_rail
from .shape_columns import MIN_BAR_WIDTH, OPTIONAL_TITLES, SHARE, shape_columns, share_column
from .style import ATTENTION, GOOD, MUTED
from .text_table import fit_columns, join_cells, table_width

DEFAULT_WIDTH = 100
MAX_BAR_WIDTH = 20
_DROP_ORDER = ("%", "#", SHARE, "operation", "kernel", "input", "MACs", "backward", "forward", "params")
"""Titles of columns, in the order in which the columns are dropped if the width is too small."""
_DROP_ORDER_NUMBERED = ("%", "#", SHARE, "input", "kernel", "operation", "MACs", "backward", "forward", "params")
"""The order for a network whose modules have numbers as names, as in nn.Sequential. It keeps `operation` longer."""


@dataclass(frozen=True, slots=True)
class ShapeLines:
    """The lines of the table. `rows` contains one line for each index from `visible_rows`, in the same order."""

    header: list[Text]
    rows: list[Text]
    footer: list[Text]
    rail: Rail
    """How data flows between the rows, to be shown to the left of the rows."""


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


def shape_notes(table: ShapeTable, *, glyphs: Glyphs | None = None) -> Text:
    """Return the totals, the warnings and the fix, but not the error, which the command line prints to stderr."""
    glyphs = glyphs or terminal_glyphs()
    frozen = table.total_params - table.trainable_params
    trainable = "all trainable" if frozen == 0 else f"{frozen:,} of them frozen"
    facts = [f"{table.total_params:,} parameters, {trainable}"] if table.total_params else ["no parameters"]
    facts.append(f"{format_bytes(table.activation_bytes)} of activations per sample")
    facts += [f"timed on {table.timed_on} with batches of {table.timed_batch}"] if table.timed_on else []
    if len(table.inputs) > 1 or any(map(_is_special, table.inputs)):
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
    """Return whether an input needs a description, because the shape of one sample isn't enough."""
    return spec.dtype != "float32" or not spec.batched


def remark_line(table: ShapeTable, remark: Remark) -> str:
    """Return the remark, preceded by the name of its row."""
    if remark.row is None:
        return remark.text
    row = table.rows[remark.row]
    return f"{row.path or row.name}: {remark.text}"
