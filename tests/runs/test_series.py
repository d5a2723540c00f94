"""Curves have the statistics of their values, at any length."""

import math
import random
from array import array
from itertools import pairwise

import pytest

from fashion_tui.runs.series import MAX_EXACT, Curve, Series


def series_of(values: list[float]) -> Series:
    series = Series()
    if values:
        series.put(1, array("d", values))
    return series


def check(curve: Curve, values: list[float], missing: set[int] = frozenset()) -> None:  # type: ignore[assignment]
    """Compare each bucket with the statistics of its values. `missing` holds the indexes without a value."""
    size = curve.steps_per_bucket
    assert size & (size - 1) == 0
    assert curve.steps == len(values)
    assert len(curve) == math.ceil(len(values) / size)
    for i in range(len(curve)):
        indexes = [index for index in range(i * size, min((i + 1) * size, len(values))) if index not in missing]
        finite = [values[index] for index in indexes if math.isfinite(values[index])]
        assert curve.finite[i] == len(finite)
        assert curve.nonfinite[i] == len(indexes) - len(finite)
        if finite:
            assert math.isclose(curve.mean[i], sum(finite) / len(finite), rel_tol=1e-9, abs_tol=1e-12)
            assert (curve.low[i], curve.high[i]) == (min(finite), max(finite))
            assert curve.low[i] <= curve.mean[i] <= curve.high[i]
        else:
            assert math.isnan(curve.mean[i])
            assert math.isnan(curve.low[i])
            assert math.isnan(curve.high[i])


def test_an_empty_series_is_an_empty_curve() -> None:
    assert len(Series().curve(100)) == 0
    assert Series().values(last=5) == ()


def test_a_short_series_has_one_bucket_per_step() -> None:
    values = [3.0, 1.0, 2.0]
    curve = series_of(values).curve(100)
    assert curve.mean == curve.low == curve.high == (3.0, 1.0, 2.0)
    assert curve.steps_per_bucket == 1


def test_curves_of_any_length_and_width() -> None:
    rng = random.Random(1)
    values: list[float] = []
    series = Series()
    while len(values) < 6_000:
        new = [rng.gauss(0, 1) for _ in range(rng.choice([1, 3, 50, 900]))]
        if rng.random() < 0.1:
            new[rng.randrange(len(new))] = rng.choice([math.nan, math.inf, -math.inf])
        series.put(len(values) + 1, array("d", new))
        values += new
        if rng.random() < 0.05:
            keep = rng.randrange(len(values))
            series.truncate(keep)
            del values[keep:]
        for buckets in (rng.choice([1, 7, 64, 300]), 2000):
            curve = series.curve(buckets)
            assert len(curve) <= buckets
            check(curve, values)
    check(series.curve(20).at_most(6), values)


def test_missing_values_differ_from_nan() -> None:
    series = Series()
    series.put(1, array("d", [1.0, math.nan]))
    series.put(6, array("d", [2.0, math.inf]))
    values = [1.0, math.nan, math.nan, math.nan, math.nan, 2.0, math.inf]
    missing = {2, 3, 4}
    for buckets in (10, 4, 2, 1):
        check(series.curve(buckets), values, missing)
    series.truncate(4)
    check(series.curve(10), values[:2])
    series.put(3, array("d", [5.0]))
    check(series.curve(10), [1.0, math.nan, 5.0])


