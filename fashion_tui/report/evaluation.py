"""What a network makes of the test set: the headline, a table of the classes, the confusion matrix."""

import math

from rich.console import Group, RenderableType
from rich.text import Text

from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from fashion_tui.schema.evaluation import Evaluation

from .classes import class_lines
from .confusion import confusion_lines
from .glyphs import terminal_glyphs
from .style import ACCENT, ATTENTION, MUTED

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
        (f"  ±{half_width(evaluation.accuracy, evaluation.n) * 100:.1f}", MUTED),
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


def half_width(share: float, n: int) -> float:
    """Half the width of the 95 % interval of a share of n (Wilson 1927): right also where the share is near 0 or 1."""
    if n == 0:
        return 0.0
    squared = Z_95**2
    return Z_95 / (1 + squared / n) * math.sqrt(share * (1 - share) / n + squared / (4 * n * n))


def confusion_caption() -> Text:
    return Text("confusion · rows truth, columns prediction · counts", MUTED)


def _figure(name: str, value: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (f"{name} ", MUTED), (f"{value}   ", "")
