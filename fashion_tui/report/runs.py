"""The list of runs as a table."""

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from fashion_tui.schema.run import RunSummary, State

from .glyphs import terminal_glyphs
from .style import ACCENT, ATTENTION, BAD, GOOD, MUTED
from .words import memory


def runs_tables(runs: tuple[RunSummary, ...]) -> list[RenderableType]:
    """A row a run, in the order given; below them what is wrong with a run, a line each."""
    notes = [Text.assemble((f"{run.run}: ", MUTED), note(run)) for run in runs if note(run)]
    return [_table(runs), *([Text(), *notes] if notes else [])]


def _table(runs: tuple[RunSummary, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=MUTED)
    table.add_column("run", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("recipe", no_wrap=True)
    table.add_column("data", no_wrap=True)
    for name in ("epoch", "step", "test", "disk"):
        table.add_column(name, justify="right", no_wrap=True)
    for run in runs:
        table.add_row(
            Text(run.run),
            state_text(run.state),
            Text(run.recipe or "?"),
            Text(run.dataset or "?"),
            f"{run.epoch}/{run.epochs}" if run.epochs else "–",
            f"{run.step:,}",
            "–" if run.test_accuracy is None else f"{run.test_accuracy * 100:.1f} %",
            memory(run.disk_bytes),
        )
    return table


def state_text(state: State) -> Text:
    """The state with its mark."""
    mark, colour = _mark(state)
    return Text(f"{mark} {state}", colour)


def _mark(state: State) -> tuple[str, str]:
    glyphs = terminal_glyphs()
    marks = {
        "starting": (glyphs.live, MUTED),
        "running": (glyphs.live, ACCENT),
        "paused": (glyphs.paused, ATTENTION),
        "finished": (glyphs.good, GOOD),
        "stopped": (glyphs.stopped, MUTED),
        "failed": (glyphs.bad, BAD),
        "lost": (glyphs.unknown, ATTENTION),
    }
    return marks[state]


def note(run: RunSummary) -> Text:
    """What is wrong with a run."""
    if run.damage is not None:
        return Text(f"damaged: {run.damage}", BAD)
    return Text(run.message or "", BAD)
