"""The moving average, compared with a weighted mean computed by NumPy."""

import math
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fashion_tui.report.charts.smoothing import MovingAverage, smooth
from fashion_tui.runs.series import NO_CURVE, Series

Array = NDArray[np.float64]


def weighted_means(steps: NDArray[np.int_], values: Array, half_life: float) -> Array:
    """Return, for each value, the mean of all values so far, weighted by 0.5 ** (age in steps / half-life)."""
    ages = steps[:, None] - steps[None, :]
    weights = np.where(ages >= 0, 0.5 ** (np.maximum(ages, 0) / half_life), 0.0)
    means: Array = weights @ values / weights.sum(axis=1)
    return means


def series_of(values: list[float], first_step: int = 1) -> Series:
    series = Series()
    series.put(first_step, array("d", values))
    return series


@pytest.mark.parametrize("half_life", [1, 16, 300])
def test_every_step_has_the_weighted_mean_of_the_values_so_far(half_life: int) -> None:
    values = np.random.default_rng(0).normal(1, 1, 200)
    expected = weighted_means(np.arange(200), values, half_life)
    assert smooth(series_of(values.tolist()).curve(512), MovingAverage(half_life)) == pytest.approx(
        expected.tolist(), rel=1e-9
    )


def test_the_half_life_counts_steps_without_values_too() -> None:
    series = Series()
    for step in range(50, 2001, 50):
        series.put(step, array("d", [math.sin(step)]))
    steps = np.arange(50, 2001, 50)
    expected = weighted_means(steps, np.sin(steps), 64)
    smoothed = smooth(series.curve(4096), MovingAverage(64))
    assert [smoothed[step - 1] for step in steps] == pytest.approx(expected.tolist(), rel=1e-9)
    assert math.isnan(smoothed[0])


def test_buckets_of_equal_values_are_exact() -> None:
    values = np.repeat(np.random.default_rng(1).normal(size=30), 8)
    curve = series_of(values.tolist()).curve(30)
    assert curve.steps_per_bucket == 8
    expected = weighted_means(np.arange(240), values, 20)[7::8]
    assert smooth(curve, MovingAverage(20)) == pytest.approx(expected.tolist(), rel=1e-9)


def test_buckets_of_noise_are_close() -> None:
    values = 1 + 0.1 * np.random.default_rng(2).normal(size=1600)
    curve = series_of(values.tolist()).curve(200)
    expected = weighted_means(np.arange(1600), values, 256)[7::8]
    assert np.abs(np.array(smooth(curve, MovingAverage(256))) - expected).max() < 0.01


@given(st.floats(-1e308, 1e308), st.lists(st.integers(1, 1000), min_size=1, max_size=50), st.sampled_from([0, 1, 64]))
def test_a_constant_stays_that_constant(value: float, gaps: list[int], half_life: int) -> None:
    average = MovingAverage(half_life)
    for gap in gaps:
        average.add(value, 1 + gap // 2, gap)
        average.skip(gap)
        assert average.value == value


@given(st.lists(st.floats(-1e308, 1e308), min_size=1, max_size=50), st.sampled_from([0, 1, 64, 4096]))
def test_the_average_is_within_the_range_of_the_values(values: list[float], half_life: int) -> None:
    average = MovingAverage(half_life)
    for value in values:
        average.add(value)
    assert min(values) <= average.value <= max(values)
    if half_life == 0:
        assert average.value == values[-1]


def test_spikes_and_nan_leave_a_gap_and_do_not_affect_later_values() -> None:
    smoothed = smooth(series_of([2.0, 2.0, 1e30, math.nan, math.inf, 2.0]).curve(16), MovingAverage(4), -1e6, 1e6)
    assert smoothed[:2] + smoothed[5:] == [2.0] * 3
    assert all(map(math.isnan, smoothed[2:5]))
    assert smooth(NO_CURVE, MovingAverage(4)) == []
