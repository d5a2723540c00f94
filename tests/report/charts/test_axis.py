"""Axes have round limits and ticks for any range of values."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashion_tui.report.charts.axis import (
    Axis,
    Tick,
    duration_ticks,
    epoch_ticks,
    growing_limit,
    step_ticks,
    value_axis,
    value_ticks,
)


def labels(ticks: list[Tick]) -> list[str]:
    return [tick.label for tick in ticks]


@given(
    first=st.floats(allow_nan=False),
    second=st.floats(allow_nan=False),
    max_ticks=st.integers(2, 12),
    logarithmic=st.booleans(),
)
def test_any_range_has_at_least_two_distinct_labels_on_the_axis(
    first: float, second: float, max_ticks: int, *, logarithmic: bool
) -> None:
    low, high = sorted((first, second))
    axis = value_axis(low, high, logarithmic=logarithmic)
    ticks = value_ticks(axis, max_ticks)
    assert len(ticks) >= 2
    assert len(set(labels(ticks))) == len(ticks)
    assert all(-1e-6 <= axis.fraction(tick.value) <= 1 + 1e-6 for tick in ticks)
    for tick in ticks:
        assert float(tick.label) == pytest.approx(tick.value, rel=1e-5, abs=abs(axis.high - axis.low) * 1e-6)


@given(st.floats(-1e200, 1e200), st.floats(-1e200, 1e200))
def test_a_linear_axis_covers_the_values_without_wasting_most_of_its_length(first: float, second: float) -> None:
    low, high = sorted((first, second))
    axis = value_axis(low, high, logarithmic=False)
    slack = (axis.high - axis.low) * 1e-6
    assert axis.low <= low + slack
    assert axis.high >= high - slack
    if high - low > 1e-3 * max(abs(low), abs(high)) and high - low > 1e-200:
        assert high - low >= 0.75 * (axis.high - axis.low)


@given(st.floats(1e-200, 1e200), st.floats(1e-200, 1e200))
def test_a_logarithmic_axis_covers_the_values_without_wasting_most_of_its_length(first: float, second: float) -> None:
    low, high = sorted((first, second))
    axis = value_axis(low, high, logarithmic=True)
    assert axis.low <= low * (1 + 1e-6)
    assert axis.high >= high * (1 - 1e-6)
    if high > 1.001 * low:
        assert math.log(high / low) >= 0.6 * math.log(axis.high / axis.low)


def test_narrow_ranges_fill_the_axis_and_constants_are_in_its_middle() -> None:
    for logarithmic in (False, True):
        axis = value_axis(2.2, 2.3, logarithmic=logarithmic)
        assert (axis.low, axis.high) == pytest.approx((2.2, 2.3))
        assert labels(value_ticks(axis, 4)) == ["2.20", "2.25", "2.30"]
        assert value_axis(1, 1, logarithmic=logarithmic).fraction(1) == pytest.approx(0.5)
    assert value_axis(0, 49, logarithmic=False).high == 50
    assert labels(value_ticks(value_axis(0.19, 2.3, logarithmic=True), 8)) == ["0.2", "0.5", "1", "2"]


def test_positions_on_the_axis() -> None:
    linear, logarithmic = Axis(10, 30), Axis(0.01, 100, logarithmic=True)
    assert [linear.fraction(value) for value in (10, 15, 30, 40)] == [0, 0.25, 1, 1.5]
    assert [logarithmic.fraction(value) for value in (0.01, 0.1, 1, 100)] == pytest.approx([0, 0.25, 0.5, 1])
    assert logarithmic.fraction(0) < 0


def test_labels_of_values_have_the_digits_that_distinguish_them() -> None:
    assert labels(value_ticks(Axis(0.93, 0.95), 5)) == ["0.930", "0.935", "0.940", "0.945", "0.950"]
    assert labels(value_ticks(Axis(0, 1e-5), 3)) == ["0", "5e-6", "1e-5"]
    assert labels(value_ticks(Axis(0.1, 5, logarithmic=True), 8)) == ["0.1", "0.2", "0.5", "1", "2", "5"]
    assert labels(value_ticks(Axis(1e-6, 1e6, logarithmic=True), 5)) == ["1e-6", "0.001", "1", "1000", "1e6"]


def test_labels_of_steps_epochs_and_durations() -> None:
    assert labels(step_ticks(Axis(0, 15_000), 4)) == ["0", "5k", "10k", "15k"]
    assert labels(step_ticks(Axis(0, 3000), 7)) == ["0", "500", "1k", "1.5k", "2k", "2.5k", "3k"]
    assert labels(step_ticks(Axis(123_400, 123_420), 3)) == ["123.4k", "123.41k", "123.42k"]
    assert labels(epoch_ticks(Axis(0, 8), 9)) == ["0", "1", "2", "3", "4", "5", "6", "7", "8"]
    assert labels(epoch_ticks(Axis(0, 1), 3)) == ["0", "0.5", "1.0"]
    assert labels(duration_ticks(Axis(0, 60), 3)) == ["0 s", "30 s", "1 min"]
    assert labels(duration_ticks(Axis(60, 180), 5)) == ["1 min", "1:30 min", "2 min", "2:30 min", "3 min"]
    assert labels(duration_ticks(Axis(0, 5400), 4)) == ["0 s", "30 min", "1 h", "1:30 h"]
    assert labels(duration_ticks(Axis(0, 10 * 86_400), 3)) == ["0 s", "5 d", "10 d"]


@given(st.floats(1, 1e9), st.integers(2, 10))
def test_step_and_duration_axes_have_two_labels(length: float, max_ticks: int) -> None:
    for ticks in (step_ticks(Axis(0, length), max_ticks), duration_ticks(Axis(0, length), max_ticks)):
        assert len({tick.label for tick in ticks}) == len(ticks) >= 2


def test_a_growing_axis_is_extended_by_a_quarter() -> None:
    limits = sorted({growing_limit(last) for last in range(1, 100_001)})
    assert limits[0] == 10
    assert limits[-1] < 1.27 * 100_000
    assert all(1.1 < after / before < 1.35 for before, after in pairwise(limits))
    assert len(limits) == math.ceil(math.log(10_000) / math.log(1.25)) + 1
    assert all(growing_limit(last) >= last for last in range(1, 2000))
