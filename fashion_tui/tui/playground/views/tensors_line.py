"""The tensors in one line, where there is no room for a table."""

from rich.text import Text
from textual.app import RenderResult
from textual.reactive import reactive
from textual.widget import Widget

from fashion_tui.report.formatting import format_mean, format_shape, printable
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.schema.tensors import NO_TENSORS, TensorList, TensorRow


class TensorsLine(Widget):
    """`A 3 · B 2 · C 6`: what there is room for, the newest at the end."""

    found: reactive[TensorList] = reactive(NO_TENSORS)

    def render(self) -> RenderResult:
        return _line(self.found, self.size.width, terminal_glyphs())


def _line(found: TensorList, width: int, glyphs: Glyphs) -> Text:
    words = [_words(row, glyphs) for row in found.rows]
    left_out = 0
    while len(words) > 1 and sum(one.cell_len + 3 for one in words) > width - 6:
        del words[0]
        left_out += 1
    separator = Text(" · " if glyphs.unicode else " - ", MUTED)
    if left_out:
        words.insert(0, Text(f"+{left_out + found.omitted}", MUTED))
    line = separator.join(words)
    line.no_wrap = True
    line.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return line


def _words(row: TensorRow, glyphs: Glyphs) -> Text:
    if row.shape == () and row.statistics is not None:
        value = format_mean(row.statistics, single=True, glyphs=glyphs)
    else:
        value = format_shape(row.shape, glyphs)
    return Text.assemble((printable(row.name, glyphs), FOREGROUND), (f" {value}", MUTED))
