"""The list of runs: one line a run, newest first, the one under the cursor shown beside it."""

from rich.text import Text

from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import ATTENTION, BAD, FOREGROUND, GOOD, MUTED
from fashion_tui.schema.run import RunSummary, State, short_name
from fashion_tui.tui.widgets.row_list import RowList


class RunList(RowList):
    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self.runs: tuple[RunSummary, ...] = ()

    @property
    def chosen_run(self) -> RunSummary | None:
        return next((run for run in self.runs if run.run == self.chosen), None)

    def show(self, runs: tuple[RunSummary, ...]) -> None:
        """Take the runs as they are now."""
        self.runs = runs
        width, glyphs = self.size.width, terminal_glyphs()
        self.show_rows([run.run for run in runs], [run_line(run, width - 1, glyphs) for run in runs])

    def on_resize(self) -> None:
        self.show(self.runs)


def state_mark(state: State, glyphs: Glyphs) -> tuple[str, str]:
    """The sign and the colour of a state."""
    match state:
        case "running" | "starting":
            return glyphs.live, GOOD
        case "paused":
            return glyphs.paused, ATTENTION
        case "finished":
            return glyphs.good, GOOD
        case "stopped":
            return glyphs.stopped, MUTED
        case "failed":
            return glyphs.bad, BAD
        case "lost":
            return glyphs.unknown, ATTENTION


def run_line(run: RunSummary, width: int, glyphs: Glyphs) -> Text:
    """`✓ guide-a1b2    3/3  90.4%`: what it is called, how far it came, and its figure."""
    if run.damage:
        mark, colour, figure = glyphs.bad, BAD, "damaged"
    else:
        mark, colour = state_mark(run.state, glyphs)
        figure = _figure(run)
    tail = f" {run.epoch}/{run.epochs} {figure:>8} "
    name = Text(short_name(run.run), style=FOREGROUND)
    name.truncate(max(width - len(tail) - 2, 4), overflow="ellipsis", pad=True)
    return Text.assemble((mark, colour), " ", name, (tail, FOREGROUND), no_wrap=True)


def _figure(run: RunSummary) -> str:
    if run.test_accuracy is not None:
        return f"{run.test_accuracy:.2%}"
    if isinstance(run.loss, float):
        return f"{run.loss:.3f}"
    return run.loss or run.state
