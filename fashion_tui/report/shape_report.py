"""The output of `fashion-tui shapes`: the shapes on one line (the strip), a table of the calls, and notes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from fashion_tui.schema.shapes import ShapeTable

from .glyphs import Glyphs, terminal_glyphs
from .shape_strip import shape_strip
from .shapes import join_margin, shape_lines, shape_notes


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


def _join_lines(lines: Sequence[Text]) -> Text:
    text = Text("\n", no_wrap=True, overflow="crop").join(lines)
    text.no_wrap, text.overflow = True, "crop"
    return text
