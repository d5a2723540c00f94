"""Lines that are made for the width that there is."""

from collections.abc import Callable, Sequence

from rich.text import Text

from .lines import Lines


def with_right(left: Text, right: Text, width: int) -> Text:
    """Both in a line, the second at its end; the first is cut where they don't fit."""
    if right.cell_len:
        left = left.copy()
        left.truncate(max(width - right.cell_len - 2, 0), overflow="ellipsis")
    return Text.assemble(left, " " * (width - left.cell_len - right.cell_len), right, no_wrap=True)


class FittedLines(Lines):
    """Lines that are made anew when the widget gets another width."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._make: Callable[[int], Sequence[Text]] = lambda _width: ()

    def fit(self, make: Callable[[int], Sequence[Text]]) -> None:
        """Show what `make` makes for a number of columns."""
        self._make = make
        self.on_resize()

    def on_resize(self) -> None:
        if self.size.width:
            self.show_lines(self._make(self.size.width))


class GrowingLines(FittedLines):
    """As high as it has lines."""

    DEFAULT_CSS = """
    GrowingLines { height: 0; }
    """

    def show_lines(self, lines: Sequence[Text]) -> None:
        self.styles.height = len(lines)
        super().show_lines(lines)
