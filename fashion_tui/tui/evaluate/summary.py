"""The summary of an evaluation: the headline, and the metrics of each class or the reliability diagram."""

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.reactive import var
from textual.widgets import Static

from fashion_tui.report.baselines import baseline_lines
from fashion_tui.report.evaluation import class_lines, empty_classes, format_interval, images_text
from fashion_tui.report.formatting import format_loss, format_percent, shorten
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.reliability import reliability_lines
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED
from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.evaluation import Evaluation
from fashion_tui.schema.run import short_name
from fashion_tui.tui.actions import key_hints, key_of
from fashion_tui.tui.widgets.large_number import large_number
from fashion_tui.tui.widgets.lines import GrowingLines

PROGRESS_WIDTH = 30

MAX_DATASET_WIDTH = 16
"""Maximum width of the name of a data set, in columns. Longer names are shortened."""


class SummaryView(Vertical):
    """Shows the headline above a table of the classes, which can be replaced with the reliability diagram."""

    reliability: var[bool] = var(False, init=False)
    """Whether the reliability diagram is shown instead of the table of the classes."""

    headline = getters.query_one("#headline", Static)
    verdict = getters.query_one("#verdict", Static)
    table = getters.query_one("#table", GrowingLines)
    scroll_area = getters.query_one(VerticalScroll)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._evaluation: Evaluation | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="headline")
        yield Static(id="verdict")
        with VerticalScroll(can_focus=False):
            yield GrowingLines(id="table")

    def show(self, evaluation: Evaluation, baselines: Baselines | None) -> None:
        """Show an evaluation and, if they are known, the accuracies of simple models on the same images."""
        self._evaluation = evaluation
        self.headline.update(Text("\n").join(headline(evaluation, terminal_glyphs())))
        self.verdict.display = baselines is not None
        if baselines is not None:
            self.verdict.update(Text("\n").join(baseline_lines(evaluation, baselines)))
        self.watch_reliability()

    def show_comparison_progress(self, done: int, total: int) -> None:
        """Show how far the comparison with simple models is."""
        percent = f"{done / total * 100:.0f} %" if total else terminal_glyphs().ellipsis
        self.verdict.update(
            Text.assemble(
                ("fitting simple models ", MUTED),
                (f"{percent}   ", FOREGROUND),
                key_hints((key_of("evaluate", "back"), "cancel")),
            )
        )
        self.verdict.display = True

    def hide_comparison(self) -> None:
        self.verdict.display = False

    def watch_reliability(self) -> None:
        evaluation, glyphs = self._evaluation, terminal_glyphs()
        if evaluation is None:
            return
        if self.reliability:
            self.table.fit(lambda width: reliability_table(evaluation, width, glyphs))
        else:
            self.table.fit(lambda width: class_table(evaluation, width, glyphs))

    def scroll_table(self, lines: int) -> None:
        self.scroll_area.scroll_relative(y=lines, animate=False)

    def scroll_pages(self, pages: int) -> None:
        self.scroll_table(pages * max(self.scroll_area.size.height - 1, 1))


def headline(evaluation: Evaluation, glyphs: Glyphs) -> list[Text]:
    """Return three lines with the accuracy in large digits and the other metrics beside it.

    A fourth line contains the accuracy with mirror images, if they were evaluated. If there are no scores, the lines
    explain why.
    """
    if evaluation.invalid:
        return [
            Text(f"no scores: for {evaluation.invalid:,} of {images_text(evaluation)},", ATTENTION),
            Text("the network's outputs aren't numbers", ATTENTION),
            Text(),
        ]
    number = large_number(f"{evaluation.accuracy * 100:.1f}", glyphs)
    if evaluation.dataset == "synthetic":
        kind = "synthetic" if evaluation.split == "test" else "held-out"
        images = Text(f"accuracy on {evaluation.n:,} {kind} garments", ATTENTION)
    else:
        images = Text(f"accuracy on {images_text(evaluation)}", MUTED)
    interval = Text(format_interval(evaluation.interval, glyphs), FOREGROUND).append(" (95 % interval)", style=MUTED)
    values = {
        "top-2": format_percent(evaluation.top2),
        "loss": format_loss(evaluation.loss),
        "ECE": format_percent(evaluation.ece),
    }
    others = Text("  ").join(Text.assemble((f"{name} ", MUTED), (text, FOREGROUND)) for name, text in values.items())
    lines = [
        Text.assemble((line, f"bold {ACCENT}"), (unit, f"bold {ACCENT}"), "   ", beside, no_wrap=True)
        for line, unit, beside in zip(number, ("  ", " %", "  "), (images, interval, others), strict=True)
    ]
    if evaluation.accuracy_with_flips is not None:
        flips = format_percent(evaluation.accuracy_with_flips)
        lines.append(Text.assemble(("averaged with mirror images ", MUTED), (flips, FOREGROUND)))
    return lines


