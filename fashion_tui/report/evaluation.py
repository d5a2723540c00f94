"""Show the evaluation of a run on the test set: a headline, a table of the classes and the confusion matrix."""

import math
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from fashion_tui.schema.evaluation import ClassReport, Evaluation

from .formatting import format_percent
from .glyphs import Glyphs, terminal_glyphs
from .style import ACCENT, ATTENTION, BAD, FOREGROUND, GOOD, MUTED, PALETTE

WIDTH = 62
"""Width of the printed tables, in columns."""

Z_95 = 1.959964
"""The 97.5th percentile of the standard normal distribution."""


def evaluation_report(evaluation: Evaluation) -> RenderableType:
    """Return the headline, the table of the classes and the confusion matrix. The tables are WIDTH columns wide."""
    names = [report.name for report in evaluation.per_class]
    glyphs = terminal_glyphs()
    return Group(
        headline(evaluation),
        Text(),
        *class_lines(evaluation.per_class, WIDTH, glyphs),
        Text(),
        confusion_caption(),
        *confusion_lines(names, evaluation.confusion, glyphs),
    )


def headline(evaluation: Evaluation) -> RenderableType:
    """Return lines with the accuracy and the other metrics, below a line that says what was evaluated."""
    subject = Text.assemble(
        (evaluation.run, "bold"),
        (f" · epoch {evaluation.epoch} · step {evaluation.step:,} · {evaluation.n:,} test images", MUTED),
    )
    accuracy = Text.assemble(
        ("accuracy ", MUTED),
        (format_percent(evaluation.accuracy), f"bold {ACCENT}"),
        (f"  {terminal_glyphs().plus_minus}{accuracy_margin(evaluation.accuracy, evaluation.n) * 100:.1f}", MUTED),
        (" (95 % interval)", MUTED),
    )
    if evaluation.invalid:
        accuracy = Text(invalid_outputs(evaluation.invalid, evaluation.n), ATTENTION)
    metrics = Text.assemble(
        *_metric("top-2", format_percent(evaluation.top2)),
        *_metric("loss", f"{evaluation.loss:.3f}"),
        *_metric("ECE", format_percent(evaluation.ece)),
    )
    lines = [subject, accuracy, metrics]
    if evaluation.dataset == "synthetic":
        lines.insert(1, Text(SYNTHETIC_NOTICE, ATTENTION))
    return Group(*lines)


def invalid_outputs(invalid: int, images: int) -> str:
    """Return a message that says why there are no scores."""
    return f"the network's outputs aren't numbers for {invalid:,} of {images:,} test images: no scores"


