"""Write only the cells of a frame that were updated, to save bandwidth over SSH."""

import re

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import COLOR_SYSTEMS, Console
from rich.control import Control
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.strip import Strip


class CroppedUpdate(ChopsUpdate):
    """A frame that consists of spans of lines. Textual's own class writes the cells to the left of each span too."""

    @classmethod
    def of(cls, update: ChopsUpdate) -> "CroppedUpdate":
        return cls(update.chops, update.spans, update.chop_ends)

    def render_segments(self, console: Console) -> str:
        """Return the text and control sequences of all spans."""
        pen = _Pen(COLOR_SYSTEMS.get(console.color_system or "", ColorSystem.TRUECOLOR))
        for row, start, stop in self.spans:
            for end, (left, strip) in zip(self.chop_ends[row], self.chops[row].items(), strict=False):
                if strip is None or left >= stop or end <= start:
                    continue
                first = _start_of_character(strip, max(start - left, 0))
                pen.move_to(left + first, row)
                for text, style, _control in strip.crop(first, min(end, stop) - left):
                    pen.write(text, style)
        return pen.finish()


class _Pen:
    """Writes text with short control sequences: if possible, they set only what differs from the preceding text."""

    def __init__(self, color_system: ColorSystem) -> None:
        self._color_system = color_system
        self._parts: list[str] = []
        self._codes = ""
        """SGR parameters of the style of the most recently written text. A frame starts with the default style."""
        self._colors: re.Match[str] | None = None
        """The foreground and background colours in `_codes`. None means the default colour."""

    def move_to(self, column: int, row: int) -> None:
        self._parts.append(Control.move_to(column, row).segment.text)

    def write(self, text: str, style: Style | None) -> None:
        if style is None or style.link:
            self._change("")
            self._parts.append(style.render(text, color_system=self._color_system) if style else text)
            return
        codes = style.render("x", color_system=self._color_system).partition("x")[0][2:-1]
        if codes != self._codes:
            self._change(codes)
        self._parts.append(text)

    def finish(self) -> str:
        """Reset the style, and return the output."""
        self._change("")
        return "".join(self._parts)

    def _change(self, codes: str) -> None:
        """Write a control sequence that changes the style."""
        old_codes, self._codes = self._codes, codes
        old, self._colors = self._colors, _COLORS.fullmatch(codes)
        new = self._colors
        if new and old and not old[1]:  # no attributes, which couldn't be removed one by one
            colors = (
                f"{new[2]};{new[3]}" if new[2] != old[2] and new[3] != old[3] else new[2 if new[2] != old[2] else 3]
            )
            self._parts.append(f"\x1b[{new[1] or ''}{colors}m")
        elif codes != old_codes:
            self._parts.append(f"\x1b[0;{codes}m" if codes and old_codes else f"\x1b[{codes or 0}m")


_COLORS = re.compile(r"([\d;]+;)?(38;(?:5;\d+|2;\d+;\d+;\d+));(48;[\d;]+)")
"""The SGR parameters of a style with both colours: attributes such as bold, the foreground and the background."""


def _start_of_character(strip: Strip, column: int) -> int:
    """Return the first column of the character at a column. A wide character has two columns."""
    text = strip.text
    if len(text) == strip.cell_length:
        return column
    start = 0
    for character in text:
        width = cell_len(character)
        if start + width > column:
            return start
        start += width
    return column
