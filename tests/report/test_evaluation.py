"""The tables of an evaluation: aligned columns, and marks that don't depend on colours."""

import math
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.console import Console

from fashion_tui.report.evaluation import (
    accuracy_margin,
    class_lines,
    confusion_lines,
    evaluation_report,
    largest_confusions,
)
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.schema.evaluation import ClassReport, Evaluation

NAMES = ("T-shirt/top", "Shirt", "Bag")
CONFUSION = ((905, 95, 0), (197, 791, 12), (0, 0, 1000))


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the argument between `low` and `high` at which the sign of the function changes, by bisection."""
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if function(low) * function(middle) > 0 else (low, middle)
    return low


@pytest.mark.parametrize(("accuracy", "n"), [(0.95, 40), (0.9046, 10_000), (0.5, 10), (1.0, 5), (0.0, 3)])
def test_the_interval_contains_the_accuracies_that_a_score_test_accepts(accuracy: float, n: int) -> None:
    """The Wilson interval has the true accuracies p for which |accuracy - p| is at most 1.96 standard errors of p."""

    def excess(p: float) -> float:
        return (accuracy - p) ** 2 - 1.959964**2 * p * (1 - p) / n

    low = root(excess, 0.0, accuracy) if accuracy > 0 else 0.0
    high = root(excess, max(accuracy, 1e-9), 1.0) if accuracy < 1 else 1.0
    assert accuracy_margin(accuracy, n) == pytest.approx((high - low) / 2, rel=1e-9)


def test_mistakes_in_the_interval_would_show() -> None:
    """The values on which `test_the_report...` looks differ from those of similar formulas."""
    standard_error = math.sqrt(0.95 * 0.05 / 40)
    others = [1.959964 * standard_error, 1.645 * standard_error, standard_error, 2 * accuracy_margin(0.95, 40)]
    assert f"{accuracy_margin(0.95, 40) * 100:.1f}" == "7.6"
    assert "7.6" not in [f"{other * 100:.1f}" for other in others]
    assert accuracy_margin(0.5, 0) == 0


EVALUATION = Evaluation(
    run="20261128-1004-guide-a1b2", dataset="fashion-mnist", checkpoint="step-1125.pt", step=1_125, epoch=3, n=40,
    accuracy=0.95, top2=0.975, loss=0.12345, ece=0.04567, confusion=((20, 1), (1, 18)),
    per_class=(
        ClassReport(name="Shirt", precision=20 / 21, recall=20 / 21, f1=20 / 21, support=21),
        ClassReport(name="Bag", precision=18 / 19, recall=18 / 19, f1=18 / 19, support=19),
    ),
)  # fmt: skip


def test_the_report_has_all_metrics() -> None:
    console = Console(width=80, record=True)
    console.print(evaluation_report(EVALUATION))
    first, accuracy, metrics, *_ = console.export_text().splitlines()
    for expected in ("guide-a1b2", "epoch 3", "step 1,125", "40 test images"):
        assert expected in first
    assert accuracy.split() == ["accuracy", "95.0", "%", "±7.6", "(95", "%", "interval)"]
    assert metrics.split() == ["top-2", "97.5", "%", "loss", "0.123", "ECE", "4.6", "%"]


def test_a_confusion_matrix_marks_correct_counts_and_large_confusions() -> None:
    lines = confusion_lines(NAMES, CONFUSION, UNICODE)
    assert [line.plain.rstrip() for line in lines] == [
        "             T-s  Shi  Bag",
        "T-shirt/top  905  [95]   ·",
        "Shirt       [197] 791   12",
        "Bag            ·    · 1000",
    ]
    bold = [
        line.plain[span.start : span.end].strip() for line in lines for span in line.spans if "bold" in str(span.style)
    ]
    assert bold == ["905", "[95]", "[197]", "791", "1000"]
    assert len({line.cell_len for line in lines}) == 1


def test_a_narrow_table_shortens_names_but_not_numbers() -> None:
    lines = [line.plain.rstrip() for line in confusion_lines(NAMES, CONFUSION, UNICODE, 22)]
    assert lines[1:3] == ["T-shir  905  [95]   ·", "Shirt  [197] 791   12"]


def test_the_largest_confusions_come_first() -> None:
    lines = [line.plain for line in largest_confusions(NAMES, CONFUSION, 2, UNICODE)]
    assert lines == [
        "Shirt → T-shirt/top   197    20 % of its class",
        "T-shirt/top → Shirt    95    10 % of its class",
    ]
    assert largest_confusions(NAMES, ((1, 0, 0), (0, 1, 0), (0, 0, 1)), 5, UNICODE) == []


def test_the_tables_in_ascii() -> None:
    lines = [
        line.plain
        for line in (*confusion_lines(NAMES, CONFUSION, ASCII), *largest_confusions(NAMES, CONFUSION, 5, ASCII))
    ]
    assert all(line.isascii() for line in lines)
    assert "[197]" in lines[2]
    assert "Shirt > T-shirt/top" in lines[4]


REPORTS = (
    ClassReport(name="T-shirt/top", precision=0.785, recall=0.905, f1=0.841, support=1000),
    ClassReport(name="Bag", precision=1.0, recall=1.0, f1=1.0, support=1000),
    ClassReport(name="Coat", precision=0.0, recall=0.0, f1=0.0, support=0),
)


def test_a_class_has_its_metrics_and_a_bar_for_f1() -> None:
    lines = [line.plain.rstrip() for line in class_lines(REPORTS, 62, ASCII)]
    assert lines == [
        "class         prec recall     F1                        images",
        "T-shirt/top   78.5   90.5   84.1  =================      1,000",
        "Bag          100.0  100.0  100.0  ====================   1,000",
        "Coat           0.0    0.0    0.0                             0",
    ]


def test_a_narrow_table_drops_the_number_of_images_first() -> None:
    wide, narrow = class_lines(REPORTS, 78, UNICODE), class_lines(REPORTS, 44, UNICODE)
    assert "images" in wide[0].plain
    assert "images" not in narrow[0].plain
    assert all("84.1" in lines[1].plain and "━" in lines[1].plain for lines in (wide, narrow))
    assert all(cell_len(line.plain) <= 44 for line in narrow)


def test_the_number_of_images_of_a_class_fits_its_column() -> None:
    lines = confusion_lines(NAMES, ((0, 1000, 0), (0, 0, 1000), (999, 0, 1)), UNICODE)
    assert len({line.cell_len for line in lines}) == 1
