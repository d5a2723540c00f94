"""The title and the legend of a chart."""

import math
from collections.abc import Sequence

from rich.text import Text

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import Glyphs

from .chart import Chart, ChartRun
from .colours import LABEL, LETTERS, TITLE, line_style, per_epoch_style

MIN_NAME = 8
"""Minimum width, in columns, of a run's name in the legend."""
SHOWN_SHARE = 3
"""The legend takes at most one of this many lines."""


def format_value(value: float, decimals: int) -> str:
    """Return a value with a fixed number of decimals, or with three significant digits if it is tiny or huge."""
    if math.isnan(value):
        return "NaN"
    if value == 0 or 10**-decimals <= abs(value) < 1e5:
        return f"{value:.{decimals}f}"
    return f"{value:.3g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")


def title_line(chart: Chart, last: Sequence[float | None], width: int, glyphs: Glyphs) -> Text:
    """Return a line such as `loss 0.076 · held out 0.236 (best 0.224 at epoch 6) · smooth 64`.

    `last` is the last value of each run.
    The parts that don't fit are left out. With several runs, the legend shows the values.
    """
    parts = [Text(printable(chart.title, glyphs), TITLE)]
    if len(chart.runs) == 1:
        run = chart.runs[0]
        if last[0] is not None:
            parts[0] = Text.assemble(parts[0], " ", (format_value(last[0], chart.decimals), line_style(0, 1)))
        if run.per_epoch:
            parts.append(_held_out(chart, run))
    if all(not run.last_step for run in chart.runs):
        parts.append(Text("no values", LABEL))
    if chart.half_life:
        parts.append(Text(f"smooth {chart.half_life}", LABEL))
    separator = Text(f" {glyphs.dot} ", LABEL)
    while len(parts) > 1 and separator.join(parts).cell_len > width:
        parts.pop()
    line = separator.join(parts)
    line.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return line


def _held_out(chart: Chart, run: ChartRun) -> Text:
    style = per_epoch_style(0, 1)
    text = Text.assemble(
        (f"{chart.per_epoch_title} ", LABEL), (format_value(run.per_epoch[-1].value, chart.decimals), style)
    )
    best = run.best(lower_is_better=chart.lower_is_better)
    if best is not None and len(run.per_epoch) > 1:
        text.append(f" (best {format_value(best.value, chart.decimals)} at epoch {best.epoch})", LABEL)
    return text


def legend_lines(chart: Chart, last: Sequence[float | None], width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return the runs with their letters, names, last and best values, in as few lines as possible.

    There is no legend for a single run. If `height` is small, runs at the end are left out, but never the selected one.
    """
    if len(chart.runs) < 2:
        return []
    order = list(range(len(chart.runs)))
    entries = [_entry(chart, index, last[index], width, glyphs) for index in order]
    lines = _pack(entries, width)
    limit = max(height // SHOWN_SHARE, 1)
    while len(lines) > limit:
        order.remove(next(index for index in reversed(order) if index != chart.selected or len(order) == 1))
        lines = _pack([entries[index] for index in order], width)
    return lines


def _entry(chart: Chart, index: int, last: float | None, width: int, glyphs: Glyphs) -> Text:
    """Return a run's entry. A name that is too long is cut at its end."""
    run = chart.runs[index]
    values = []
    if last is not None:
        values.append(format_value(last, chart.decimals))
    best = run.best(lower_is_better=chart.lower_is_better)
    if best is not None:
        values.append(f"best {format_value(best.value, chart.decimals)} at epoch {best.epoch}")
    if index == chart.baseline:
        values.append("baseline")
    rest = Text("".join(f" {value}" for value in values), LABEL)
    name = Text(printable(run.name, glyphs), TITLE if index == chart.selected else LABEL)
    name.truncate(max(width - rest.cell_len - 2, MIN_NAME), overflow="ellipsis" if glyphs.unicode else "crop")
    entry = Text.assemble((LETTERS[index], line_style(index, len(chart.runs))), " ", name, rest)
    entry.truncate(width, overflow="crop")
    return entry


def _pack(entries: Sequence[Text], width: int) -> list[Text]:
    lines: list[Text] = []
    for entry in entries:
        if lines and lines[-1].cell_len + 3 + entry.cell_len <= width:
            lines[-1] = Text.assemble(lines[-1], "   ", entry)
        else:
            lines.append(entry)
    return lines