def _metric(name: str, value: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (f"{name} ", MUTED), (f"{value}   ", "")


def accuracy_margin(accuracy: float, n: int) -> float:
    """Return half the width of the 95 % confidence interval of an accuracy measured on n images.

    This is the Wilson interval (1927), which is also valid near 0 and 1.
    """
    if n == 0:
        return 0.0
    squared = Z_95**2
    return Z_95 / (1 + squared / n) * math.sqrt(accuracy * (1 - accuracy) / n + squared / (4 * n * n))


# Classes

METRICS = ("prec", "recall", "F1")
METRIC_WIDTH = 7
SUPPORT_WIDTH = 8
BAR_WIDTHS = (6, 24)
"""Minimum and maximum width of a bar, in columns."""


def class_lines(reports: Sequence[ClassReport], width: int, glyphs: Glyphs) -> list[Text]:
    """Return a header and a line for each class, with metrics in percent, a bar for F1, and the number of images.

    The number of images is left out if it doesn't fit into `width`.
    """
    name_width = max((len(report.name) for report in reports), default=0)
    available = width - name_width - METRIC_WIDTH * len(METRICS) - 2
    with_support = available >= BAR_WIDTHS[0] + SUPPORT_WIDTH
    bar_width = min(max(available - SUPPORT_WIDTH * with_support, BAR_WIDTHS[0]), BAR_WIDTHS[1])
    header = Text("class".ljust(name_width), style=MUTED, no_wrap=True)
    for name in METRICS:
        header.append(name.rjust(METRIC_WIDTH))
    if with_support:
        header.append(" " * (2 + bar_width)).append("images".rjust(SUPPORT_WIDTH))
    lines = [header]
    for report in reports:
        line = Text(report.name.ljust(name_width), style=FOREGROUND, no_wrap=True)
        for share in (report.precision, report.recall, report.f1):
            line.append("NaN".rjust(METRIC_WIDTH) if math.isnan(share) else f"{share * 100:{METRIC_WIDTH}.1f}")
        score = 0.0 if math.isnan(report.f1) else report.f1
        line.append(f"  {glyphs.slim_bar(score, bar_width):<{bar_width}}", style=_score_colour(score))
        if with_support:
            line.append(f"{report.support:>{SUPPORT_WIDTH},}", style=MUTED)
        lines.append(line)
    return lines


def _score_colour(score: float) -> str:
    return GOOD if score >= 0.9 else ATTENTION if score >= 0.7 else BAD


# Confusion matrix

LARGE_CONFUSION = 0.05
"""Confusions that affect at least this share of the true class's images are shown in bold and in brackets."""

CELL_WIDTH = 5
SHORT_NAME = 3
"""Length of the class names in the header, in characters.

In the rows, class names are never truncated below this length.
"""

CORRECT_BACKGROUND = PALETTE.correct
CONFUSION_BACKGROUNDS = tuple(zip((0.10, LARGE_CONFUSION, 0.01), PALETTE.confusions, strict=True))
"""(threshold, background colour) pairs. A threshold is a fraction of the number of images in the true class.

Each confusion gets the colour of the first pair whose threshold it reaches.
"""


def confusion_caption() -> Text:
    return Text("confusion matrix · rows: true class · columns: prediction", MUTED)


def confusion_lines(
    names: Sequence[str], confusion: Sequence[Sequence[int]], glyphs: Glyphs, width: int | None = None
) -> list[Text]:
    """Return a header and a line for each true class, with a column for each predicted class.

    Counts of correct predictions are bold, large confusions are bold and in brackets, and zeros are dots. The lines for
    Fashion-MNIST are 62 columns wide. If `width` is smaller, class names are truncated.
    """
    name_width = max((len(name) for name in names), default=0) + 1
    if width is not None:
        name_width = max(min(name_width, width - CELL_WIDTH * len(names)), SHORT_NAME + 1)
    header = Text(" " * name_width, no_wrap=True)
    for name in names:
        header.append(f"{name[:SHORT_NAME]:>{CELL_WIDTH - 1}} ", style=MUTED)
    lines = [header]
    for truth, counts in enumerate(confusion):
        line = Text(names[truth][: name_width - 1].ljust(name_width), style=FOREGROUND, no_wrap=True)
        for prediction, count in enumerate(counts):
            line.append(*_confusion_cell(count, sum(counts), glyphs, is_correct=prediction == truth))
        lines.append(line)
    return lines


def _confusion_cell(count: int, total: int, glyphs: Glyphs, *, is_correct: bool) -> tuple[str, str]:
    text = f"{count:>{CELL_WIDTH - 1}} "
    if is_correct:
        return text, f"bold {FOREGROUND} on {CORRECT_BACKGROUND}"
    if count == 0:
        return f"{'·' if glyphs.unicode else '.':>{CELL_WIDTH - 1}} ", MUTED
    share = count / total
    background = next((f" on {colour}" for minimum, colour in CONFUSION_BACKGROUNDS if share >= minimum), "")
    if share >= LARGE_CONFUSION:
        marked = f"[{count}]".rjust(CELL_WIDTH)
        return marked if len(marked) == CELL_WIDTH else text, f"bold {FOREGROUND}{background}"
    return text, FOREGROUND + background


def largest_confusions(
    names: Sequence[str], confusion: Sequence[Sequence[int]], limit: int, glyphs: Glyphs
) -> list[Text]:
    """Return lines for the most frequent confusions, such as `Shirt → T-shirt/top   197   20 % of its class`."""
    cells = sorted(
        (-count, truth, prediction)
        for truth, counts in enumerate(confusion)
        for prediction, count in enumerate(counts)
        if truth != prediction and count
    )[:limit]
    width = max((len(names[truth]) + len(names[prediction]) for _, truth, prediction in cells), default=0) + 3
    lines = []
    for negative_count, truth, prediction in cells:
        line = Text(no_wrap=True)
        line.append(names[truth], style=FOREGROUND)
        line.append(" → " if glyphs.unicode else " > ", style=MUTED)
        line.append(names[prediction].ljust(width - 3 - len(names[truth])), style=FOREGROUND)
        line.append(f"{-negative_count:>6,}", style=f"bold {FOREGROUND}")
        line.append(f"   {-negative_count / sum(confusion[truth]) * 100:3.0f} % of its class", style=MUTED)
        lines.append(line)
    return lines
