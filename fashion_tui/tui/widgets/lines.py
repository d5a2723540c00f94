"""Widgets that show lines of text. They repaint only the cells that changed, to save bandwidth over SSH."""

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Lines(Widget):
    """A widget that shows one strip per line. An update repaints only the cells that changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._strips: tuple[Strip, ...] = ()

    def show_lines(self, lines: Sequence[Text]) -> None:
        """Replace the lines."""
        console = self.app.console
        strips = []
        for line in lines:
            # Apply the base style here, because Rich ignores the base style of a text without spans.
            style = console.get_style(line.style)
            strips.append(Strip(Segment.apply_style(line.render(console), style)).adjust_cell_length(self.size.width))
        self.show_strips(strips)

    def show_strips(self, strips: Sequence[Strip]) -> None:
        previous, self._strips = self._strips, tuple(strips)
        blank = Strip.blank(self.size.width)
        regions = []
        for y in range(max(len(previous), len(self._strips))):
            old = previous[y] if y < len(previous) else blank
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


class FittedLines(Lines):
    """A widget whose lines are laid out by a function, which is called again whenever the widget is resized."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._make_lines: Callable[[int], Sequence[Text]] = lambda _width: ()

    def fit(self, make_lines: Callable[[int], Sequence[Text]]) -> None:
        """Show the lines that `make_lines` returns. It is called with the widget's width in columns."""
        self._make_lines = make_lines
        self.on_resize()

    def on_resize(self) -> None:
        if self.size.width:
            self.show_lines(self._make_lines(self.size.width))


class GrowingLines(FittedLines):
    """A FittedLines widget whose height is its number of lines."""

    DEFAULT_CSS = """
    GrowingLines { height: 0; }
    """

    def show_lines(self, lines: Sequence[Text]) -> None:
        self.styles.height = len(lines)
        super().show_lines(lines)


def changed_span(old: Strip, new: Strip) -> tuple[int, int] | None:
    """Return the start and end (exclusive) of the changed cells, or None if the strips are equal."""
    old_cells, new_cells = _cells(old), _cells(new)
    if old_cells == new_cells:
        return None
    first = next(
        (x for x, pair in enumerate(zip(old_cells, new_cells, strict=False)) if pair[0] != pair[1]),
        min(len(old_cells), len(new_cells)),
    )
    end = max(len(old_cells), len(new_cells))
    if len(old_cells) == len(new_cells):
        while end > first + 1 and old_cells[end - 1] == new_cells[end - 1]:
            end -= 1
    return first, end


def _cells(strip: Strip) -> list[tuple[str, object]]:
    """Return the character and style of each cell. A wide character takes two cells."""
    return [(char, style) for text, style, _control in strip for char in text for _ in range(cell_len(char))]


def left_and_right(left: Text, right: Text, width: int) -> Text:
    """Return a line with `left` at its start and `right` at its end. If they don't both fit, `left` is truncated."""
    if right.cell_len:
        left = left.copy()
        left.truncate(max(width - right.cell_len - 2, 0), overflow="ellipsis")
    return Text.assemble(left, " " * (width - left.cell_len - right.cell_len), right, no_wrap=True)
