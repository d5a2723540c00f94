"""Show a window that slides along an axis: the formulas of the output size, and a drawing of the positions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from rich.text import Text

from fashion_tui.schema.windows import SlidingWindow

from .formatting import format_formula
from .glyphs import Glyphs
from .style import ACCENT, ATTENTION, FOREGROUND, MUTED

LABEL_WIDTH = 7
"""Width of the labels to the left of the drawing, in columns."""


@dataclass(frozen=True, slots=True)
class _WindowGlyphs:
    padding: str
    value: str
    in_window: str
    skipped: str
    """Glyph for a value that a dilated window skips."""
    uncovered: str
    """Glyph for a value that no window contains."""
    omitted: str


_UNICODE = _WindowGlyphs(padding="░", value="□", in_window="■", skipped="·", uncovered="×", omitted="…")
_ASCII = _WindowGlyphs(padding=".", value="o", in_window="#", skipped="-", uncovered="x", omitted="~")

StyledGlyph = tuple[str, str]
"""A glyph and its style."""


def window_formulas(window: SlidingWindow, glyphs: Glyphs) -> list[Text]:
    """Return torch's formula, and a simpler formula if neither rounding nor dilation is needed."""
    lines = [Text(format_formula(window.full_formula, glyphs), FOREGROUND)]
    if window.dilation == 1 and window.remainder == 0:
        lines.append(Text(format_formula(window.formula, glyphs), MUTED))
    return lines


def sliding_window_lines(name: str, window: SlidingWindow, width: int, glyphs: Glyphs) -> list[Text]:
    """Draw the padded input with one cell per value, followed by the first two windows and the last window."""
    positions = _positions(window, width - LABEL_WIDTH)
    symbols = _window_glyphs(glyphs)
    lines = [_line(name, positions, partial(_input_glyph, window, symbols), symbols)]
    for index in sorted({0, 1, window.output_size - 1} & set(range(window.output_size))):
        glyph_at = partial(_window_glyph, window, index * window.stride, symbols)
        lines.append(_line(f"{index + 1:,}", positions, glyph_at, symbols))
    if note := _end_note(window):
        lines.append(Text(" " * LABEL_WIDTH + note, ATTENTION))
    return lines


def window_legend(glyphs: Glyphs) -> Text:
    """Return the legend of the drawing."""
    symbols = _window_glyphs(glyphs)
    legend = f"{symbols.padding} padding  {symbols.in_window} in the window  {symbols.uncovered} in no window"
    return Text(" " * LABEL_WIDTH + legend, MUTED)


def _window_glyphs(glyphs: Glyphs) -> _WindowGlyphs:
    return _UNICODE if glyphs.unicode else _ASCII


def _positions(window: SlidingWindow, width: int) -> Sequence[int | None]:
    """Return the positions to draw, including positions past the end of the padded input.

    None stands for omitted positions.
    """
    count = window.padded_size + max(-window.remainder, 0)
    if count <= width:
        return range(count)
    left = width // 2
    return [*range(left), None, *range(count - (width - left - 1), count)]


def _line(
    label: str, positions: Sequence[int | None], glyph_at: Callable[[int], StyledGlyph], symbols: _WindowGlyphs
) -> Text:
    line = Text(f"{label:<{LABEL_WIDTH}}", MUTED, no_wrap=True)
    for position in positions:
        line.append(*((symbols.omitted, MUTED) if position is None else glyph_at(position)))
    return line


def _input_glyph(window: SlidingWindow, symbols: _WindowGlyphs, position: int) -> StyledGlyph:
    if position >= window.padded_size:
        return " ", ""
    if not window.covers(position):
        return symbols.uncovered, ATTENTION
    if window.padding[0] <= position < window.padding[0] + window.input_size:
        return symbols.value, FOREGROUND
    return symbols.padding, MUTED


def _window_glyph(window: SlidingWindow, start: int, symbols: _WindowGlyphs, position: int) -> StyledGlyph:
    """Return the glyph to draw at `position` for the window that starts at `start`."""
    offset = position - start
    if not 0 <= offset < window.extent:
        return " ", ""
    return (symbols.skipped, MUTED) if offset % window.dilation else (symbols.in_window, ACCENT)


def _end_note(window: SlidingWindow) -> str:
    """Return a note about values that no window contains, or about a last window that extends past the end.

    Return an empty string if there is nothing to note.
    """
    if window.remainder < 0:
        return f"the last window extends past the end by {-window.remainder:,}"
    note = ""
    if window.remainder:
        note = f"no window contains the last {window.remainder:,} of {window.padded_size:,} values"
    if window.drops_last:
        note += "; the next window would start after the input"
    return note
