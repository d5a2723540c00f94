"""Zooming and panning show the expected part of the x axis."""

from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashion_tui.report.charts.chart import Chart, XAxis
from fashion_tui.report.charts.ranges import x_axis
from fashion_tui.report.charts.view import (
    MIN_STEPS,
    pan,
    reveal,
    visible_steps,
    wanted_steps,
    with_fitting_details,
    zoom,
)
from fashion_tui.runs.series import Series
from tests.report.charts.runs import run_of

RUN = run_of([1.0] * 1000, steps_per_epoch=100, clock=((500, 100.0), (1000, 400.0)), ended=True)
CHART = Chart("loss", (RUN,))


def test_zooming_keeps_the_centre_in_place() -> None:
    near = zoom(CHART, 0.5, 250)
    assert near.x_range == pytest.approx((125, 625))
    assert zoom(near, 0.5, 250).x_range == pytest.approx((187.5, 437.5))
    assert zoom(near, 2, 250).x_range is None
    assert zoom(near, 2, 625).x_range is None
    assert zoom(zoom(CHART, 0.25, 1000), 2, 1000).x_range == pytest.approx((500, 1000))


@pytest.mark.parametrize(("x", "least"), [(XAxis.PLANNED, 8), (XAxis.EPOCHS, 0.08), (XAxis.WALL_TIME, 3.2)])
def test_zooming_stops_at_a_few_steps(x: XAxis, least: float) -> None:
    chart = replace(CHART, x=x)
    for _ in range(30):
        chart = zoom(chart, 0.5, x_axis(chart).value(0.5))
    assert chart.x_range is not None
    assert least <= chart.x_range[1] - chart.x_range[0] < 2 * least
    assert MIN_STEPS == 8


def test_panning_stops_at_the_ends() -> None:
    near = zoom(CHART, 0.1, 500)
    assert near.x_range == pytest.approx((450, 550))
    assert pan(near, 0.5).x_range == pytest.approx((500, 600))
    assert pan(near, -1).x_range == pytest.approx((350, 450))
    assert pan(near, 50).x_range == pytest.approx((900, 1000))
    assert pan(near, -50).x_range == pytest.approx((0, 100))
    assert pan(CHART, 0.5).x_range is None


def test_a_value_is_revealed_near_the_border_beyond_which_it_was() -> None:
    near = zoom(CHART, 0.1, 500)
    assert reveal(near, 549) is near
    assert reveal(near, 700).x_range == pytest.approx((610, 710))
    assert reveal(near, 200).x_range == pytest.approx((190, 290))
    assert reveal(near, 1000).x_range == pytest.approx((900, 1000))


def test_a_logarithmic_axis_is_zoomed_by_ratios() -> None:
    chart = zoom(replace(CHART, logarithmic_x=True), 1 / 3, 10)
    assert chart.x_range == pytest.approx((10 ** (2 / 3), 10 ** (5 / 3)))


@given(
    st.lists(st.tuples(st.sampled_from(["zoom", "pan", "reveal"]), st.floats(0.1, 3), st.floats(0, 1)), max_size=30),
    st.sampled_from(XAxis),
    st.booleans(),
)
def test_any_sequence_shows_a_part_of_the_whole(
    steps: list[tuple[str, float, float]],
    x: XAxis,
    logarithmic: bool,  # noqa: FBT001
) -> None:
    chart = replace(CHART, x=x, logarithmic_x=logarithmic)
    whole = x_axis(chart)
    for name, number, place in steps:
        value = whole.value(place)
        if name == "zoom":
            chart = zoom(chart, number, value)
        else:
            chart = pan(chart, number - 1.5) if name == "pan" else reveal(chart, value)
        shown = x_axis(chart)
        assert whole.low - 1e-6 <= shown.low < shown.high <= whole.high + 1e-6
        if name == "reveal":
            assert -1e-6 <= shown.fraction(value) <= 1 + 1e-6


def test_charts_without_values_stay_as_they_are() -> None:
    for chart in (Chart("loss"), Chart("loss", (run_of([1.0]),))):
        for changed in (zoom(chart, 2, 0), pan(chart, 1), reveal(chart, 0)):
            assert changed.x_range is None
        assert x_axis(zoom(chart, 0.5, 0)).low == 0


def test_details_are_wanted_for_a_part_of_a_long_run() -> None:
    run = run_of([1.0] * 100_000, ended=True)
    assert run.curve.steps_per_bucket == 256
    chart = Chart("loss", (run,), x_range=(20_000, 30_000))
    assert visible_steps(chart, run) == (20_000, 30_000)
    first, last = wanted_steps(chart, run) or (0, 0)
    assert (first - 1) % 256 == 0
    assert 15_000 - 256 < first <= 15_000
    assert last == 35_000
    assert wanted_steps(Chart("loss", (run,)), run) is None
    assert wanted_steps(Chart("loss", (RUN,), x_range=(10, 90)), run_of([1.0] * 100)) is None
    assert (wanted_steps(replace(chart, x_range=(95_000, 100_000)), run) or (0, 0))[1] == 102_500
    short = replace(run_of([1.0] * 2000), planned_steps=100_000)
    assert wanted_steps(replace(chart, runs=(short,)), short) is None


def test_details_are_drawn_only_where_they_cover_the_visible_part() -> None:
    run = run_of([1.0] * 100_000, ended=True)
    series = Series()
    series.put(1, array("d", [1.0] * 100_000))
    detailed = replace(run, detail=series.window(14_849, 35_000, 1024))
    assert detailed.detail.first_step == 14_849
    for x_range, fits in (
        ((20_000, 30_000), True),
        ((14_849, 35_000), True),
        ((14_848, 35_000), False),
        ((20_000, 36_000), False),
        (None, False),
    ):
        chart = with_fitting_details(Chart("loss", (detailed,), x_range=x_range))
        assert bool(chart.runs[0].detail.steps) is fits, x_range
    end = replace(run, detail=series.window(99_841, 100_000, 1024))
    assert with_fitting_details(Chart("loss", (end,), x_range=(99_900, 100_000))).runs[0].detail.steps == 160
