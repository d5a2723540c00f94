"""Charts of the accuracy under corruptions."""

import math

import pytest

from fashion_tui.report.charts.robustness_plot import draw_robustness, format_point
from fashion_tui.report.glyphs import ASCII, UNICODE, Glyphs
from fashion_tui.schema.robustness import RobustnessCurve


def curve(*accuracies: float) -> RobustnessCurve:
    return RobustnessCurve(
        corruption="shift", strengths=(1.0, 2.0, 3.0, 4.0, 5.0), unit="pixels", accuracies=accuracies
    )


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_each_accuracy_is_below_its_point_and_its_strength(glyphs: Glyphs) -> None:
    lines = [line.plain for line in draw_robustness(curve(0.8, 0.6, 0.4, 0.2, 0.0), 1.0, 40, 9, glyphs)]
    assert len(lines) == 9
    assert all(len(line) <= 40 for line in lines)
    title, *plot, strengths, accuracies = lines
    assert "shift" in title
    assert "pixels" in title
    assert strengths.split() == ["0", "1", "2", "3", "4", "5"]
    assert accuracies.split() == ["%", "100", "80.0", "60.0", "40.0", "20.0", "0.0"]
    points = [(row, line.index(glyphs.node)) for row, line in enumerate(plot) if glyphs.node in line]
    assert points[0][0] == 0, "100 % is at the top"
    assert points[-1][0] == len(plot) - 1, "0 % is at the bottom"
    assert [column for _, column in points] == sorted(column for _, column in points)
    assert abs(points[0][1] - strengths.index("0")) <= 1


def test_points_that_are_not_measured_yet_are_left_out() -> None:
    *plot, _, accuracies = (line.plain for line in draw_robustness(curve(0.8), 0.9, 40, 9, UNICODE)[1:])
    assert "".join(plot).count(UNICODE.node) == 2
    assert accuracies.split() == ["%", "90.0", "80.0"]


def test_accuracies_that_are_not_numbers_are_marked() -> None:
    lines = draw_robustness(curve(*[math.nan] * 5), math.nan, 40, 9, UNICODE)
    assert lines[-1].plain.split() == ["%"] + ["NaN"] * 6
    assert lines[-3].plain.count(UNICODE.bad) == 6


@pytest.mark.parametrize(("width", "height"), [(37, 9), (60, 4), (60, 3), (60, 2)])
def test_without_space_for_the_plot_only_the_numbers_are_drawn(width: int, height: int) -> None:
    lines = [line.plain for line in draw_robustness(curve(0.8, 0.6, 0.4, 0.2, 0.0), 0.9, width, height, UNICODE)]
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert lines[-1].split() == ["%", "90.0", "80.0", "60.0", "40.0", "20.0", "0.0"]
    assert "shift" in lines[0]


def test_without_space_nothing_is_drawn() -> None:
    assert draw_robustness(curve(0.8), 0.9, 40, 0, UNICODE) == []


def test_almost_100_percent_has_at_most_four_characters() -> None:
    assert [format_point(value) for value in (0.9996, 0.9994, 0.05, 0.0)] == ["100", "99.9", "5.0", "0.0"]
