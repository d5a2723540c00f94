"""The table of runs, and the lines that are printed after each epoch and at the end of a run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from fashion_tui.schema.events import EpochEnd, Finished
from fashion_tui.schema.floats import JsonFloat, encode_float
from fashion_tui.schema.run import RunSummary, State

from .formatting import (
    format_accuracy,
    format_bytes,
    format_duration,
    format_loss,
    format_number,
    format_percent,
    printable,
    shorten,
)
from .glyphs import Glyphs, terminal_glyphs
from .style import ACCENT, ATTENTION, BAD, GOOD, MUTED

if TYPE_CHECKING:  # these imports would delay the first paint
    from fashion_tui.runs.fields import Value
    from fashion_tui.runs.table import MetricSummary

_COLUMNS = ("run", "title", "state", "recipe", "data", "epoch", "step", "test", "disk")
_NUMBERS = {"epoch", "step", "test", "disk"}

_DROP_ORDER = ("data", "recipe", "disk", "epoch", "step", "title")
"""The order in which columns are dropped if the console is too narrow."""

_ID_WIDTH = 61
"""Maximum width of an id: time, name and suffix. Longer names of folders are folded instead of dropping columns."""

_TITLE_WIDTH = 24
"""Maximum width of a title, in columns. Longer titles are truncated."""

DATASET_WIDTH = 20
"""Maximum width of the name of a data set, in columns. Longer names are shortened."""

_UNLIMITED = 10_000
"""A width, in columns, that no table of runs exceeds."""


def runs_tables(runs: Sequence[RunSummary]) -> list[RenderableType]:
    """Return a table with a row for each run, followed by a line for each run that has a problem."""
    glyphs = terminal_glyphs()
    problems = [
        Text.assemble((f"{printable(run.run, glyphs)}: ", MUTED), problem) for run in runs if (problem := _problem(run))
    ]
    return [_RunsTable(runs), *([Text(), *problems] if problems else [])]


@dataclass(frozen=True, slots=True)
class _RunsTable:
    """A table of runs. If the console is too narrow, some columns are dropped, and then the ids are folded."""

    runs: Sequence[RunSummary]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        dropped = 0
        unlimited = options.update(max_width=_UNLIMITED)
        while dropped < len(_DROP_ORDER):
            table = _table(self.runs, _DROP_ORDER[:dropped], max_id_width=_ID_WIDTH)
            if console.measure(table, options=unlimited).maximum <= options.max_width:
                break
            dropped += 1
        yield _table(self.runs, _DROP_ORDER[:dropped])


def _table(runs: Sequence[RunSummary], dropped: Sequence[str], *, max_id_width: int | None = None) -> Table:
    """Return a table of runs without the columns in `dropped`. Longer ids than `max_id_width` are folded.

    Without any titles, the table has no column for them.
    """
    glyphs = terminal_glyphs()
    if not any(run.title for run in runs):
        dropped = (*dropped, "title")
    rows = [_cells(run, glyphs) for run in runs]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=MUTED)
    for name in _COLUMNS:
        if name == "run":
            table.add_column(name, overflow="fold", max_width=max_id_width)
        elif name == "title" and name not in dropped:
            table.add_column(name, overflow="ellipsis", no_wrap=True, max_width=_TITLE_WIDTH)
        elif name not in dropped:
            table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=True)
    for cells in rows:
        table.add_row(*(cell for name, cell in zip(_COLUMNS, cells, strict=True) if name not in dropped))
    return table


def _cells(run: RunSummary, glyphs: Glyphs) -> tuple[str | Text, ...]:
    """Return the cells of a run in the order of `_COLUMNS`."""
    mark, colour = state_mark(run.state, glyphs)
    unknown = "–" if run.kind in {"logged", "imported"} else "?"
    return (
        Text(printable(run.run, glyphs)),
        Text(printable(run.title, glyphs)),
        Text(f"{mark} {state_text(run)}", colour),
        Text(run.recipe or unknown),
        Text(unknown if run.dataset is None else shorten(run.dataset, DATASET_WIDTH, glyphs)),
        f"{run.epoch}/{run.epochs}" if run.epochs else "–",
        f"{run.step:,}",
        "–" if run.test_accuracy is None else format_accuracy(run.test_accuracy),
        format_bytes(run.disk_bytes),
    )


def metrics_table(metrics: "Sequence[MetricSummary]") -> Table:
    """Return a table with the last, lowest and highest value of each metric of a run."""
    glyphs = terminal_glyphs()

    def extreme(value: tuple[float, int] | None) -> tuple[str, str]:
        return ("–", "") if value is None else (format_number(value[0], glyphs), f"{value[1]:,}")

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=MUTED)
    table.add_column("metric", overflow="fold")
    for title in ("last", "lowest", "at step", "highest", "at step", "values"):
        table.add_column(title, justify="right", no_wrap=True)
    for metric in metrics:
        table.add_row(
            Text(printable(metric.name, glyphs) + (" (log10)" if metric.name.startswith("update_ratio/") else "")),
            format_number(metric.last, glyphs),
            *extreme(metric.lowest),
            *extreme(metric.highest),
            f"{metric.count:,}",
        )
    return table


def fields_table(names: Sequence[str], rows: "Sequence[Sequence[Value | None]]") -> Table:
    """Return a table of fields with a row for each run. See `RunFields.get` for the names."""
    glyphs = terminal_glyphs()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=MUTED)
    for name, values in zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True):
        is_number = any(isinstance(value, float | int) for value in values)
        table.add_column(printable(name, glyphs), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(field_text(name, value, glyphs)) for name, value in zip(names, row, strict=True)))
    return table


def field_text(name: str, value: "Value | None", glyphs: Glyphs) -> str:
    """Return the value of a field as text, or a dash if the run doesn't have the field."""
    if value is None or value == ():
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | tuple):
        return printable(value if isinstance(value, str) else " ".join(value), glyphs)
    formats: dict[str, Callable[[float], str]] = {
        "created": lambda value: time.strftime("%Y-%m-%d %H:%M", time.localtime(value)),
        "duration": format_duration,
        "disk": lambda value: format_bytes(int(value)),
        "test_accuracy": format_accuracy,
    }
    return formats[name](value) if name in formats else format_number(encode_float(value), glyphs)


