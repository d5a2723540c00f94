"""The tables of an evaluation: aligned columns, and marks that don't depend on colours."""

import io
import math
import re

import msgspec
import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from fashion_tui.report.evaluation import (
    class_lines,
    empty_classes,
    evaluation_report,
    largest_confusions,
)
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.schema.evaluation import Averages, ClassReport, Evaluation, ReliabilityBin

NAMES = ("T-shirt/top", "Shirt", "Bag")
CONFUSION = ((905, 95, 0), (197, 791, 12), (0, 0, 1000))


MEANS = Averages(precision=0.953, recall=0.948, f1=0.9494)

EVALUATION = Evaluation(
    run="20261128-1004-guide-a1b2", dataset="fashion-mnist", split="test", checkpoint="step-1125.pt", step=1_125,
    epoch=3, n=40, accuracy=0.95, interval=(0.8350, 0.98618), top2=0.975, loss=0.12345, ece=0.04567,
    accuracy_with_flips=None, confusion=((20, 1), (1, 18)), macro=MEANS,
    weighted=Averages(precision=0.951, recall=0.95, f1=0.9499),
    per_class=(
        ClassReport(name="Shirt", precision=20 / 21, recall=20 / 21, f1=20 / 21, support=21),
        ClassReport(name="Bag", precision=18 / 19, recall=18 / 19, f1=18 / 19, support=19),
    ),
    reliability=(
        ReliabilityBin(low=0.0, high=0.5, count=0, confidence=None, accuracy=None),
        ReliabilityBin(low=0.5, high=1.0, count=40, confidence=0.9, accuracy=0.95),
    ),
)  # fmt: skip


WITHOUT_BRACKETS = str.maketrans("[]", "  ")


def report_lines(evaluation: Evaluation, width: int = 80) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(evaluation_report(evaluation))
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_the_report_has_all_metrics() -> None:
    lines = report_lines(EVALUATION)
    first, accuracy, metrics, *_ = lines
    for expected in ("guide-a1b2", "epoch 3", "step 1,125", "40 test images"):
        assert expected in first
    assert accuracy.split() == ["accuracy", "95.0", "%", "83.5–98.6", "%", "(95", "%", "interval)"]
    assert metrics.split() == ["top-2", "97.5", "%", "loss", "0.123", "ECE", "4.6", "%"]
    rows = [line.split() for line in lines]
    assert ["macro", "mean", "95.3", "94.8", "94.9"] in rows
    assert ["weighted", "mean", "95.1", "95.0", "95.0"] in rows
    assert any(line.split()[:4] == ["90.0", "%", "95.0", "%"] and line.endswith(" 40") for line in lines)
    assert any(line.startswith("Bag") and "[1]" in line for line in lines)


def test_held_out_images_and_predictions_with_flips_are_named() -> None:
    changed = msgspec.structs.replace(EVALUATION, split="validation", accuracy_with_flips=0.9625)
    first, _, metrics, *_ = report_lines(changed)
    assert "40 held-out images" in first
    assert metrics.endswith("averaged with mirror images 96.2 %")


def test_a_report_without_scores_says_why_and_has_no_diagram() -> None:
    nan = Averages(precision=math.nan, recall=math.nan, f1=math.nan)
    lines = report_lines(
        msgspec.structs.replace(
            EVALUATION, accuracy=math.nan, interval=(math.nan, math.nan), top2=math.nan, loss=math.nan, ece=math.nan,
            macro=nan, weighted=nan, reliability=(), invalid=3,
        )
    )  # fmt: skip
    assert "3 of 40 images" in lines[1]
    assert "loss NaN" in lines[2]
    assert not any("confidence" in line for line in lines)


def test_classes_without_images_are_named() -> None:
    def report(name: str, support: int) -> ClassReport:
        return ClassReport(name=name, precision=0, recall=0, f1=0, support=support)

    assert empty_classes([report("Shirt", 1)], UNICODE) is None
    sentence = empty_classes([report("Shirt", 1), report("Bag", 0), report("Coat", 0)], UNICODE)
    assert sentence is not None
    assert sentence.startswith("no images of Bag, Coat: recall and F1 are 0")
    many = empty_classes([report(f"class {index}", 0) for index in range(30)], ASCII)
    assert many is not None
    assert many.startswith("no images of 30 classes (class 0, class 1, ")
    assert many.isascii()


def test_many_classes_with_long_names_have_a_list_instead_of_a_matrix() -> None:
    names = [f"{index}" * 200 for index in range(100)]
    confusion = [[0] * 100 for _ in names]
    confusion[7][9] = 4
    lines = report_lines(
        msgspec.structs.replace(
            EVALUATION,
            confusion=tuple(map(tuple, confusion)),
            per_class=tuple(ClassReport(name=name, precision=1, recall=1, f1=1, support=4) for name in names),
        )
    )
    assert max(map(cell_len, lines)) <= 80
    assert "4   100 % of its class" in lines[-1]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize(
    "names",
    [
        [letter * 200 for letter in "ABCDEFGHIJKLMNOPQR"],
        [f"第{index}类服装图像" for index in range(18)],
        list("ABCDEFGHIJKLMNOPQR"),
    ],
    ids=["long", "wide", "short"],
)
def test_all_counts_are_printed_in_aligned_columns(names: list[str], width: int) -> None:
    """The counts differ, so that each can be found."""
    size = len(names)
    confusion = np.arange(size * size).reshape(size, size) + 100
    lines = report_lines(
        msgspec.structs.replace(
            EVALUATION,
            confusion=tuple(map(tuple, confusion.tolist())),
            per_class=tuple(ClassReport(name=name, precision=1, recall=1, f1=1, support=4) for name in names),
            reliability=(),
        ),
        width,
    )
    assert max(map(cell_len, lines)) <= max(width, 62)
    start = next(index for index, line in enumerate(lines) if line.startswith("confusion matrix"))
    rows = [line.translate(WITHOUT_BRACKETS) for line in lines[start:]]
    rows = [row for row in rows if re.search(r" \d{3} ?$", row)]
    counts = [[int(count) for count in re.findall(r" (\d{3})(?= |$)", row)] for row in rows]
    printed = np.hstack([counts[first : first + size] for first in range(0, len(rows), size)])
    assert printed.tolist() == confusion.tolist()
    assert len({cell_len(row.rstrip()) for row in rows[:size]}) == 1


def test_the_largest_confusions_come_first() -> None:
    lines = [line.plain for line in largest_confusions(NAMES, CONFUSION, 2, UNICODE)]
    assert lines == [
        "Shirt → T-shirt/top   197    20 % of its class",
        "T-shirt/top → Shirt    95    10 % of its class",
    ]
    assert largest_confusions(NAMES, ((1, 0, 0), (0, 1, 0), (0, 0, 1)), 5, UNICODE) == []


def test_the_largest_confusions_in_ascii() -> None:
    lines = [line.plain for line in largest_confusions(NAMES, CONFUSION, 5, ASCII)]
    assert all(line.isascii() for line in lines)
    assert "Shirt > T-shirt/top" in lines[0]


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


def test_large_counts_and_short_names_are_separated_and_aligned() -> None:
    (line,) = largest_confusions(["A", "B"], ((0, 123_456), (0, 1)), 5, UNICODE)
    assert line.plain.split()[:4] == ["A", "→", "B", "123,456"]
    report = ClassReport(name="A", precision=1, recall=1, f1=1, support=1)
    header, row = class_lines([report], 62, UNICODE)
    assert header.cell_len == row.cell_len
