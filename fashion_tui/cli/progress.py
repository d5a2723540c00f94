"""The progress bar of a run, with a line per epoch above it. If stderr isn't a terminal, only the lines are shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from fashion_tui.report.formatting import format_duration, format_loss, format_percent
from fashion_tui.report.runs import validation_scores
from fashion_tui.runs.reader import RunSnapshot
from fashion_tui.schema.run import RunConfig

MARGIN = 3
"""Columns left free on the right for the terminal's echo of ^C, so that the line doesn't wrap.

A wrapped line can't be erased.
"""


@dataclass(frozen=True)
class _WithMargin:
    inner: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self.inner, options.update(max_width=max(options.max_width - MARGIN, 1)))


class _Bar(Progress):
    def get_renderables(self) -> Iterable[RenderableType]:
        yield _WithMargin(self.make_tasks_table(self.tasks))


class TrainingBar:
    """A progress bar that shows the state of a run. Printed lines appear above the bar."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = _Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[metrics]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=None, metrics="")
        self.epochs = 0
        """Number of epochs to train; 0 before the first snapshot."""

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def print(self, line: str | Text) -> None:
        self._console.print(Text(line) if isinstance(line, str) else line, soft_wrap=True)

    def update(self, snapshot: RunSnapshot) -> None:
        status = snapshot.status
        self.epochs = status.epochs
        if snapshot.queue is not None:
            self._bar.update(self._task, description=f"queued, position {snapshot.queue.place}")
            return
        if snapshot.total_steps == 0:
            self._bar.update(self._task, description=snapshot.state)
            return
        state = "" if snapshot.state == "running" else f"  {snapshot.state}"
        self._bar.update(
            self._task,
            description=f"epoch {snapshot.current_epoch}/{status.epochs}{state}",
            total=snapshot.total_steps,
            completed=status.step,
            metrics="  ".join(_metrics(snapshot)),
        )


def _metrics(snapshot: RunSnapshot) -> list[str]:
    """Return the recent loss and accuracy, the speed and the remaining time. Unknown metrics are omitted."""
    status, metrics = snapshot.status, []
    if status.loss is not None:
        metrics.append(f"loss {format_loss(status.loss)}")
    if snapshot.curve("accuracy").mean:
        metrics.append(format_percent(snapshot.curve("accuracy").mean[-1]))
    if (validation := validation_scores(snapshot.epochs)) is not None:
        best = "" if validation.best is None else f" (best {format_percent(validation.best)})"
        metrics.append(f"validation {format_percent(validation.last)}{best}")
    if status.images_per_second > 0:
        metrics.append(f"{status.images_per_second:,.0f} img/s")
        if isinstance(snapshot.config, RunConfig):
            images_left = (snapshot.total_steps - status.step) * snapshot.config.recipe.batch_size
            metrics.append(f"ETA {format_duration(images_left / status.images_per_second)}")
    return metrics
