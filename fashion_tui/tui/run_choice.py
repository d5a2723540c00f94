"""Let the user choose a run that has a checkpoint."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.cells import set_cell_size
from rich.text import Text
from textual.app import App

from fashion_tui.report.formatting import format_accuracy, shorten
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.runs import state_mark
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.runs.errors import DamagedRun
from fashion_tui.runs.run import Run
from fashion_tui.schema.run import RunSummary, short_name

from .actions import key_of
from .dialogs.choice import Choice, ChoiceDialog

NAME_WIDTH = 22
DATASET_WIDTH = 16

NO_CHECKPOINT = (
    "No run has a checkpoint yet. "
    f"To start a run, press {key_of('everywhere', 'train')}, then {key_of('train', 'new_run')}."
)


def runs_with_checkpoint(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """Return the runs that have a checkpoint, in the given order. This reads directories, so call it in a thread."""
    return [run for run in runs if _can_be_loaded(run)]


def _can_be_loaded(summary: RunSummary) -> bool:
    if summary.damage is not None or summary.checkpoint_bytes == 0:
        return False
    try:
        with Run(Path(summary.path)) as run:
            return bool(run.checkpoints.steps())
    except DamagedRun:  # the run was deleted after it was listed
        return False


def default_run(runs: Sequence[RunSummary]) -> Path | None:
    """Return the path of the first finished run that has a checkpoint.

    If there is none, return the path of the first run that has a checkpoint, or None. This reads directories, so call
    it in a thread.
    """
    candidates = sorted(runs, key=lambda run: run.state != "finished")  # finished runs first; the sort is stable
    return next((Path(run.path) for run in candidates if _can_be_loaded(run)), None)


async def choose_run(
    app: App[None], runs: Sequence[RunSummary], title: str, current: Path | None, other: Sequence[Choice] = ()
) -> str | None:
    """Let the user choose a run or one of the `other` choices. Return the run's path or the other choice's key.

    Return None if the user cancels or no run has a checkpoint. Call this from a worker.
    """
    candidates = await asyncio.to_thread(runs_with_checkpoint, runs)
    if not candidates:
        app.notify(NO_CHECKPOINT)
        return None
    choices = [*other, *(run_choice(run, terminal_glyphs()) for run in candidates)]
    return await app.push_screen_wait(ChoiceDialog(title, choices, None if current is None else str(current)))


def run_choice(run: RunSummary, glyphs: Glyphs) -> Choice:
    """Return the line for a run, such as `✓ guide-a1b2   3/3  90.4 %  fashion-mnist  23 Nov 14:30`."""
    glyph, colour = state_mark(run.state, glyphs)
    name = Text(short_name(run.run), FOREGROUND)
    name.truncate(NAME_WIDTH, overflow="ellipsis", pad=True)
    dataset = set_cell_size(shorten(run.dataset or "?", DATASET_WIDTH, glyphs), DATASET_WIDTH)
    accuracy = "" if run.test_accuracy is None else format_accuracy(run.test_accuracy)
    created = f"{datetime.fromtimestamp(run.created).astimezone():%d %b %H:%M}"
    line = Text.assemble(
        (glyph, colour),
        " ",
        name,
        (f" {run.epoch}/{run.epochs} {accuracy:>7}", FOREGROUND),
        (f"  {dataset} {created}", MUTED),
        no_wrap=True,
    )
    return Choice(run.path, line)
