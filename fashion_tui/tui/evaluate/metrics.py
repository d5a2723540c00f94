"""The metrics of an evaluation: the headline, the metrics of each class, and the confusion matrix."""

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import Static

from fashion_tui.report.evaluation import (
    class_lines,
    confusion_caption,
    confusion_lines,
    format_interval,
    largest_confusions,
)
from fashion_tui.report.formatting import format_loss, format_percent
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED
from fashion_tui.schema.evaluation import Evaluation
from fashion_tui.schema.run import short_name
from fashion_tui.tui.actions import key_hints, key_of
from fashion_tui.tui.widgets.large_number import large_number
from fashion_tui.tui.widgets.lines import FittedLines

PROGRESS_WIDTH = 30
MAX_CONFUSIONS = 5
"""Maximum number of entries in the list of the most frequent confusions."""


class MetricsView(Container):
    """Shows the headline and each class's metrics in `#metrics`, and the confusion matrix in `#confusion`."""

    headline = getters.query_one("#headline", Static)
    class_table = getters.query_one("#classes", FittedLines)
    matrix = getters.query_one("#matrix", FittedLines)
    largest = getters.query_one("#largest", Static)

    def compose(self) -> ComposeResult:
        with Vertical(id="metrics"):
            yield Static(id="headline")
            yield FittedLines(id="classes")
        with Vertical(id="confusion"):
            yield FittedLines(id="matrix")
            yield Static(id="largest")

    def show(self, evaluation: Evaluation) -> None:
        glyphs = terminal_glyphs()
        reports, confusion = evaluation.per_class, evaluation.confusion
        names = [report.name for report in reports]
        self.headline.update(Text("\n").join(headline(evaluation, glyphs)))
        self.class_table.fit(lambda width: class_lines(reports, width, glyphs))
        self.matrix.fit(lambda width: [confusion_caption(), *confusion_lines(names, confusion, glyphs, width)])
        largest = largest_confusions(names, confusion, MAX_CONFUSIONS, glyphs)
        self.largest.update(Text("\n").join([Text("most frequent confusions", MUTED), *largest]))


def headline(evaluation: Evaluation, glyphs: Glyphs) -> list[Text]:
    """Return three lines with the accuracy in large digits and the other metrics beside it.

    If there are no scores, the lines explain why.
    """
    if evaluation.invalid:
        return [
            Text(f"no scores: for {evaluation.invalid:,} of {evaluation.n:,} test images,", ATTENTION),
            Text("the network's outputs aren't numbers", ATTENTION),
            Text(),
        ]
    number = large_number(f"{evaluation.accuracy * 100:.1f}", glyphs)
    if evaluation.dataset == "synthetic":
        test_set = Text(f"accuracy on {evaluation.n:,} synthetic garments", ATTENTION)
    else:
        test_set = Text(f"accuracy on {evaluation.n:,} test images", MUTED)
    interval = Text(format_interval(evaluation.interval, glyphs), FOREGROUND).append(" (95 % interval)", style=MUTED)
    values = {
        "top-2": format_percent(evaluation.top2),
        "loss": format_loss(evaluation.loss),
        "ECE": format_percent(evaluation.ece),
    }
    others = Text("  ").join(Text.assemble((f"{name} ", MUTED), (text, FOREGROUND)) for name, text in values.items())
    return [
        Text.assemble((line, f"bold {ACCENT}"), (unit, f"bold {ACCENT}"), "   ", beside, no_wrap=True)
        for line, unit, beside in zip(number, ("  ", " %", "  "), (test_set, interval, others), strict=True)
    ]


def checkpoint_line(evaluation: Evaluation, total_steps: int | None) -> Text:
    """Return `guide-a1b2 · epoch 3 · step 5,625`, with ` of 11,250` appended if the run has more steps."""
    line = Text.assemble(
        (short_name(evaluation.run), f"bold {FOREGROUND}"),
        (f" · epoch {evaluation.epoch} · step {evaluation.step:,}", MUTED),
        no_wrap=True,
    )
    if total_steps is not None and evaluation.step < total_steps:
        line.append(f" of {total_steps:,}", style=ATTENTION)
    if evaluation.dataset == "synthetic":
        line.append(" · synthetic", style=ATTENTION)
    return line


def progress_line(name: str, done: int, total: int, glyphs: Glyphs) -> Text:
    """Return a line such as `evaluating guide-a1b2   3,200 / 10,000 test images  ████▌      32 %   esc cancel`."""
    share = done / total if total else 0.0
    line = Text.assemble(("evaluating ", MUTED), (name, FOREGROUND), "   ", no_wrap=True)
    if total:
        line.append(f"{done:,} / {total:,} test images  ", style=MUTED)
        line.append(f"{glyphs.bar(share, PROGRESS_WIDTH):<{PROGRESS_WIDTH}}", style=ACCENT)
        line.append(f" {share * 100:3.0f} %   ", style=FOREGROUND)
    return line.append_text(key_hints((key_of("evaluate", "back"), "cancel")))
