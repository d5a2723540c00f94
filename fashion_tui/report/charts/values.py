"""The table of the values at a crosshair: one row per run."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text

from fashion_tui.report.formatting import format_duration, format_range, printable, shorten
from fashion_tui.report.glyphs import Glyphs

from .chart import Chart
from .colours import LABEL, LETTERS, TITLE, WARNING, line_style, per_epoch_style
from .crosshair import Reading

MIN_NAME = 12
"""Minimum width, in columns, of a run's name in a table with optional columns."""
WIDE_GAP, NARROW_GAP = 3, 1
"""Distance between columns, in a wide and in a narrow table."""


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cells: Sequence[str]
    styles: Sequence[Style]
    optional: bool = False
    """Whether a narrow table leaves the column out."""

    @property
    def width(self) -> int:
        return max(len(self.title), *map(len, self.cells))


def values_table(chart: Chart, readings: Sequence[Reading | None], width: int, glyphs: Glyphs) -> list[Text]:
    """Return a heading and a row for each run, at most `width` columns wide.

    A run without values at this position has a row of dashes. A last line reports values that are NaN or infinite.
    """
    if not readings:
        return []
    columns = _columns(chart, readings, glyphs)
    longest = max(cell_len(printable(run.name, glyphs)) for run in chart.runs)
    gap = WIDE_GAP if _width(columns, WIDE_GAP) + longest <= width else NARROW_GAP
    if _width(columns, gap) + min(longest, MIN_NAME) > width:
        columns = [column for column in columns if not column.optional]
    name_width = max(min(longest, width - _width(columns, gap)), 1)
    space = " " * gap
    lines = [Text("  " + " " * name_width, LABEL)]
    lines[0].append("".join(space + column.title.rjust(column.width) for column in columns))
    for index, run in enumerate(chart.runs):
        cells = (
            part
            for column in columns
            for part in (space, (column.cells[index].rjust(column.width), column.styles[index]))
        )
        letter = LETTERS[index] if len(chart.runs) > 1 else " "
        name = set_cell_size(shorten(run.name, name_width, glyphs), name_width)
        style = TITLE if index == chart.selected else LABEL
        lines.append(Text.assemble((letter, line_style(index, len(chart.runs))), " ", (name, style), *cells))
    lines += _warning(chart, readings, glyphs)
    for line in lines:
        line.truncate(width, overflow="crop")
    return lines


def _width(columns: Sequence[_Column], gap: int) -> int:
    """Return the width of a row without the name."""
    return 2 + sum(gap + column.width for column in columns)


def _columns(chart: Chart, readings: Sequence[Reading | None], glyphs: Glyphs) -> list[_Column]:
    known = [reading for reading in readings if reading is not None]
    runs = len(readings)

    def column(
        title: str,
        cell: Callable[[Reading], str],
        style: Callable[[int], Style] = lambda _: TITLE,
        *,
        optional: bool = False,
    ) -> _Column:
        cells = ["-" if reading is None else cell(reading) or "-" for reading in readings]
        return _Column(title, cells, [style(index) for index in range(runs)], optional)

    has_ranges = any(reading.first_step != reading.last_step for reading in known)
    columns = [column("steps" if has_ranges else "step", lambda reading: _steps(reading, glyphs))]
    if any(reading.epoch is not None for reading in known):
        columns.append(column("epoch", lambda reading: _optional(reading.epoch, "{:.2f}".format)))
    if any(len(run.curve) for run in chart.runs):
        columns.append(column("mean" if has_ranges else "value", _mean, lambda index: line_style(index, runs)))
        if has_ranges:
            columns.append(column("lowest", lambda reading: _number(reading.low), optional=True))
            columns.append(column("highest", lambda reading: _number(reading.high), optional=True))
        if chart.half_life:
            smoothed = column(
                "smoothed", lambda reading: _number(reading.smoothed), lambda index: line_style(index, runs)
            )
            columns.append(smoothed)
    if any(run.per_epoch for run in chart.runs):
        columns.append(column(chart.per_epoch_title, _held_out, lambda index: per_epoch_style(index, runs)))
    if any(reading.learning_rate is not None for reading in known):
        columns.append(column("lr", lambda reading: _optional(reading.learning_rate, "{:.4g}".format)))
    if any(reading.seconds is not None for reading in known):
        columns.append(column("time", lambda reading: _optional(reading.seconds, format_duration)))
    return columns


def _steps(reading: Reading, glyphs: Glyphs) -> str:
    if reading.first_step == reading.last_step:
        return f"{reading.last_step:,}"
    return format_range(reading.first_step, reading.last_step, glyphs)


def _mean(reading: Reading) -> str:
    return "NaN/inf" if reading.nonfinite and math.isnan(reading.mean) else _number(reading.mean)


def _held_out(reading: Reading) -> str:
    if reading.held_out is None:
        return ""
    value = reading.held_out.value
    return _number(value) or "NaN"


def _number(value: float) -> str:
    """Return a value with five significant digits, or an empty string for NaN."""
    return "" if math.isnan(value) else f"{value:.5g}"


def _optional(value: float | None, form: Callable[[float], str]) -> str:
    return "" if value is None else form(value)


def _warning(chart: Chart, readings: Sequence[Reading | None], glyphs: Glyphs) -> list[Text]:
    parts = [
        f"{chart.runs[index].name}: {reading.nonfinite:,} of {reading.finite + reading.nonfinite:,}"
        for index, reading in enumerate(readings)
        if reading is not None and reading.nonfinite
    ]
    return [Text(printable(f"{glyphs.bad} NaN or infinite: {', '.join(parts)}", glyphs), WARNING)] if parts else []
