"""Unprintable characters are replaced in segments, the last stage before the terminal."""

from rich.cells import cell_len
from rich.control import Control
from rich.segment import Segment
from rich.style import Style

from fashion_tui.report.segments import printable_segment, printable_segments

BOLD = Style(bold=True)


def test_unprintable_characters_are_replaced_without_changing_the_width() -> None:
    for text in ("a\x1b]0;t\x07\x9b", "x\u202ey\u2066", "caf\udce9", "\U000e0041", "\ufeff\u2028"):
        segment = printable_segment(Segment(text, BOLD))
        assert segment.style == BOLD
        assert segment.text.isprintable()
        assert cell_len(segment.text) == cell_len(text)


def test_other_segments_are_unchanged() -> None:
    control = Control.move_to(1, 2).segment
    segments = [Segment("text", BOLD), Segment("\n"), Segment("two\nlines"), Segment("👩\u200d🔬"), control]
    assert printable_segments(segments) == segments
