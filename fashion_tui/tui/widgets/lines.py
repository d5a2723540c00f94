"""A widget of painted lines that repaints only the cells that changed: what a live run costs over SSH is set here."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Lines(Widget):
    """Shows strips, one a line. An update is compared with what stands there, and only the difference goes out."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, classes=classes)
        self._strips: tuple[Strip, ...] = ()

    def show_lines(self, lines: Sequence[Text]) -> None:
        """Paint these lines in place of those before."""
        console = self.app.console
        strips = []
        for line in lines:
            style = console.get_style(line.style)  # which rich leaves out where a text has no spans
            strips.append(Strip(Segment.apply_style(line.render(console), style)).adjust_cell_length(self.size.width))
        self.show_strips(strips)

    def show_strips(self, strips: Sequence[Strip]) -> None:
        before, self._strips = self._strips, tuple(strips)
        blank = Strip.blank(self.size.width)
        regions = []
        for y in range(max(len(before), len(self._strips))):
            old = before[y] if y < len(before) else blank
            new = self._strips[y] if y < len(self._strips) else blank
            if (span := changed_span(old, new)) is not None:
                regions.append(Region(span[0], y, span[1] - span[0], 1))
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._strips):
            return Strip.blank(width, self.rich_style)
        return self._strips[y].adjust_cell_length(width).apply_style(self.rich_style)


def changed_span(old: Strip, new: Strip) -> tuple[int, int] | None:
    """The first changed cell and the one after the last; None where all is as it was."""
    before, after = _cells(old), _cells(new)
    if before == after:
        return None
    first = next(
        (x for x, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]),
        min(len(before), len(after)),
    )
    end = max(len(before), len(after))
    if len(before) == len(after):
        while end > first + 1 and before[end - 1] == after[end - 1]:
            end -= 1
    return first, end


def _cells(strip: Strip) -> list[tuple[str, object]]:
    """Sign and style of each cell; a wide sign counts for two."""
    return [(char, style) for text, style, _control in strip for char in text for _ in range(cell_len(char))]
