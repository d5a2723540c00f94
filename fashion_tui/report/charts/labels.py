"""The labels of a chart: its title, its legend, and the label of its x axis."""

import math
from collections.abc import Sequence

from rich.text import Text

from fashion_tui.report.formatting import shorten
from fashion_tui.report.glyphs import Glyphs

from .chart import Chart, ChartRun, XAxis
from .colours import LABEL, LETTERS, TITLE, line_style, per_epoch_style

MIN_NAME = 8
"""Minimum width, in columns, of a run's name in the legend."""
SHOWN_SHARE = 3
"""The legend takes at most `1 / SHOWN_SHARE` of the lines."""


def format_value(value: float, decimals: int | None) -> str:
    """Return a value with a fixed number of decimals, or with three significant digits if it is tiny or huge.

    If `decimals` is None, the value has four significant digits.
    """
    if math.isnan(value):
        return "NaN"
    if decimals is None:
        return f"{value:.4g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    if value == 0 or 10**-decimals <= abs(value) < 1e5:
        return f"{value:.{decimals}f}"
    return f"{value:.3g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")


def x_axis_label(chart: Chart) -> str:
    """Return the label of the x axis: `planned run` while a run with a known length is live, `epochs`, or `steps, log`.

    Runs that have ended and runs of unknown length are shown up to their last step, with the label `steps`.
    """
    x = chart.shown_x
    has_plan = any(run.planned_steps and not run.ended for run in chart.runs)
    label = "steps" if x is XAxis.SO_FAR or (x is XAxis.PLANNED and not has_plan) else x.value
    if x is XAxis.SO_FAR and has_plan:
        label = "steps so far"
    return f"{label}, log" if chart.logarithmic_x else label


def title_line(chart: Chart, last: Sequence[float | None], width: int, glyphs: Glyphs) -> Text:
    """Return a line such as `loss 0.076 · validation 0.236 (best 0.224 at epoch 6) · smoothed over 64 steps`.

    `last` is the last value of each run. If the line is too long, parts are shortened or left out: first the half-life,
    then the best value, then the validation value. With several runs, the legend shows the values instead.
    """
    value, held_out, best = Text(), Text(), Text()
    if len(chart.runs) == 1:
        run = chart.runs[0]
        if last[0] is not None:
            value = Text(f" {_last_value(chart, last[0])}", line_style(0, 1))
        if run.per_epoch:
            held_out = _held_out(chart, run)
            best = _best(chart, run)
    if not any(len(run.curve) or run.per_epoch for run in chart.runs):
        held_out = Text("no values", LABEL)
    smoothing = Text(f"smoothed over {chart.half_life} steps" if chart.half_life else "", LABEL)
    name = shorten(chart.title, max(width - value.cell_len, MIN_NAME), glyphs)
    title = Text.assemble((name, TITLE), value)
    separator = Text(f" {glyphs.dot} ", LABEL)
    with_best = Text.assemble(held_out, best)
    line = title
    short = Text("smoothed" if chart.half_life else "", LABEL)
    for parts in (
        (title, with_best, smoothing),
        (title, with_best, short),
        (title, with_best),
        (title, held_out),
        (title,),
    ):
        line = separator.join(part for part in parts if part)
        if line.cell_len <= width:
            break
    line.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return line


def _value(chart: Chart, value: float) -> str:
    """Return a value with the unit of the chart, such as `91.2 %`."""
    text = format_value(value, chart.decimals)
    return f"{text} {chart.unit}" if chart.unit else text


def _last_value(chart: Chart, value: float) -> str:
    """Return the last value of a curve. NaN stands for a bucket whose values are all NaN or infinite."""
    return "NaN/inf" if math.isnan(value) else _value(chart, value)


def _held_out(chart: Chart, run: ChartRun) -> Text:
    value = _value(chart, run.per_epoch[-1].value)
    return Text.assemble((f"{chart.per_epoch_title} ", LABEL), (value, per_epoch_style(0, 1)))


def _best(chart: Chart, run: ChartRun) -> Text:
    best = run.best(lower_is_better=chart.lower_is_better)
    if best is None or len(run.per_epoch) < 2:
        return Text()
    return Text(f" (best {_value(chart, best.value)} at epoch {best.epoch})", LABEL)


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
    """Return a run's entry in the legend. A name that is too long is cut in the middle."""
    run = chart.runs[index]
    values = []
    if last is not None:
        values.append(_last_value(chart, last))
    best = run.best(lower_is_better=chart.lower_is_better)
    if best is not None:
        measured = f"{chart.per_epoch_title} " if last is not None else ""  # the last value belongs to another curve
        values.append(f"{measured}best {_value(chart, best.value)} at epoch {best.epoch}")
    if index == chart.baseline:
        values.append("baseline")
    rest = Text("".join(f" {value}" for value in values), LABEL)
    name = shorten(run.name, max(width - rest.cell_len - 2, MIN_NAME), glyphs)
    style = TITLE if index == chart.selected else LABEL
    entry = Text.assemble((LETTERS[index], line_style(index, len(chart.runs))), " ", (name, style), rest)
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