def state_text(run: RunSummary) -> str:
    """Return the state of a run, such as `running`, or `queued 2` for the second run in the queue of its device."""
    return run.state if run.queue_place is None else f"{run.state} {run.queue_place}"


def state_mark(state: State, glyphs: Glyphs) -> tuple[str, str]:
    """Return the glyph and the colour of a run's state."""
    marks: dict[State, tuple[str, str]] = {
        "queued": (glyphs.queued, MUTED),
        "starting": (glyphs.live, MUTED),
        "running": (glyphs.live, ACCENT),
        "paused": (glyphs.paused, ATTENTION),
        "finished": (glyphs.good, GOOD),
        "stopped": (glyphs.stopped, MUTED),
        "failed": (glyphs.bad, BAD),
        "lost": (glyphs.unknown, ATTENTION),
        "imported": (glyphs.dot, MUTED),
    }
    return marks[state]


def _problem(run: RunSummary) -> Text:
    return Text(run.message or "" if run.damage is None else f"damaged: {run.damage}", BAD)


def epoch_line(event: EpochEnd, epochs: int) -> Text:
    """Return a line about an epoch, such as `epoch 1/3  loss 0.512  accuracy 81.3 %  0:07`."""
    line = Text(f"epoch {event.epoch}/{epochs}  {_loss_and_accuracy(event.train_loss, event.train_accuracy)}")
    if event.validation_loss is not None and event.validation_accuracy is not None:
        line.append(f"  validation: {_loss_and_accuracy(event.validation_loss, event.validation_accuracy)}")
    return line.append(f"  {format_duration(event.seconds)}", MUTED)


def _loss_and_accuracy(loss: JsonFloat, accuracy: JsonFloat) -> str:
    return f"loss {format_loss(loss)}  accuracy {format_percent(accuracy)}"


@dataclass(frozen=True, slots=True)
class ValidationScores:
    """Accuracies on the validation set."""

    last: JsonFloat
    """Accuracy after the last epoch."""
    best: float | None
    """Highest accuracy, or None if the accuracy of every epoch is NaN."""
    best_epoch: int
    """The first epoch with the highest accuracy."""


def validation_scores(epochs: Sequence[EpochEnd]) -> ValidationScores | None:
    """Return the last and the best validation accuracy, or None if no epoch was validated."""
    scores = [(epoch.validation_accuracy, epoch.epoch) for epoch in epochs if epoch.validation_accuracy is not None]
    if not scores:
        return None
    numbers = [(accuracy, -epoch) for accuracy, epoch in scores if not isinstance(accuracy, str)]
    best, negative_epoch = max(numbers, default=(None, 0))
    return ValidationScores(scores[-1][0], best, -negative_epoch)


def finished_text(event: Finished, validation: ValidationScores | None = None) -> Text:
    """Return lines with the test accuracy after the last epoch, the speed, the validation accuracy and the times.

    If early stopping ended the run, a line says why.
    """
    epochs = "1 epoch" if event.epochs == 1 else f"{event.epochs} epochs"
    flipped = event.test_accuracy_flipped
    both = "" if flipped is None else f"  (averaged with mirror images {format_accuracy(flipped)})"
    speed = f"{event.images_per_second:,.0f} img/s"
    other_times = ""
    if event.loading_seconds is not None and event.evaluation_seconds is not None:
        other_times = (
            f"\nnot included: loading {event.loading_seconds:.1f} s, evaluation {event.evaluation_seconds:.1f} s"
        )
    return Text.assemble(
        "test accuracy ",
        (format_accuracy(event.test_accuracy), f"bold {ACCENT}"),
        (both, MUTED),
        (f"  after {epochs} in {format_duration(event.train_seconds)}, {speed}", MUTED),
        (_validation_line(validation), MUTED),
        ("" if event.stopped_early is None else f"\nstopped early: {event.stopped_early}", MUTED),
        (other_times, MUTED),
    )


def _validation_line(scores: ValidationScores | None) -> str:
    if scores is None:
        return ""
    best = "" if scores.best is None else f", best {format_percent(scores.best)} after epoch {scores.best_epoch}"
    return f"\nvalidation accuracy {format_percent(scores.last)}{best}"
