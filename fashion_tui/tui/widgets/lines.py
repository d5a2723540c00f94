"""Widgets that show lines of text. They repaint only the cells that changed, to save bandwidth over SSH."""

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

MIN_UNCHANGED = 16
"""Number of unchanged cells that take more bytes than the position and style of another sequence of changed cells."""


class Lines(Widget):
    """A widget that shows one strip per line. An update repaints only the cells that changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._strips: tuple[Strip, ...] = ()
        self._rendered: list[tuple[object, Strip]] = []
        """The most recently shown content of each line, and its strip. Most lines of a chart don't change."""

    def show_lines(self, lines: Sequence[Text]) -> None:
        """Replace the lines."""
        previous, self._rendered = self._rendered, []
        width = self.size.width
        for y, line in enumerate(lines):
            content = (width, line.plain, line.style, tuple(line.spans))
            if y < len(previous) and previous[y][0] == content:
                self._rendered.append(previous[y])
            else:
                self._rendered.append((content, self._render_text(line, width)))
        self.show_strips([strip for _, strip in self._rendered])

    def _render_text(self, line: Text, width: int) -> Strip:
        console = self.app.console
        # Apply the base style here, because Rich ignores the base style of a text without spans.
        segments = Segment.apply_style(line.render(console), console.get_style(line.style))
        return Strip(segments).adjust_cell_length(width)

    def show_strips(self, strips: Sequence[Strip]) -> None:
        previous, self._strips = self._strips, tuple(strips)
        blank = Strip.blank(self.size.width)
        regions = []
        for y in range(max(len(previous), len(self._strips))):
            old = previous[y] if y < len(previous) else blank
            new = self._strips[y] if y < len(self._strips) else blank
            regions += [Region(start, y, end - start, 1) for start, end in changed_spans(old, new)]
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

    def wrap(self, make_text: Callable[[int], Text]) -> None:
        """Show the text that `make_text` returns for the widget's width in columns, on as many lines as it needs.

        A text with `no_wrap` stays on one line.
        """
        self.fit(lambda width: list(make_text(width).wrap(self.app.console, width)))

    def show_lines(self, lines: Sequence[Text]) -> None:
        self.styles.height = len(lines)
        super().show_lines(lines)


def changed_spans(old: Strip, new: Strip) -> list[tuple[int, int]]:
    """Return the start and end (exclusive) of each sequence of changed cells.

    Sequences with fewer than MIN_UNCHANGED cells between them are joined.
    """
    start, old_rest, new_rest = _differing_segments(old, new)
    old_cells, new_cells = _cells(old_rest), _cells(new_rest)
    shorter, longer = sorted((start + len(old_cells), start + len(new_cells)))
    pairs = enumerate(zip(old_cells, new_cells, strict=False), start)
    changed = [x for x, (old_cell, new_cell) in pairs if old_cell != new_cell]
    if longer > shorter:
        changed.append(shorter)
    spans: list[tuple[int, int]] = []
    for x in changed:
        end = longer if x == shorter else x + 1
        if spans and x - spans[-1][1] < MIN_UNCHANGED:
            spans[-1] = spans[-1][0], end
        else:
            spans.append((x, end))
    return spans


def _differing_segments(old: Strip, new: Strip) -> tuple[int, list[Segment], list[Segment]]:
    """Return the first column at which the strips differ, and the segments of both strips that differ."""
    old_segments, new_segments = [*old], [*new]
    shorter, first, last = min(len(old_segments), len(new_segments)), 0, 0
    while first < shorter and old_segments[first] == new_segments[first]:
        first += 1
    if old.cell_length == new.cell_length:
        while last < shorter - first and old_segments[-1 - last] == new_segments[-1 - last]:
            last += 1
    start = sum(segment.cell_length for segment in old_segments[:first])
    return start, old_segments[first : len(old_segments) - last], new_segments[first : len(new_segments) - last]


def _cells(segments: Sequence[Segment]) -> list[tuple[str, object]]:
    """Return the character and style of each cell. A wide character takes two cells."""
    return [(char, style) for text, style, _control in segments for char in text for _ in range(cell_len(char))]


def left_and_right(left: Text, right: Text, width: int) -> Text:
    """Return a line with `left` at its start and `right` at its end. If they don't both fit, `left` is truncated."""
    if right.cell_len:
        left = left.copy()
        left.truncate(max(width - right.cell_len - 2, 0), overflow="ellipsis")
    return Text.assemble(left, " " * (width - left.cell_len - right.cell_len), right, no_wrap=True)
