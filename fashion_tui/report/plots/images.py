"""Draw an image, or a batch of images in rows."""

from dataclasses import dataclass

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style

from fashion_tui.report.formatting import printable
from fashion_tui.report.pictures import draw_picture, fit
from fashion_tui.report.style import FOREGROUND
from fashion_tui.schema.dataset import ImageShape
from fashion_tui.schema.picture import Picture
from fashion_tui.schema.plots import ImageGrid

from .layout import PlotStyle, Row, caption_rows, max_lines

MIN_COLUMNS = 14
"""Minimum width of images, in columns. Images of a batch may be shrunk to this width so that more of them fit."""

ENLARGED_COLUMNS = 28
"""Width, in columns, to which a small image is enlarged. Images in a batch are enlarged to half of this width."""

_PLAIN = Style()
_LABEL = Style.parse(FOREGROUND)


@dataclass(frozen=True)
class ImageGridDrawing:
    grid: ImageGrid
    width: int
    style: PlotStyle
    columns: int
    """Columns of each image."""
    lines: int
    """Lines of each image."""
    per_row: int
    """Images side by side."""
    shown: int
    """Number of images drawn."""
    caption: list[Row]

    @classmethod
    def fit(cls, grid: ImageGrid, width: int, style: PlotStyle) -> "ImageGridDrawing":
        height, label_height = max_lines(width), _label_height(grid)
        lines, columns = _image_size(grid, width, height)
        per_row, row_count = _arrange(grid.count, columns, width)
        while row_count * (lines + label_height + 1) - 1 > height and columns >= 2 * MIN_COLUMNS and grid.count > 1:
            lines, columns = fit(_shape(grid), (max(lines // 2, 1), columns // 2))
            per_row, row_count = _arrange(grid.count, columns, width)
        row_count = min(row_count, max((2 * height + 1) // (lines + label_height + 1), 1))
        shown = min(row_count * per_row, grid.count)
        caption = grid.caption
        if shown < grid.total:
            caption += f" · the first {shown} of {grid.total:,}"
        return cls(grid, width, style, columns, lines, per_row, shown, caption_rows(caption, width, style))

    @property
    def height(self) -> int:
        row_count = -(-self.shown // self.per_row)
        return row_count * (self.lines + _label_height(self.grid) + 1) - 1 + len(self.caption)

    def rows(self) -> list[Row]:
        rows: list[Row] = []
        for first in range(0, self.shown, self.per_row):
            indices = range(first, min(first + self.per_row, self.shown))
            rows += [[]] if rows else []
            images = [self._image(index) for index in indices]
            rows += [_join([image[line] for image in images]) for line in range(self.lines)]
            if self.grid.labels:
                rows.append(_join([[self._label(index)] for index in indices]))
        return rows + self.caption

    def _image(self, index: int) -> list[Row]:
        pixels, channels = self.grid.image(index), self.grid.channels
        planes = b"".join(pixels[channel::channels] for channel in range(channels))
        picture = Picture(planes, _shape(self.grid))
        return draw_picture(picture, (self.lines, self.columns), self.style.shading)

    def _label(self, index: int) -> Segment:
        label = printable(self.grid.labels[index], self.style.glyphs)
        return Segment(set_cell_size(label, self.columns), _LABEL)


def _image_size(grid: ImageGrid, width: int, height: int) -> tuple[int, int]:
    """Return an image's height in lines and width in columns. Small images are enlarged, and large ones are reduced."""
    side = ENLARGED_COLUMNS if grid.count == 1 else ENLARGED_COLUMNS // 2
    factor = max(side // max(grid.height, grid.width), 1)
    available = min(-(-grid.height * factor // 2), height), min(grid.width * factor, width)
    return fit(_shape(grid), available)


def _shape(grid: ImageGrid) -> ImageShape:
    return grid.channels, grid.height, grid.width


def _arrange(count: int, columns: int, width: int) -> tuple[int, int]:
    """Return the number of images per row and the number of rows."""
    per_row = min(max((width + 1) // (columns + 1), 1), count)
    return per_row, -(-count // per_row)


def _label_height(grid: ImageGrid) -> int:
    return 1 if grid.labels else 0


def _join(parts: list[Row]) -> Row:
    """Join the segments of a line's images, with one blank cell between adjacent images."""
    row = list(parts[0])
    for part in parts[1:]:
        row += [Segment(" ", _PLAIN), *part]
    return row
