"""Tables and lines that compare runs."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from fashion_tui.schema.comparison import FirstDifference, PredictionComparison, RunComparison
from fashion_tui.schema.floats import JsonFloat
from fashion_tui.schema.run import short_name, titled_name

from .charts.metrics import belongs_to_part
from .class_names import short_class_names
from .evaluation import MAX_NAME_WIDTH
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
        (printable(name, glyphs), tuple(printable(_setting_text(value), glyphs) for value in values))
        for name, values in comparison.differences.items()
    ]


def _setting_text(value: object) -> str:
    """Return a setting as text. The values of several channels are separated by commas."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "–" if value is None else str(value)


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


MAX_CHANGES = 5
"""Maximum number of cells of the confusion matrices that are listed."""

SIGNIFICANT = 0.05
"""A difference with a p-value below this is called unlikely to be due to chance."""


def prediction_lines(runs: Sequence[str], compared: PredictionComparison) -> list[Text]:
    """Return lines about the images on which two runs differ, with McNemar's test and the most changed confusions."""
    test, glyphs = compared.mcnemar, terminal_glyphs()
    first, second = (printable(short_name(run), glyphs) for run in runs)
    both = compared.n - test.only_first - test.only_second
    counts = f"only {first} is correct for {test.only_first:,}, only {second} for {test.only_second:,}"
    p = format_number(test.p, glyphs, digits=2)
    chance = "is unlikely to be due to chance" if test.p < SIGNIFICANT else "may be due to chance"
    return [
        Text(f"{compared.n:,} images: {counts}, and both or neither for {both:,}"),
        Text(f"McNemar's exact test: p = {p}: the difference {chance}"),
        *_changed_confusions(compared, second),
    ]


def _changed_confusions(compared: PredictionComparison, second: str) -> list[Text]:
    """Return a line with the confusions whose counts differ most, or nothing if no counts differ."""
    glyphs = terminal_glyphs()
    cells = sorted(
        (-abs(change), truth, prediction, change)
        for truth, changes in enumerate(compared.confusion_difference)
        for prediction, change in enumerate(changes)
        if truth != prediction and change
    )[:MAX_CHANGES]
    names = short_class_names(compared.classes, MAX_NAME_WIDTH, glyphs)
    arrow = "→" if glyphs.unicode else ">"
    changes = ", ".join(
        f"{names[truth]} {arrow} {names[prediction]} {format_number(change, glyphs) if change < 0 else f'+{change}'}"
        for _, truth, prediction, change in cells
    )
    return [Text(f"confusions of {second} that differ most: {changes}")] if cells else []


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
