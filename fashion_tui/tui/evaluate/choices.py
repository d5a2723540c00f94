"""Dialogs in which the user chooses a checkpoint, or the classes of the images that are shown."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text
from textual.app import App

from fashion_tui.report.class_names import short_class_names
from fashion_tui.report.formatting import format_accuracy
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.runs.run import Run
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog

from .selection import Selection

ALL = "all"
MAX_CONFUSIONS = 500
"""Maximum number of confusions that can be chosen: the most frequent ones."""
MAX_NAME_WIDTH = 24


def checkpoint_choices(run_path: Path) -> list[Choice]:
    """Return the checkpoints of a run: final, best, and those of single steps, newest first.

    This reads and verifies files, so call it in a thread. Raises UserError if the run can't be read.
    """
    with Run(run_path) as run:
        best, steps = run.checkpoints.best(), run.checkpoints.steps()
    choices = [Choice("final", Text.assemble(("final", FOREGROUND), ("   the newest weights", MUTED)))]
    if best is not None:
        accuracy = "" if best.validation_accuracy is None else f": {format_accuracy(best.validation_accuracy)}"
        note = f"   step {best.step:,}, the highest accuracy on held-out images{accuracy}"
        choices.append(Choice("best", Text.assemble(("best", FOREGROUND), (note, MUTED))))
    return [*choices, *(Choice(str(step), Text(f"step {step:,}", FOREGROUND)) for step in steps)]


async def choose_checkpoint(app: App[None], run_path: Path, title: str, current: str) -> str | None:
    """Let the user choose a checkpoint of a run. Return `final`, `best` or a step, or None if the user cancels.

    The checkpoint `current` is selected at first, if the run has it. Call this from a worker. Raises UserError if the
    run can't be read.
    """
    choices = await asyncio.to_thread(checkpoint_choices, run_path)
    return await app.push_screen_wait(ChoiceDialog(title, choices, current))


def class_dialog(
    names: Sequence[str], confusion: Sequence[Sequence[int]], selection: Selection, glyphs: Glyphs
) -> ChoiceDialog:
    """Return a dialog with all classes, each true class, each predicted class, and the most frequent confusions.

    `selected_classes` decodes its result.
    """
    arrow = "→" if glyphs.unicode else ">"
    shown = short_class_names(names, MAX_NAME_WIDTH, glyphs)
    cells = sorted(
        (-count, truth, predicted)
        for truth, counts in enumerate(confusion)
        for predicted, count in enumerate(counts)
        if count and truth != predicted
    )
    choices = [Choice(ALL, Text("all classes", FOREGROUND))]
    choices += [Choice(f"{label},", Text(name, FOREGROUND)) for label, name in enumerate(shown)]
    choices += [
        Choice(f",{label}", Text.assemble((f"predicted {arrow} ", MUTED), (name, FOREGROUND)))
        for label, name in enumerate(shown)
    ]
    choices += [
        Choice(
            f"{truth},{predicted}",
            Text.assemble(
                (shown[truth], FOREGROUND),
                (f" {arrow} ", MUTED),
                (shown[predicted], FOREGROUND),
                (f"   {-negative_count:,}", MUTED),
            ),
        )
        for negative_count, truth, predicted in cells[:MAX_CONFUSIONS]
    ]
    chosen = ",".join("" if label is None else str(label) for label in (selection.truth, selection.predicted))
    return ChoiceDialog("Show images of class", choices, chosen if selection.has_classes else ALL)


def selected_classes(key: str, selection: Selection) -> Selection:
    """Return the selection with the classes that the user chose in the dialog."""
    if key == ALL:
        return selection.of_classes(None, None)
    truth, predicted = (int(label) if label else None for label in key.split(","))
    return selection.of_classes(truth, predicted)
