"""Pictures: one as large as it is, or a batch laid out in rows."""

from dataclasses import dataclass

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style

from fashion_tui.report.formatting import printable
from fashion_tui.report.pixels import colour_image, grey_image
from fashion_tui.report.style import FOREGROUND
from fashion_tui.schema.plots import ImageGrid

from .layout import PlotStyle, Row, caption_rows, max_lines

LEGIBLE = 14
"""Columns; smaller ones of a batch show nothing any more."""

LARGE = 28
"""Columns to which small pictures are enlarged; those of a batch to half as many."""

_PLAIN = Style()
_LABEL = Style.parse(FOREGROUND)


@dataclass(frozen=True)
class PicturesDrawing:
    pictures: ImageGrid
    width: int
    look: PlotStyle
    columns: int
    """Of each picture."""
    lines: int
    """Of each picture."""
    across: int
    """So many stand beside each other."""
    shown: int
    caption: list[Row]

    @classmethod
    def of(cls, pictures: ImageGrid, width: int, look: PlotStyle) -> "PicturesDrawing":
        most, labels = max_lines(width), _label_lines(pictures)
        columns, lines = _fitted(pictures, width, most)
        across, down = _grid(pictures.count, columns, width)
        while down * (lines + labels + 1) - 1 > most and columns >= 2 * LEGIBLE and pictures.count > 1:
            columns, lines = columns // 2, max(lines // 2, 1)
            across, down = _grid(pictures.count, columns, width)
        down = min(down, max((2 * most + 1) // (lines + labels + 1), 1))
        shown = min(down * across, pictures.count)
        words = pictures.caption
        if shown < pictures.total:
            words += f" · the first {shown} of {pictures.total:,}"
        return cls(pictures, width, look, columns, lines, across, shown, caption_rows(words, width, look))

    @property
    def height(self) -> int:
        down = -(-self.shown // self.across)
        return down * (self.lines + _label_lines(self.pictures) + 1) - 1 + len(self.caption)

    def rows(self) -> list[Row]:
        rows: list[Row] = []
        for first in range(0, self.shown, self.across):
            beside = range(first, min(first + self.across, self.shown))
            rows += [[]] if rows else []
            drawn = [self._drawn(place) for place in beside]
            rows += [_spaced([picture[line] for picture in drawn]) for line in range(self.lines)]
            if self.pictures.labels:
                rows.append(_spaced([[self._label(place)] for place in beside]))
        return rows + self.caption

    def _drawn(self, place: int) -> list[Row]:
        pictures = self.pictures
        size, cells = (pictures.height, pictures.width), (self.lines, self.columns)
        draw = grey_image if pictures.channels == 1 else colour_image
        return draw(pictures.image(place), size, cells, self.look.shading)

    def _label(self, place: int) -> Segment:
        label = printable(self.pictures.labels[place], self.look.glyphs)
        return Segment(set_cell_size(label, self.columns), _LABEL)


def _fitted(pictures: ImageGrid, width: int, most: int) -> tuple[int, int]:
    """Columns and lines of one of them by itself: as large as it is, enlarged where it is small."""
    side = LARGE if pictures.count == 1 else LARGE // 2
    times = max(side // max(pictures.height, pictures.width), 1)
    share = min(1.0, width / (pictures.width * times), 2 * most / (pictures.height * times))
    columns = max(round(pictures.width * times * share), 1)
    return columns, max(-(-round(pictures.height * times * share) // 2), 1)


def _grid(count: int, columns: int, width: int) -> tuple[int, int]:
    """How many pictures stand beside each other, and how many rows of them that makes."""
    across = min(max((width + 1) // (columns + 1), 1), count)
    return across, -(-count // across)


def _label_lines(pictures: ImageGrid) -> int:
    return 1 if pictures.labels else 0


def _spaced(parts: list[Row]) -> Row:
    """Parts of a line, each a cell from the next."""
    row = list(parts[0])
    for part in parts[1:]:
        row += [Segment(" ", _PLAIN), *part]
    return row
