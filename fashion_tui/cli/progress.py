"""The progress bar of a run, on stderr; where that is no terminal, a line an epoch takes its place."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from fashion_tui.report.formatting import format_duration, format_loss, format_percent
from fashion_tui.runs.reader import RunSnapshot

ROOM = 3
"""Columns left free at the right for the ^C that a terminal writes there: a wrapped line couldn't be wiped out."""


@dataclass(frozen=True)
class _WithRoom:
    inner: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self.inner, options.update(max_width=max(options.max_width - ROOM, 1)))


class _Bar(Progress):
    def get_renderables(self) -> Iterable[RenderableType]:
        yield _WithRoom(self.make_tasks_table(self.tasks))


class TrainingBar:
    """Shows a run's snapshots; lines that are said stay above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = _Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=None, figures="")
        self.epochs = 0
        """How many the run is to have."""

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        self._console.print(Text(line))

    def print(self, line: Text) -> None:
        self._console.print(line)

    def update(self, snapshot: RunSnapshot) -> None:
        status = snapshot.status
        self.epochs = status.epochs
        if snapshot.total_steps == 0:
            return
        epoch = min(status.epoch + 1, status.epochs)
        named = "" if snapshot.state == "running" else f"  {snapshot.state}"
        self._bar.update(
            self._task,
            description=f"epoch {epoch}/{status.epochs}{named}",
            total=snapshot.total_steps,
            completed=status.step,
            figures="  ".join(_figures(snapshot)),
        )


def _figures(snapshot: RunSnapshot) -> list[str]:
    """Loss and accuracy of the last steps, speed, and the time that is left; what isn't known is left out."""
    status, figures = snapshot.status, []
    if status.loss is not None:
        figures.append(f"loss {format_loss(status.loss)}")
    if snapshot.accuracy.mean:
        figures.append(format_percent(snapshot.accuracy.mean[-1]))
    if status.images_per_second > 0:
        figures.append(f"{status.images_per_second:,.0f} img/s")
        if snapshot.config is not None:
            left = (snapshot.total_steps - status.step) * snapshot.config.recipe.batch_size
            figures.append(f"ETA {format_duration(left / status.images_per_second)}")
    return figures
