"""Show the evaluation of a run: a headline, the classes, the reliability diagram and the confusion matrix."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from fashion_tui.schema.evaluation import Averages, ClassReport, Evaluation

from .confusion import ConfusionMatrix, matrix_blocks
from .formatting import format_loss, format_percent, printable, shorten
from .glyphs import Glyphs, terminal_glyphs
from .reliability import reliability_lines
from .style import ACCENT, ATTENTION, BAD, FOREGROUND, GOOD, MUTED

WIDTH = 62
"""Width of the printed tables, in columns."""

MAX_NAME_WIDTH = 24
"""Maximum width of a class name in the table of the classes, in columns. Longer names are shortened."""

MAX_MATRIX_CLASSES = 20
"""Maximum number of classes for which the confusion matrix is printed. With more classes, most counts are 0."""

MAX_CONFUSIONS = 20
"""Number of confusions that are printed instead of the matrix."""


def evaluation_report(evaluation: Evaluation) -> RenderableType:
    """Return the headline, the table of the classes, the reliability diagram and the confusion matrix.

    The tables are WIDTH columns wide. With many classes, the most frequent confusions replace the matrix.
    """
    glyphs = terminal_glyphs()
    averages = {"macro mean": evaluation.macro, "weighted mean": evaluation.weighted}
    classes = class_lines(evaluation.per_class, WIDTH, glyphs, averages)
    empty = empty_classes(evaluation.per_class, glyphs)
    if empty is not None:
        classes.append(Text(empty, ATTENTION))
    reliability = [reliability_lines(evaluation.reliability, glyphs)] if evaluation.reliability else []
    sections: list[Sequence[RenderableType]] = [classes, *reliability, _confusions(evaluation, glyphs)]
    return Group(headline(evaluation), *(line for section in sections for line in (Text(), *section)))


def _confusions(evaluation: Evaluation, glyphs: Glyphs) -> list[RenderableType]:
    names = [report.name for report in evaluation.per_class]
    if len(names) <= MAX_MATRIX_CLASSES:
        matrix = ConfusionMatrix(names, evaluation.confusion, range(len(names)))
        return [Text("confusion matrix · rows: true class · columns: prediction", MUTED), _Matrix(matrix, glyphs)]
    return [
        Text("most frequent confusions", MUTED),
        *largest_confusions(names, evaluation.confusion, MAX_CONFUSIONS, glyphs),
    ]


@dataclass(frozen=True, slots=True)
class _Matrix:
    """A confusion matrix that is split into blocks that fit the width of the console."""

    matrix: ConfusionMatrix
    glyphs: Glyphs

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from matrix_blocks(self.matrix, options.max_width, self.glyphs)


def headline(evaluation: Evaluation) -> RenderableType:
    """Return lines with the accuracy and the other metrics, below a line that says what was evaluated."""
    subject = Text.assemble(
        (evaluation.run, "bold"),
        (f" · epoch {evaluation.epoch} · step {evaluation.step:,} · {images_text(evaluation)}", MUTED),
    )
    accuracy = Text.assemble(
        ("accuracy ", MUTED),
        (format_percent(evaluation.accuracy), f"bold {ACCENT}"),
        (f"  {format_interval(evaluation.interval, terminal_glyphs())} (95 % interval)", MUTED),
    )
    if evaluation.invalid:
        accuracy = Text(invalid_outputs(evaluation.invalid, evaluation.n), ATTENTION)
    metrics = Text.assemble(
        *_metric("top-2", format_percent(evaluation.top2)),
        *_metric("loss", format_loss(evaluation.loss)),
        *_metric("ECE", format_percent(evaluation.ece)),
    )
    if evaluation.accuracy_with_flips is not None:
        metrics.append_text(
            Text.assemble(*_metric("averaged with mirror images", format_percent(evaluation.accuracy_with_flips)))
        )
    lines = [subject, accuracy, metrics]
    if evaluation.dataset == "synthetic":
        lines.insert(1, Text(SYNTHETIC_NOTICE, ATTENTION))
    return Group(*lines)


def images_text(evaluation: Evaluation) -> str:
    """Return `10,000 test images` or `5,000 held-out images`."""
    return f"{evaluation.n:,} {'test' if evaluation.split == 'test' else 'held-out'} images"


def format_interval(interval: tuple[float, float], glyphs: Glyphs) -> str:
    """Return the ends of an interval of shares as percentages, such as `93.6–94.5 %`."""
    low, high = (f"{end * 100:.1f}" for end in interval)
    return f"{low}{'–' if glyphs.unicode else '-'}{high} %"


def invalid_outputs(invalid: int, images: int) -> str:
    """Return a message that says why there are no scores."""
    return f"the network's outputs aren't numbers for {invalid:,} of {images:,} images: no scores"


def _metric(name: str, value: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (f"{name} ", MUTED), (f"{value}   ", "")


# Classes

METRICS = ("prec", "recall", "F1")
METRIC_WIDTH = 7
SUPPORT_WIDTH = 8
MAX_NAMES = 5
"""Maximum number of classes that are named in a sentence."""
BAR_WIDTHS = (6, 24)
"""Minimum and maximum width of a bar, in columns."""


def class_lines(
    reports: Sequence[ClassReport], width: int, glyphs: Glyphs, averages: Mapping[str, Averages] | None = None
) -> list[Text]:
    """Return a header and a line for each class, with metrics in percent, a bar for F1, and the number of images.

    The number of images is left out if it doesn't fit into `width`. `averages` are named means over the classes, which
    are appended to the table.
    """
    names = [shorten(report.name, MAX_NAME_WIDTH, glyphs) for report in reports]
    name_width = max(cell_len(name) for name in ("class", *names, *(averages or ())))
    available = width - name_width - METRIC_WIDTH * len(METRICS) - 2
    with_support = available >= BAR_WIDTHS[0] + SUPPORT_WIDTH
    bar_width = min(max(available - SUPPORT_WIDTH * with_support, BAR_WIDTHS[0]), BAR_WIDTHS[1])
    header = Text("class".ljust(name_width), style=MUTED, no_wrap=True)
    for name in METRICS:
        header.append(name.rjust(METRIC_WIDTH))
    if with_support:
        header.append(" " * (2 + bar_width)).append("images".rjust(SUPPORT_WIDTH))
    lines = [header]
    for name, report in zip(names, reports, strict=True):
        line = _scores_line(name, report, name_width)
        score = 0.0 if math.isnan(report.f1) else report.f1
        line.append(f"  {glyphs.slim_bar(score, bar_width):<{bar_width}}", style=_score_colour(score))
        if with_support:
            line.append(f"{report.support:>{SUPPORT_WIDTH},}", style=MUTED)
        lines.append(line)
    return [*lines, *(_scores_line(name, means, name_width) for name, means in (averages or {}).items())]


def _scores_line(name: str, scores: ClassReport | Averages, name_width: int) -> Text:
    line = Text(set_cell_size(name, name_width), style=FOREGROUND, no_wrap=True)
    for share in (scores.precision, scores.recall, scores.f1):
        line.append("NaN".rjust(METRIC_WIDTH) if math.isnan(share) else f"{share * 100:{METRIC_WIDTH}.1f}")
    return line


def empty_classes(reports: Sequence[ClassReport], glyphs: Glyphs) -> str | None:
    """Return a sentence about the classes without images, or None if all classes have images."""
    empty = [shorten(report.name, MAX_NAME_WIDTH, glyphs) for report in reports if report.support == 0]
    if not empty:
        return None
    names = ", ".join(empty) if len(empty) <= MAX_NAMES else f"{len(empty)} classes ({', '.join(empty[:MAX_NAMES])}, …)"
    return printable(
        f"no images of {names}: recall and F1 are 0, and the macro mean counts a class without images only if it is "
        "predicted",
        glyphs,
    )


def _score_colour(score: float) -> str:
    return GOOD if score >= 0.9 else ATTENTION if score >= 0.7 else BAD


# Confusions


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
    names = [shorten(name, MAX_NAME_WIDTH, glyphs) for name in names]
    arrow = " → " if glyphs.unicode else " > "
    pairs = [f"{names[truth]}{arrow}{names[prediction]}" for _, truth, prediction in cells]
    width = max(map(cell_len, pairs), default=0)
    count_width = max([6, *(len(f"{-count:,}") + 2 for count, _, _ in cells)])
    lines = []
    for pair, (negative_count, truth, _) in zip(pairs, cells, strict=True):
        line = Text(set_cell_size(pair, width), style=FOREGROUND, no_wrap=True)
        line.append(f"{-negative_count:>{count_width},}", style=f"bold {FOREGROUND}")
        line.append(f"   {-negative_count / sum(confusion[truth]) * 100:3.0f} % of its class", style=MUTED)
        lines.append(line)
    return lines
