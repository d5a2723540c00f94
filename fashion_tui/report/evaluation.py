"""What a network makes of the test set: the headline, a table of the classes, the confusion matrix."""

import math
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from fashion_tui.schema.evaluation import ClassReport, Evaluation

from .glyphs import Glyphs, terminal_glyphs
from .style import ACCENT, ATTENTION, BAD, FOREGROUND, GOOD, MUTED

Z_95 = 1.959964
"""The normal distribution's 97.5 % quantile."""

WIDTH = 62
"""Columns of the tables."""


def evaluation_report(evaluation: Evaluation) -> RenderableType:
    """Everything, one below the other; some 60 columns wide."""
    names = [report.name for report in evaluation.per_class]
    return Group(
        headline(evaluation),
        Text(),
        *class_lines(evaluation.per_class, WIDTH, terminal_glyphs()),
        Text(),
        confusion_caption(),
        *confusion_lines(names, evaluation.confusion, terminal_glyphs()),
    )


def headline(evaluation: Evaluation) -> RenderableType:
    """Three lines: what was tested, the accuracy, the other figures."""
    where = Text.assemble(
        (evaluation.run, "bold"),
        (f" · epoch {evaluation.epoch} · step {evaluation.step:,} · {evaluation.n:,} test images", MUTED),
    )
    accuracy = Text.assemble(
        (f"{evaluation.accuracy:.1%}".replace("%", " %"), f"bold {ACCENT}"),
        (f"  ±{accuracy_margin(evaluation.accuracy, evaluation.n) * 100:.1f}", MUTED),
    )
    figures = Text.assemble(
        *_figure("top-2", f"{evaluation.top2 * 100:.1f} %"),
        *_figure("loss", f"{evaluation.loss:.3f}"),
        *_figure("ECE", f"{evaluation.ece * 100:.1f} %"),
    )
    lines = [where, accuracy, figures]
    if evaluation.dataset == "synthetic":
        lines.insert(1, Text(SYNTHETIC_NOTICE, ATTENTION))
    return Group(*lines)


def accuracy_margin(share: float, n: int) -> float:
    """Half the width of the 95 % interval of a share of n (Wilson 1927): right also where the share is near 0 or 1."""
    if n == 0:
        return 0.0
    squared = Z_95**2
    return Z_95 / (1 + squared / n) * math.sqrt(share * (1 - share) / n + squared / (4 * n * n))


def confusion_caption() -> Text:
    return Text("confusion · rows truth, columns prediction · counts", MUTED)


def _figure(name: str, value: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (f"{name} ", MUTED), (f"{value}   ", "")


# Classes

FIGURES = ("prec", "recall", "F1")
FIGURE_WIDTH = 7
SUPPORT_WIDTH = 8
BAR_WIDTHS = (6, 24)
"""Narrowest and widest bar, in columns."""


def class_lines(reports: Sequence[ClassReport], width: int, glyphs: Glyphs) -> list[Text]:
    """A header and a line a class, in per cent, with a bar for F1; the number of images only where there is room."""
    name_width = max((len(report.name) for report in reports), default=0)
    room = width - name_width - FIGURE_WIDTH * len(FIGURES) - 2
    with_support = room >= BAR_WIDTHS[0] + SUPPORT_WIDTH
    bar_width = min(max(room - SUPPORT_WIDTH * with_support, BAR_WIDTHS[0]), BAR_WIDTHS[1])
    header = Text("class".ljust(name_width), style=MUTED, no_wrap=True)
    for name in FIGURES:
        header.append(name.rjust(FIGURE_WIDTH))
    if with_support:
        header.append(" " * (2 + bar_width)).append("images".rjust(SUPPORT_WIDTH))
    lines = [header]
    for report in reports:
        line = Text(report.name.ljust(name_width), style=FOREGROUND, no_wrap=True)
        for share in (report.precision, report.recall, report.f1):
            line.append(f"{share * 100:{FIGURE_WIDTH}.1f}")
        line.append(f"  {glyphs.slim_bar(report.f1, bar_width):<{bar_width}}", style=_shade(report.f1))
        if with_support:
            line.append(f"{report.support:>{SUPPORT_WIDTH},}", style=MUTED)
        lines.append(line)
    return lines


def _shade(share: float) -> str:
    return GOOD if share >= 0.9 else ATTENTION if share >= 0.7 else BAD


# Confusion matrix

LARGE = 0.05
"""Share of a class from which a confusion stands in brackets."""

CELL_WIDTH = 5
SHORT_NAME = 3

RIGHT_SHADE = "#1f3320"
WRONG_SHADES = ((0.10, "#702c2c"), (LARGE, "#4f2525"), (0.01, "#2b1d1d"))
"""Grounds of the cells, from these shares of the class on."""


def confusion_lines(
    names: Sequence[str], confusion: Sequence[Sequence[int]], glyphs: Glyphs, width: int | None = None
) -> list[Text]:
    """A header and a line a class: rows truth, columns prediction; 62 columns wide for Fashion-MNIST.

    What was right is bold, a large confusion bold and in brackets, both on a ground of their own; none is a dot. Where
    there are fewer columns than that, names are cut.
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
        for column, count in enumerate(counts):
            line.append(*_cell(count, sum(counts), glyphs, right=column == truth))
        lines.append(line)
    return lines


def _cell(count: int, total: int, glyphs: Glyphs, *, right: bool) -> tuple[str, str]:
    number = f"{count:>{CELL_WIDTH - 1}} "
    if right:
        return number, f"bold {FOREGROUND} on {RIGHT_SHADE}"
    if count == 0:
        return f"{'·' if glyphs.unicode else '.':>{CELL_WIDTH - 1}} ", MUTED
    share = count / total
    shade = next((shade for least, shade in WRONG_SHADES if share >= least), None)
    ground = f" on {shade}" if shade else ""
    if share >= LARGE:
        marked = f"[{count}]".rjust(CELL_WIDTH)
        return marked if len(marked) == CELL_WIDTH else number, f"bold {FOREGROUND}{ground}"
    return number, FOREGROUND + ground


def largest_confusions(
    names: Sequence[str], confusion: Sequence[Sequence[int]], most: int, glyphs: Glyphs
) -> list[Text]:
    """`Shirt → T-shirt/top   197   20 % of its class`, a line each, the most frequent first."""
    cells = sorted(
        (-count, truth, prediction)
        for truth, counts in enumerate(confusion)
        for prediction, count in enumerate(counts)
        if truth != prediction and count
    )[:most]
    width = max((len(names[truth]) + len(names[prediction]) for _, truth, prediction in cells), default=0) + 3
    lines = []
    for count, truth, prediction in cells:
        line = Text(no_wrap=True)
        line.append(names[truth], style=FOREGROUND)
        line.append(" → " if glyphs.unicode else " > ", style=MUTED)
        line.append(names[prediction].ljust(width - 3 - len(names[truth])), style=FOREGROUND)
        line.append(f"{-count:>6,}", style=f"bold {FOREGROUND}")
        line.append(f"   {-count / sum(confusion[truth]) * 100:3.0f} % of its class", style=MUTED)
        lines.append(line)
    return lines
