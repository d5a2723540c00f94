"""Which runs can be evaluated."""

from datetime import datetime
from pathlib import Path

from rich.text import Text

from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.runs.errors import DamagedRun
from fashion_tui.runs.run import Run
from fashion_tui.schema.run import RunSummary, short_name
from fashion_tui.tui.dialogs.choice import Choice
from fashion_tui.tui.train.run_list import state_mark

NAME_WIDTH = 22


def with_checkpoint(runs: tuple[RunSummary, ...]) -> tuple[Path, ...]:
    """Those that have one, in the order given. Reads folders: for a thread."""
    return tuple(Path(run.path) for run in runs if run.damage is None and _has_checkpoint(Path(run.path)))


def _has_checkpoint(path: Path) -> bool:
    try:
        with Run(path) as run:
            return bool(run.checkpoints.steps())
    except DamagedRun:  # removed meanwhile
        return False


def run_to_show(runs: tuple[RunSummary, ...], evaluable: tuple[Path, ...]) -> Path | None:
    """The newest finished one, else the newest that has a checkpoint."""
    finished = [Path(run.path) for run in runs if run.state == "finished"]
    return next((path for path in (*finished, *evaluable) if path in evaluable), None)


def run_choice(run: RunSummary, glyphs: Glyphs) -> Choice:
    """`✓ guide-a1b2   3/3  90.42 %  fashion-mnist  23 Nov 14:30`."""
    mark, colour = state_mark(run.state, glyphs)
    name = Text(short_name(run.run), FOREGROUND)
    name.truncate(NAME_WIDTH, overflow="ellipsis", pad=True)
    accuracy = "" if run.test_accuracy is None else f"{run.test_accuracy * 100:.1f} %"
    created = f"{datetime.fromtimestamp(run.created).astimezone():%d %b %H:%M}"
    line = Text.assemble(
        (mark, colour),
        " ",
        name,
        (f" {run.epoch}/{run.epochs} {accuracy:>7}", FOREGROUND),
        (f"  {run.dataset or '?':<13} {created}", MUTED),
        no_wrap=True,
    )
    return Choice(run.path, line)
