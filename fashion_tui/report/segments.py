"""Replace unprintable characters in segments, which are the units that Rich and Textual write to the terminal."""

import re
from collections.abc import Iterable

from rich.cells import cell_len
from rich.segment import Segment

from fashion_tui.schema.text import REPLACEMENT, UNPRINTABLE


def printable_segment(segment: Segment) -> Segment:
    """Return the segment with its unprintable characters replaced. Its width doesn't change."""
    text, style, control = segment
    if control or text.isprintable() or text == "\n":
        return segment
    return Segment("\n".join(UNPRINTABLE.sub(_of_same_width, line) for line in text.split("\n")), style)


def printable_segments(segments: Iterable[Segment]) -> list[Segment]:
    """Return the segments with their unprintable characters replaced."""
    return [printable_segment(segment) for segment in segments]


def _of_same_width(match: re.Match[str]) -> str:
    """Return a replacement of the same width as the matched character, or an empty string if its width is 0."""
    return REPLACEMENT * cell_len(match[0])
