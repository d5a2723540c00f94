"""A window that slides along an axis: its formula filled in, and a picture of where it stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from rich.text import Text

from fashion_tui.schema.windows import SlidingWindow

from .formatting import format_formula
from .glyphs import Glyphs
from .style import ACCENT, ATTENTION, FOREGROUND, MUTED

LABEL = 7
"""Columns before the picture."""


@dataclass(frozen=True, slots=True)
class _Signs:
    padding: str
    value: str
    looked_at: str
    skipped: str
    """Between two values that a dilated window looks at."""
    unseen: str
    """In no window."""
    cut: str


_UNICODE = _Signs(padding="░", value="□", looked_at="■", skipped="·", unseen="×", cut="…")
_ASCII = _Signs(padding=".", value="o", looked_at="#", skipped="-", unseen="x", cut="~")


def window_formulas(slide: SlidingWindow, glyphs: Glyphs) -> list[Text]:
    """As torch's documentation has it; and shorter, where nothing is rounded and nothing dilated."""
    lines = [Text(format_formula(slide.full_formula, glyphs), FOREGROUND)]
    if slide.dilation == 1 and slide.remainder == 0:
        lines.append(Text(format_formula(slide.formula, glyphs), MUTED))
    return lines


def sliding_window_lines(name: str, slide: SlidingWindow, width: int, glyphs: Glyphs) -> list[Text]:
    """The padded input, a cell a value, and below it the window at its first two places and its last one."""
    positions = _positions(slide, width - LABEL)
    drawn = _UNICODE if glyphs.unicode else _ASCII
    lines = [_line(name, positions, partial(_of_input, slide, drawn), drawn)]
    for number in sorted({0, 1, slide.output_size - 1} & set(range(slide.output_size))):
        sign_at = partial(_of_window, slide, number * slide.stride, drawn)
        lines.append(_line(f"{number + 1:,}", positions, sign_at, drawn))
    if words := _ending(slide):
        lines.append(Text(" " * LABEL + words, ATTENTION))
    return lines


def window_legend(glyphs: Glyphs) -> Text:
    """What the signs of the picture mean."""
    drawn = _UNICODE if glyphs.unicode else _ASCII
    words = f"{drawn.padding} padding  {drawn.looked_at} looked at  {drawn.unseen} in no window"
    return Text(" " * LABEL + words, MUTED)


_Sign = tuple[str, str]
"""With its style."""


def _positions(slide: SlidingWindow, width: int) -> Sequence[int | None]:
    """Those of the padded input, and of what hangs over its end; None in the middle where there is no room for all."""
    count = slide.padded_size + max(-slide.remainder, 0)
    if count <= width:
        return range(count)
    left = width // 2
    return [*range(left), None, *range(count - (width - left - 1), count)]


def _line(label: str, positions: Sequence[int | None], sign_at: Callable[[int], _Sign], drawn: _Signs) -> Text:
    line = Text(f"{label:<{LABEL}}", MUTED, no_wrap=True)
    for position in positions:
        line.append(*((drawn.cut, MUTED) if position is None else sign_at(position)))
    return line


def _of_input(slide: SlidingWindow, drawn: _Signs, position: int) -> _Sign:
    if position >= slide.padded_size:
        return " ", ""
    if not slide.covers(position):
        return drawn.unseen, ATTENTION
    if slide.padding[0] <= position < slide.padding[0] + slide.input_size:
        return drawn.value, FOREGROUND
    return drawn.padding, MUTED


def _of_window(slide: SlidingWindow, begin: int, drawn: _Signs, position: int) -> _Sign:
    """Of the window that begins there."""
    place = position - begin
    if not 0 <= place < slide.extent:
        return " ", ""
    return (drawn.skipped, MUTED) if place % slide.dilation else (drawn.looked_at, ACCENT)


def _ending(slide: SlidingWindow) -> str:
    """What is odd at the end."""
    if slide.remainder < 0:
        return f"the last window hangs over the end by {-slide.remainder:,}"
    words = ""
    if slide.remainder:
        verb = "is" if slide.remainder == 1 else "are"
        words = f"the last {slide.remainder:,} of {slide.padded_size:,} {verb} in no window"
    if slide.drops_last:
        words += ": one more would begin after the input"
    return words
