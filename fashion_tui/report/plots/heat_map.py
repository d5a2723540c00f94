"""A matrix: its numbers on coloured grounds where there is room for them, else a pixel for each."""

from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style

from fashion_tui.report.colormap import heat_colour, heat_style
from fashion_tui.report.formatting import format_formula, format_number
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.pixels import INK, NOTHING, Shading, half_blocks, resample
from fashion_tui.report.style import BAD, FOREGROUND
from fashion_tui.schema.plots import MAX_LEVEL, NON_FINITE, HeatMap

from .layout import QUIET, PlotStyle, Row, caption_rows, max_lines

LARGE = 56
"""Columns up to which each value gets two."""

LEGEND = 24
"""Columns of the legend's scale."""

_ODD = int(BAD.removeprefix("#"), 16)
"""The colour of what is NaN or infinite."""

_PLAIN = Style.parse(FOREGROUND)
_ALARM = Style.parse(BAD)


@dataclass(frozen=True)
class HeatMapDrawing:
    heat_map: HeatMap
    look: PlotStyle
    columns: int
    """Pixels that stand beside each other; or, with numbers, cells of each."""
    lines: int
    with_numbers: bool
    below: list[Row]
    """The legend, where there are no numbers, and the caption."""

    @classmethod
    def of(cls, heat_map: HeatMap, width: int, look: PlotStyle) -> "HeatMapDrawing":
        caption = caption_rows(heat_map.caption, width, look)
        longest = max(map(len, heat_map.value_strings), default=width)
        for space in (2, 1):
            if heat_map.columns * (longest + space) <= width:
                return cls(heat_map, look, longest + space, heat_map.rows, with_numbers=True, below=caption)
        most = max_lines(width)
        columns, lines = min(heat_map.columns, width), min(heat_map.rows, 2 * most)
        if 2 * columns <= min(width, LARGE) and lines <= most:
            columns *= 2  # and two halves of a line
        elif look.shading is Shading.CHARACTERS:
            lines = min(lines, most)
        else:
            lines = -(-lines // 2)
        below = [*_legend(heat_map, width, look), *caption]
        return cls(heat_map, look, columns, lines, with_numbers=False, below=below)

    @property
    def height(self) -> int:
        return self.lines + len(self.below)

    def rows(self) -> list[Row]:
        if self.with_numbers:
            return self._numbers() + self.below
        if self.look.shading is Shading.CHARACTERS:
            return self._characters() + self.below
        return self._pixels() + self.below

    def _numbers(self) -> list[Row]:
        count, rows = self.heat_map.columns, []
        for start in range(0, len(self.heat_map.levels), count):
            row = []
            for place in range(start, start + count):
                number = _shown(self.heat_map.value_strings[place], self.look.glyphs)
                row.append(Segment(f"{number.rjust(self.columns - 1)} ", self._ground(self.heat_map.levels[place])))
            rows.append(row)
        return rows

    def _ground(self, level: int) -> Style:
        if level == NON_FINITE:
            return _ALARM
        if self.look.shading is Shading.CHARACTERS:
            return _PLAIN
        return heat_style(_value(self.heat_map, level), self.heat_map.low, self.heat_map.high)

    def _pixels(self) -> list[Row]:
        colours = [*_colours(self.heat_map), _ODD]
        doubled = self.columns == 2 * self.heat_map.columns
        height = 2 * self.lines if doubled else min(self.heat_map.rows, 2 * self.lines)
        rows = [[colours[level] for level in row] for row in self._levels(height)]
        if height % 2:
            rows.append([NOTHING] * self.columns)
        return [half_blocks(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]

    def _characters(self) -> list[Row]:
        ink = [INK[level * (len(INK) - 1) // MAX_LEVEL] for level in range(MAX_LEVEL + 1)]
        glyphs = [*ink, self.look.glyphs.unknown]
        return [[Segment("".join(glyphs[level] for level in row), _PLAIN)] for row in self._levels(self.lines)]

    def _levels(self, height: int) -> list[bytes]:
        """Levels for so many rows of pixels; a pixel with anything in it that is no number is none."""
        levels, size = self.heat_map.levels, (self.heat_map.rows, self.heat_map.columns)
        rows = resample(levels, size, (height, self.columns))
        if NON_FINITE not in levels:
            return rows
        odd = resample(levels.translate(_ONLY_ODD), size, (height, self.columns))
        return [
            bytes(NON_FINITE if share else min(level, MAX_LEVEL) for level, share in zip(*row, strict=True))
            for row in zip(rows, odd, strict=True)
        ]


_ONLY_ODD = bytes(255 * (level == NON_FINITE) for level in range(256))


def _value(heat_map: HeatMap, level: int) -> float:
    share = level / MAX_LEVEL
    return heat_map.low * (1 - share) + heat_map.high * share


def _colours(heat_map: HeatMap) -> list[int]:
    """Of each level that stands for a number."""
    low, high = heat_map.low, heat_map.high
    return [heat_colour(_value(heat_map, level), low, high) for level in range(MAX_LEVEL + 1)]


def _legend(heat_map: HeatMap, width: int, look: PlotStyle) -> list[Row]:
    """`−0.42 ▀▀▀▀▀▀▀ 0.31   ■ 3 NaN or infinite`, of which the words go where there is no room."""
    glyphs = look.glyphs
    low, high = format_number(heat_map.low, glyphs, digits=3), format_number(heat_map.high, glyphs, digits=3)
    room = min(width - len(low) - len(high) - 2, LEGEND)
    if room < 2:
        return caption_rows(f"{low} {glyphs.ellipsis} {high}", width, look)
    levels = bytes(place * MAX_LEVEL // (room - 1) for place in range(room))
    if look.shading is Shading.CHARACTERS:
        scale = [Segment("".join(INK[level * (len(INK) - 1) // MAX_LEVEL] for level in levels), _PLAIN)]
    else:
        colours = _colours(heat_map)
        shades = [colours[level] for level in levels]
        scale = half_blocks(shades, shades)
    row = [Segment(f"{low} ", QUIET), *scale, Segment(f" {high}", QUIET)]
    odd = heat_map.levels.count(NON_FINITE)
    words = f"{odd:,} NaN or infinite"
    mark = glyphs.unknown if look.shading is Shading.CHARACTERS else glyphs.stopped
    if odd and len(low) + len(high) + room + len(words) + 7 <= width:
        return [[*row, Segment(f"   {mark} ", _ALARM), Segment(words, QUIET)]]
    return [row, [Segment(f"{mark} {words}"[:width], _ALARM)]] if odd else [row]


def _shown(number: str, glyphs: Glyphs) -> str:
    return format_formula(number.replace("-", "−"), glyphs)
