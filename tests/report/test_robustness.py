"""The accuracies on corrupted images in text."""

import math

from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.report.robustness import accuracy_curve, describe_corruption, robustness_lines
from fashion_tui.schema.robustness import Robustness, RobustnessCurve

ROBUSTNESS = Robustness(
    run="r", n=10_000, accuracy=0.905,
    curves=(
        RobustnessCurve(corruption="shift", strengths=(1.0, 2.0, 3.0), unit="pixels", accuracies=(0.85, 0.6, 0.25)),
        RobustnessCurve(corruption="noise", strengths=(0.05, 0.1, 0.2), unit="standard deviation", accuracies=(0.5,)),
    ),
)  # fmt: skip


def test_a_strength_is_named_with_its_unit() -> None:
    shift, noise = ROBUSTNESS.curves
    rotation = RobustnessCurve(corruption="rotation", strengths=(30.0,), unit="degrees", accuracies=(0.5,))
    assert describe_corruption(rotation, 30.0) == "rotation by 30 degrees"
    assert describe_corruption(shift, 3.0) == "shift by 3 pixels"
    assert describe_corruption(shift, 1.0) == "shift by 1 pixel"
    assert describe_corruption(noise, 0.25).endswith("standard deviation of 0.25")


def test_each_corruption_has_its_strengths_and_accuracies() -> None:
    caption, *lines = (line.plain for line in robustness_lines(ROBUSTNESS, UNICODE))
    assert "10,000" in caption
    assert "90.5 %" in caption
    assert lines[0].split() == ["shift", "pixels", "0", "1", "2", "3"]
    assert lines[1].split() == ["▇▇▅▃", "accuracy", "in", "%", "90.5", "85.0", "60.0", "25.0"]
    assert lines[2].split() == ["noise", "standard", "deviation", "0", "0.05", "0.1", "0.2"]
    assert lines[3].split()[-2:] == ["90.5", "50.0"], "the result so far"
    ends = [lines[0].index(" 1") + 2, lines[1].index("85.0") + 4]
    assert ends[0] == ends[1], "strengths are above their accuracies"
    assert all(len(line) <= 80 for line in lines)


def test_the_levels_of_a_curve_are_accuracies_and_not_relative() -> None:
    assert accuracy_curve((1.0, 0.9, 0.5, 0.0), UNICODE) == "█▇▅▁"
    assert accuracy_curve((0.9, math.nan), ASCII) == "*x"