def class_table(evaluation: Evaluation, width: int, glyphs: Glyphs) -> list[Text]:
    """Return the metrics of each class, their means, and a sentence about the classes without images."""
    means = {"macro mean": evaluation.macro, "weighted mean": evaluation.weighted}
    lines = class_lines(evaluation.per_class, width, glyphs, means)
    empty = empty_classes(evaluation.per_class, glyphs)
    return lines if empty is None else [*lines, *_wrapped(Text(empty, ATTENTION), width)]


def reliability_table(evaluation: Evaluation, width: int, glyphs: Glyphs) -> list[Text]:
    """Return the reliability diagram, or a sentence that says why there is none."""
    if not evaluation.reliability:
        return _wrapped(Text("no reliability diagram: there are no scores", ATTENTION), width)
    explanation = "If 80 % of the predictions with a confidence of 80 % are correct, the bar ends at the mark."
    return [*reliability_lines(evaluation.reliability, glyphs, width), *_wrapped(Text(explanation, MUTED), width)]


def _wrapped(text: Text, width: int) -> list[Text]:
    words, lines = text.plain.split(), [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return [Text(line, text.style) for line in lines]


def checkpoint_line(
    evaluation: Evaluation, checkpoint: str, total_steps: int | None, dataset: str | None = None
) -> Text:
    """Return `guide-a1b2 · epoch 3 · step 5,625`, with ` of 11,250` appended if the run has more steps.

    `checkpoint` is `final`, `best`, or a step number. The best checkpoint is named as such. `dataset` is the name of
    the run's data set, or None if it needn't be shown.
    """
    line = Text.assemble(
        (short_name(evaluation.run), f"bold {FOREGROUND}"),
        ("" if dataset is None else f" · {shorten(dataset, MAX_DATASET_WIDTH, terminal_glyphs())}", ATTENTION),
        (f" · epoch {evaluation.epoch} · step {evaluation.step:,}", MUTED),
        no_wrap=True,
    )
    if total_steps is not None and evaluation.step < total_steps:
        line.append(f" of {total_steps:,}", style=ATTENTION)
    if checkpoint == "best":
        line.append(" · best", style=ACCENT)
    if evaluation.split == "validation":
        line.append(" · held-out images", style=ACCENT)
    if evaluation.dataset == "synthetic":
        line.append(" · synthetic", style=ATTENTION)
    return line


def progress_line(name: str, done: int, total: int, glyphs: Glyphs) -> Text:
    """Return a line such as `evaluating guide-a1b2   3,200 / 10,000 images  ████▌      32 %   esc cancel`."""
    share = done / total if total else 0.0
    line = Text.assemble(("evaluating ", MUTED), (name, FOREGROUND), "   ", no_wrap=True)
    if total:
        line.append(f"{done:,} / {total:,} images  ", style=MUTED)
        line.append(f"{glyphs.bar(share, PROGRESS_WIDTH):<{PROGRESS_WIDTH}}", style=ACCENT)
        line.append(f" {share * 100:3.0f} %   ", style=FOREGROUND)
    return line.append_text(key_hints((key_of("evaluate", "back"), "cancel")))
