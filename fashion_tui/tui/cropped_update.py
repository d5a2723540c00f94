"""Write only the cells of a frame that were updated, to save bandwidth over SSH."""

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate
from textual.strip import Strip


class CroppedUpdate(ChopsUpdate):
    """A frame that consists of spans of lines. Textual's own class writes the cells to the left of each span too."""

    @classmethod
    def of(cls, update: ChopsUpdate) -> "CroppedUpdate":
        return cls(update.chops, update.spans, update.chop_ends)

    def render_segments(self, console: Console) -> str:
        """Return the text and control sequences of all spans."""
        parts: list[str] = []
        for row, start, stop in self.spans:
            for end, (left, strip) in zip(self.chop_ends[row], self.chops[row].items(), strict=False):
                if strip is None or left >= stop or end <= start:
                    continue
                first = _start_of_character(strip, max(start - left, 0))
                parts.append(Control.move_to(left + first, row).segment.text)
                parts.append(strip.crop(first, min(end, stop) - left).render(console))
        return "".join(parts)


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