def test_curves_of_metrics_with_values_at_some_steps() -> None:
    """The statistics are those of a plain dict. Some metrics have long gaps, and some begin at step 0."""
    rng = random.Random(2)
    for spacing in (1, 3, 40, 3_000, 10**8):
        series, expected = Series(), dict[int, float]()
        step = rng.choice([0, 1, spacing])
        for _ in range(300):
            values = [rng.gauss(0, 1) for _ in range(rng.choice([1, 1, 1, 20]))]
            series.put(step, array("d", values))
            expected |= dict(enumerate(values, step))
            step += len(values) - 1 + rng.randint(1, 2 * spacing)
            if rng.random() < 0.2:
                keep = max(0, step - rng.choice([1, spacing, 3 * spacing, step // 2]))
                series.truncate(keep)
                expected = {other: value for other, value in expected.items() if other <= keep}
                step = max(expected, default=0) + 1
            for buckets in (rng.choice([1, 2, 10, 500]), 64):
                check_sparse(series.curve(buckets), expected, buckets)
        assert dict(series.items()) == expected
        assert series.values(last=3) == tuple(expected.values())[-3:]


def check_sparse(curve: Curve, values: dict[int, float], buckets: int) -> None:
    if not values:
        assert len(curve) == 0
        return
    first, size = curve.first_step, curve.steps_per_bucket
    assert first == (0 if 0 in values else 1)
    assert first + curve.steps - 1 == max(values)
    assert len(curve) <= buckets
    assert size == 1 or curve.steps > buckets * size // 2, "the smallest buckets that fit"
    members: dict[int, list[float]] = {}
    for step, value in values.items():
        members.setdefault((step - first) // size, []).append(value)
    assert curve.finite == tuple(len(members.get(index, [])) for index in range(len(curve)))
    for index, inside in members.items():
        assert (curve.low[index], curve.high[index]) == (min(inside), max(inside))
        assert math.isclose(curve.mean[index], sum(inside) / len(inside), rel_tol=1e-9, abs_tol=1e-12)


def test_a_window_has_the_statistics_of_its_steps() -> None:
    random.seed(4)
    for length in (1, 7, 1000, 3000):
        values = [random.choice((random.random(), math.nan)) for _ in range(length)]
        for first, last, buckets in (
            (1, length, 64),
            (length // 3 + 1, length, 64),
            (length // 3 + 1, length // 2 + 1, 5),
        ):
            series = series_of(values)
            series.curve(100)
            window = series.window(first, last, buckets)
            start = window.first_step - 1
            assert start % window.steps_per_bucket == 0
            assert start <= first - 1 < start + window.steps_per_bucket
            assert last <= start + window.steps < last + window.steps_per_bucket
            assert len(window) <= buckets + 1
            check(window, values[start : start + window.steps])
    assert len(series.window(length + 1, length + 50, 64)) == len(Series().window(1, 9, 64)) == 0


def test_a_window_of_a_metric_with_values_at_some_steps() -> None:
    series = Series()
    values = {step: float(step) for step in range(50, 100_001, 50)}
    for step, value in values.items():
        series.put(step, array("d", [value]))
    series.curve(512)
    for first, last, size in ((20_000, 20_400, 1), (1, 100_000, 128), (60_001, 99_000, 64)):
        window = series.window(first, last, 1000)
        assert window.steps_per_bucket == size
        start = window.first_step
        for index, (count, mean, low) in enumerate(zip(window.finite, window.mean, window.low, strict=True)):
            inside = [step for step in range(start + index * size, start + (index + 1) * size) if step in values]
            assert count == len(inside)
            if inside:
                assert (low, mean) == (min(inside), sum(inside) / len(inside))
        assert start + window.steps > last


def test_the_part_before_a_step_has_whole_buckets() -> None:
    curve = series_of([float(value) for value in range(100)]).curve(30)
    check(curve.before(41), [float(value) for value in range(40)])
    check(curve.before(44), [float(value) for value in range(40)])
    assert len(curve.before(1)) == 0
    assert curve.before(102) is curve


def test_only_the_last_buckets_change_between_rescales() -> None:
    series = series_of([float(i) for i in range(1000)])
    before = series.curve(512)
    series.put(1001, array("d", [0.0] * 24))
    after = series.curve(512)
    assert after.steps_per_bucket == before.steps_per_bucket == 2
    assert after.mean[: len(before)] == before.mean


@pytest.mark.parametrize("count", [10, 3000])
def test_the_mean_of_equal_values_has_no_rounding_error(count: int) -> None:
    assert sum([0.1] * count) / count != 0.1
    assert series_of([0.1] * count).curve(1).mean == (0.1,)


def test_the_mean_of_large_values_does_not_overflow() -> None:
    assert series_of([1e308, 1e308, 1e308]).curve(1).mean == (1e308,)


def test_metrics_have_the_same_steps_or_not() -> None:
    first, second = series_of([1.0, 2.0]), series_of([3.0, math.nan])
    assert first.steps_key == second.steps_key
    second.put(4, array("d", [1.0]))
    assert first.steps_key != second.steps_key
    first.put(3, array("d", [1.0]))
    assert first.steps_key != second.steps_key


def test_a_sample_of_a_series_has_its_first_and_last_values() -> None:
    series = Series()
    for segment in range(40):
        series.put(1 + segment * 10, array("d", [float(segment * 10 + step) for step in range(1, 4)]))
    assert series.sample(500) == [(step, float(step)) for step, _ in series.items()]
    sampled = series.sample(13)
    assert len(sampled) == 13
    assert (sampled[0], sampled[-1]) == ((1, 1.0), (393, 393.0))
    assert all(step == value for step, value in sampled)
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(sampled)]
    assert max(gaps) <= 40
    assert Series().sample(5) == []


def test_a_long_compact_series_takes_half_of_the_memory_and_has_seven_digits() -> None:
    values = array("d", [1 / step for step in range(1, MAX_EXACT + 2)])
    exact, compact = Series(), Series(compact=True)
    for series in (exact, compact):
        series.put(1, values[:-1])
    assert compact.values() == exact.values()
    for series in (exact, compact):
        series.put(len(values), values[-1:])
    assert len(compact) == len(values)
    assert compact.values() != exact.values()
    assert all(math.isclose(a, b, rel_tol=6e-8) for a, b in zip(compact.values(), values, strict=True))
    assert compact._values.itemsize * 2 == exact._values.itemsize
