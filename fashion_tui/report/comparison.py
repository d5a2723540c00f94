"""Tables that compare runs."""

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from fashion_tui.schema.comparison import FirstDifference, RunComparison
from fashion_tui.schema.floats import JsonFloat
from fashion_tui.schema.run import titled_name

from .charts.metrics import belongs_to_part
from .formatting import format_number, printable
from .glyphs import terminal_glyphs
from .runs import field_text
from .style import MUTED

Row = tuple[str, tuple[str, ...]]
"""The name of a setting or metric, and the text of its value in each run."""


def comparison_tables(comparison: RunComparison) -> list[RenderableType]:
    """Return a table of the settings that differ, and one of the results. Metrics of single layers are left out."""
    differences = _table("setting", comparison)
    for name, values in setting_rows(comparison):
        differences.add_row(Text(name), *map(Text, values))
    metrics = _table("metric: last (best)", comparison, justify="right")
    for name, values in [*result_rows(comparison), *metric_rows(comparison)]:
        metrics.add_row(Text(name), *values)
    settings: RenderableType = differences if comparison.differences else "all settings are the same"
    return [settings, Text(), metrics]


def setting_rows(comparison: RunComparison) -> list[Row]:
    """Return the settings that differ, with a dash for a run that doesn't have the setting."""
    glyphs = terminal_glyphs()
    return [
        (printable(name, glyphs), tuple(printable("–" if value is None else str(value), glyphs) for value in values))
        for name, values in comparison.differences.items()
    ]


def result_rows(comparison: RunComparison) -> list[Row]:
    """Return the state, test accuracy and duration of each run."""
    glyphs = terminal_glyphs()
    return [
        (name, tuple(field_text(name, value, glyphs) for value in values))
        for name, values in comparison.results.items()
    ]


def metric_rows(comparison: RunComparison) -> list[Row]:
    """Return the last and the best value of each metric. Metrics of single layers and devices are left out."""
    return [
        (
            printable(name, terminal_glyphs()),
            tuple(_last_and_best(last, best) for last, best in zip(metric.last, metric.best, strict=True)),
        )
        for name, metric in comparison.metrics.items()
        if not belongs_to_part(name)
    ]


def first_difference_lines(first: FirstDifference | None, common_steps: int) -> list[str]:
    """Return lines about the first step in which two runs differ."""
    if first is None and not common_steps:
        return ["the losses can't be compared: the runs have no common steps with a loss"]
    if first is None:
        return [f"the losses are bit-identical in all steps that both runs have logged ({common_steps:,})"]
    weights = (
        "weights: unknown, because the runs have no intact checkpoint in common before this step"
        if first.weights_step is None
        else f"weights after step {first.weights_step:,}, the last common checkpoint: {first.weights}"
    )
    names = ", ".join(first.configuration)
    return [
        f"the losses first differ in step {first.step:,}: {first.losses[0]} and {first.losses[1]}",
        f"settings: {f'different ({names})' if names else 'the same'}",
        f"batch: {first.batch}",
        weights,
    ]


def _table(title: str, comparison: RunComparison, justify: str = "left") -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=MUTED)
    table.add_column(title, overflow="fold")
    for run, run_title in zip(comparison.runs, comparison.titles, strict=True):
        name = printable(titled_name(run, run_title), terminal_glyphs())
        table.add_column(Text(name), overflow="fold", justify="right" if justify == "right" else "left")
    return table


def _last_and_best(last: JsonFloat | None, best: JsonFloat | None) -> str:
    glyphs = terminal_glyphs()
    if last is None:
        return "–"
    return format_number(last, glyphs) + ("" if best is None else f" ({format_number(best, glyphs)})")
