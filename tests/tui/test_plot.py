"""Curves in braille characters, checked dot by dot."""

import math
from collections.abc import Sequence

import pytest

from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.tui.widgets.plot import DOTS_PER_ROW, Axis, draw_curve, fit_axis, round_steps, step_label, tick_label

DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of the dot for each bit of a Unicode braille character."""


def dots_of(lines: Sequence[str]) -> set[tuple[int, int]]:
    """Return the column and row of every dot that is set, counted from the top left."""
    return {
        (x * 2 + DOTS[bit][0], y * DOTS_PER_ROW + DOTS[bit][1])
        for y, line in enumerate(lines)
        for x, char in enumerate(line)
        if 0x2800 <= ord(char) <= 0x28FF
        for bit in range(8)
        if (ord(char) - 0x2800) >> bit & 1
    }


def test_every_value_has_a_dot_at_its_height() -> None:
    axis = Axis(0.0, 15.0, logarithmic=False)
    values = [0.0, 15.0, 7.0, 8.0, 3.0, 12.0]
    dots = dots_of(draw_curve(values, (), axis, width=3, height=4, glyphs=UNICODE))
    assert {(x, 15 - round(value)) for x, value in enumerate(values)} <= dots


def test_neighbouring_values_are_connected() -> None:
    axis = Axis(0.0, 1.0, logarithmic=False)
    dots = dots_of(draw_curve([0.0, 1.0], (), axis, width=1, height=5, glyphs=UNICODE))
    assert {y for _, y in dots} == set(range(20))


def test_non_finite_values_are_marked() -> None:
    axis = Axis(0.0, 1.0, logarithmic=False)
    for glyphs, column in ((UNICODE, 2), (ASCII, 4)):
        lines = draw_curve([0.5, 0.5, 0.5, 0.5, math.nan, 0.5], {4}, axis, width=6, height=3, glyphs=glyphs)
        assert [x for x, char in enumerate(lines[0]) if char == glyphs.bad] == [column]


def test_nan_is_a_gap() -> None:
    axis = Axis(0.0, 1.0, logarithmic=False)
    dots = dots_of(draw_curve([0.0, math.nan, 1.0], (), axis, width=2, height=3, glyphs=UNICODE))
    assert dots == {(0, 11), (2, 0)}


def test_plot_has_the_requested_size_for_any_values() -> None:
    for values in ([], [1.0], [math.nan] * 3, [1e300, -1e300], [0.0] * 500):
        for glyphs in (UNICODE, ASCII):
            axis = fit_axis(values, logarithmic=False)
            lines = draw_curve(values, (), axis, width=20, height=5, glyphs=glyphs)
            assert [len(line) for line in lines] == [20] * 5


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize("values", [[2.3, 0.31, 0.29], [0.9, 0.91], [5.0], [1e-9, 1e9], [0.3, math.nan]])
def test_axis_has_round_limits_around_all_values(values: list[float], *, logarithmic: bool) -> None:
    axis = fit_axis(values, logarithmic=logarithmic)
    finite = [value for value in values if math.isfinite(value)]
    assert axis.low <= min(finite)
    assert axis.high >= max(finite)
    ticks = axis.ticks(max_ticks=6)
    assert 1 <= len(ticks) <= 8
    assert all(axis.low * (1 - 1e-9) <= tick <= axis.high * (1 + 1e-9) for tick in ticks)


def test_axis_rarely_changes_while_values_are_appended() -> None:
    losses = [2.3 * 0.99**step + 0.3 for step in range(400)]
    axes = {fit_axis(losses[:length], logarithmic=True) for length in range(1, len(losses))}
    assert len(axes) <= 4


def test_labels_are_short() -> None:
    assert [tick_label(value) for value in (0.05, 2.5, 90.0, 1e-5)] == ["0.05", "2.5", "90", "1e-05"]
    assert [step_label(steps) for steps in (0, 950, 1500, 20_000, 1_000_000)] == ["0", "950", "1.5k", "20k", "1M"]
    assert round_steps(5625, max_labels=6) == [0, 1000, 2000, 3000, 4000, 5000]
    assert round_steps(0, max_labels=6) == [0]
