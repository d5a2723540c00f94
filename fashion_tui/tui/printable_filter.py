"""A filter for all lines that the app writes to the terminal."""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from fashion_tui.report.segments import printable_segments


class PrintableFilter(LineFilter):
    """Replaces unprintable characters. Textual removes only some of them."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return printable_segments(segments)
