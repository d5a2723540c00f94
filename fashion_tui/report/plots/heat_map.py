"""Draw a matrix as a heat map. Values are drawn as numbers on coloured backgrounds if they fit, otherwise as pixels."""

from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style

from fashion_tui.report.colormap import heat_colour, heat_style
from fashion_tui.report.formatting import format_formula, format_number
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.pixels import INK, TRANSPARENT, Shading, half_blocks, resample
from fashion_tui.report.style import BAD, FOREGROUND
from fashion_tui.schema.plots import MAX_LEVEL, NON_FINITE, HeatMap

from .layout import QUIET, PlotStyle, Row, caption_rows, max_lines

MAX_ENLARGED = 56
"""Maximum width, in columns, of an enlarged map, which shows each value as a square: two columns by one line."""

MAX_SCALE = 24
"""Maximum width of the legend's colour scale, in columns."""

_NON_FINITE_COLOUR = int(BAD.removeprefix("#"), 16)

_PLAIN = Style.parse(FOREGROUND)
_NON_FINITE_STYLE = Style.parse(BAD)


@dataclass(frozen=True)
class HeatMapDrawing:
    heat_map: HeatMap
    style: PlotStyle
    columns: int
    """Width in columns.

    If the map shows numbers, this is the width of one number and its spacing; otherwise, it is the width of the whole
    map.
    """
    lines: int
    with_numbers: bool
    below: list[Row]
    """Lines below the map: the caption, preceded by a legend if the map doesn't show numbers."""

    @classmethod
    def fit(cls, heat_map: HeatMap, width: int, style: PlotStyle) -> "HeatMapDrawing":
        caption = caption_rows(heat_map.caption, width, style)
        longest = max(map(len, heat_map.value_strings), default=width)
        for gap in (2, 1):
            if heat_map.columns * (longest + gap) <= width:
                return cls(heat_map, style, longest + gap, heat_map.rows, with_numbers=True, below=caption)
        height = max_lines(width)
        columns, lines = min(heat_map.columns, width), min(heat_map.rows, 2 * height)
        if 2 * columns <= min(width, MAX_ENLARGED) and lines <= height:
            columns *= 2
        elif style.shading is Shading.CHARACTERS:
            lines = min(lines, height)
        else:
            lines = -(-lines // 2)
        below = [*_legend(heat_map, width, style), *caption]
        return cls(heat_map, style, columns, lines, with_numbers=False, below=below)

    @property
    def height(self) -> int:
        return self.lines + len(self.below)

    def rows(self) -> list[Row]:
        if self.with_numbers:
            return self._numbers() + self.below
        if self.style.shading is Shading.CHARACTERS:
            return self._characters() + self.below
        return self._pixels() + self.below

    def _numbers(self) -> list[Row]:
        count, rows = self.heat_map.columns, []
        for start in range(0, len(self.heat_map.levels), count):
            row = []
            for index in range(start, start + count):
                number = _format_value(self.heat_map.value_strings[index], self.style.glyphs)
                style = self._number_style(self.heat_map.levels[index])
                row.append(Segment(f"{number.rjust(self.columns - 1)} ", style))
            rows.append(row)
        return rows

    def _number_style(self, level: int) -> Style:
        if level == NON_FINITE:
            return _NON_FINITE_STYLE
        if self.style.shading is Shading.CHARACTERS:
            return _PLAIN
        return heat_style(_value_of(self.heat_map, level), self.heat_map.low, self.heat_map.high)

    def _pixels(self) -> list[Row]:
        colours = [*_level_colours(self.heat_map), _NON_FINITE_COLOUR]
        is_enlarged = self.columns == 2 * self.heat_map.columns
        height = 2 * self.lines if is_enlarged else min(self.heat_map.rows, 2 * self.lines)
        rows = [[colours[level] for level in row] for row in self._levels(height)]
        if height % 2:
            rows.append([TRANSPARENT] * self.columns)
        return [half_blocks(*pair, self.style.shading) for pair in zip(rows[::2], rows[1::2], strict=True)]

    def _characters(self) -> list[Row]:
        ink = [INK[level * (len(INK) - 1) // MAX_LEVEL] for level in range(MAX_LEVEL + 1)]
        characters = [*ink, self.style.glyphs.unknown]
        return [[Segment("".join(characters[level] for level in row), _PLAIN)] for row in self._levels(self.lines)]

    def _levels(self, height: int) -> list[bytes]:
        """Return `height` rows of levels, one per pixel. NON_FINITE is the level of pixels with a non-finite value."""
        levels, size = self.heat_map.levels, (self.heat_map.rows, self.heat_map.columns)
        rows = resample(levels, size, (height, self.columns))
        if NON_FINITE not in levels:
            return rows
        non_finite = resample(levels.translate(_MASK_NON_FINITE), size, (height, self.columns))
        return [
            bytes(NON_FINITE if share else min(level, MAX_LEVEL) for level, share in zip(*row, strict=True))
            for row in zip(rows, non_finite, strict=True)
        ]


_MASK_NON_FINITE = bytes(255 * (level == NON_FINITE) for level in range(256))


def _value_of(heat_map: HeatMap, level: int) -> float:
    share = level / MAX_LEVEL
    return heat_map.low * (1 - share) + heat_map.high * share


def _level_colours(heat_map: HeatMap) -> list[int]:
    """Return the colour of each level from 0 to MAX_LEVEL."""
    low, high = heat_map.low, heat_map.high
    return [heat_colour(_value_of(heat_map, level), low, high) for level in range(MAX_LEVEL + 1)]


def _legend(heat_map: HeatMap, width: int, style: PlotStyle) -> list[Row]:
    """Return the legend `−0.42 ▀▀▀▀▀▀▀ 0.31   ■ 3 NaN or infinite`, on two lines if it doesn't fit on one."""
    glyphs = style.glyphs
    low, high = (format_number(value, glyphs, digits=3) for value in (heat_map.low, heat_map.high))
    scale_width = min(width - len(low) - len(high) - 2, MAX_SCALE)
    if scale_width < 2:
        return caption_rows(f"{low} {glyphs.ellipsis} {high}", width, style)
    levels = bytes(index * MAX_LEVEL // (scale_width - 1) for index in range(scale_width))
    if style.shading is Shading.CHARACTERS:
        scale = [Segment("".join(INK[level * (len(INK) - 1) // MAX_LEVEL] for level in levels), _PLAIN)]
    else:
        colours = _level_colours(heat_map)
        pixels = [colours[level] for level in levels]
        scale = half_blocks(pixels, pixels, style.shading)
    row = [Segment(f"{low} ", QUIET), *scale, Segment(f" {high}", QUIET)]
    count = heat_map.levels.count(NON_FINITE)
    if not count:
        return [row]
    note = f"{count:,} NaN or infinite"
    mark = glyphs.unknown if style.shading is Shading.CHARACTERS else glyphs.stopped
    if len(low) + len(high) + scale_width + len(note) + 7 <= width:
        return [[*row, Segment(f"   {mark} ", _NON_FINITE_STYLE), Segment(note, QUIET)]]
    return [row, [Segment(f"{mark} {note}"[:width], _NON_FINITE_STYLE)]]


def _format_value(number: str, glyphs: Glyphs) -> str:
    return format_formula(number.replace("-", "−"), glyphs)
