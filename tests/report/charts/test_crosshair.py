"""The values at a position of a chart are those of the log."""

import math
from array import array
from dataclasses import replace

import numpy as np
import pytest

from fashion_tui.report.charts.chart import Chart, ChartRun, EpochValue, XAxis, step_at, x_position
from fashion_tui.report.charts.crosshair import Reading, column_of, ends, move, read_runs, with_crosshair
from fashion_tui.report.charts.drawing import draw_chart
from fashion_tui.report.glyphs import ASCII, UNICODE, Glyphs
from fashion_tui.runs.series import Series
from tests.report.charts.runs import run_of

WIDTH, HEIGHT = 87, 20
"""Size of a chart whose plot has 80 columns."""
HELD_OUT = tuple(EpochValue(epoch, epoch * 100, value) for epoch, value in ((1, 0.5), (2, 0.2), (3, 0.3)))


def read(chart: Chart, x: float) -> list[Reading | None]:
    return read_runs(chart, draw_chart(chart, WIDTH, HEIGHT, UNICODE), x)


def one(chart: Chart, x: float) -> Reading:
    (reading,) = read(chart, x)
    assert reading is not None
    return reading


def test_the_values_at_a_step_are_exact_if_each_step_has_a_bucket() -> None:
    values = np.random.default_rng(0).normal(5, 1, 300)
    rates = run_of([1e-3 * step for step in range(1, 301)]).curve
    run = run_of(
        values.tolist(),
        per_epoch=HELD_OUT,
        steps_per_epoch=100,
        clock=((100, 10.0), (300, 50.0)),
        learning_rate=rates,
        ended=True,
    )
    weights = 0.5 ** (np.arange(149, -1, -1) / 20)
    smoothed = float((weights * values[:150]).sum() / weights.sum())
    for x_axis, x in ((XAxis.PLANNED, 150.0), (XAxis.EPOCHS, 1.5), (XAxis.WALL_TIME, 20.0)):
        reading = one(Chart("loss", (run,), x=x_axis, half_life=20), x)
        assert (reading.first_step, reading.last_step, reading.finite, reading.nonfinite) == (150, 150, 1, 0)
        assert (reading.epoch, reading.seconds, reading.held_out) == (1.5, 20.0, HELD_OUT[0])
        assert reading.mean == reading.low == reading.high == values[149]
        assert reading.smoothed == pytest.approx(smoothed, rel=1e-9)
        assert reading.learning_rate == pytest.approx(0.15)


def test_a_larger_bucket_has_the_mean_and_the_limits_of_its_steps() -> None:
    values = np.random.default_rng(1).normal(5, 1, 1000)
    reading = one(Chart("loss", (run_of(values.tolist(), buckets=100, ended=True),)), 500)
    inside = values[reading.first_step - 1 : reading.last_step]
    assert (reading.first_step, reading.last_step) == (497, 512)
    assert reading.mean == pytest.approx(inside.mean())
    assert (reading.low, reading.high) == (inside.min(), inside.max())
    last = one(Chart("loss", (run_of(values.tolist(), buckets=100, ended=True),)), 1000)
    assert (last.first_step, last.last_step) == (993, 1000)


def test_the_nearest_logged_step_is_read() -> None:
    series = Series()
    for step in (50, 100, 150):
        series.put(step, array("d", [step / 10]))
    chart = Chart("score", (ChartRun("script", series.curve(512), ended=True),))
    nearest = {1: 50, 60: 50, 74: 50, 76: 100, 124: 100, 126: 150, 150: 150}
    readings = {x: one(chart, x) for x in nearest}
    assert {x: reading.first_step for x, reading in readings.items()} == nearest
    assert {x: reading.mean for x, reading in readings.items()} == {x: step / 10 for x, step in nearest.items()}


def test_values_that_are_not_finite_and_spikes_are_read_as_they_are() -> None:
    values = [1.0, math.nan, 1e30, math.inf, *[1.0] * 20]
    chart = Chart("loss", (run_of(values, ended=True),), half_life=2)
    second, third = one(chart, 2), one(chart, 3)
    assert (second.first_step, second.finite, second.nonfinite) == (2, 0, 1)
    assert math.isnan(second.mean)
    assert (third.mean, third.nonfinite) == (1e30, 0)
    assert math.isnan(third.smoothed)
    assert one(chart, 5).smoothed == 1.0


def test_each_run_is_read_up_to_its_own_end() -> None:
    chart = Chart("loss", (run_of([1.0] * 100, ended=True), run_of([2.0] * 1000, ended=True), ChartRun("empty")))
    short, long, empty = read(chart, 50)
    assert short is not None
    assert long is not None
    assert (short.mean, long.mean, empty) == (1.0, 2.0, None)
    short, long, _ = read(chart, 500)
    assert short is None
    assert long is not None
    column = 999 / 79
    assert [reading is None for reading in read(chart, 100 + column * 0.4)] == [False, False, True]
    assert [reading is None for reading in read(chart, 100 + column * 0.6)] == [True, False, True]


def test_a_single_value_and_a_chart_without_runs_are_read() -> None:
    assert one(Chart("loss", (run_of([0.5]),)), 1).mean == 0.5
    assert read(Chart("loss"), 1) == []
    assert ends(Chart("loss")) == (0, 0)


def test_a_metric_that_is_measured_once_per_epoch_is_read_at_the_ends_of_epochs() -> None:
    chart = Chart("held-out loss", (ChartRun("a", per_epoch=HELD_OUT, ended=True),))
    drawing = draw_chart(chart, WIDTH, HEIGHT, UNICODE)
    assert ends(chart) == (100, 300)
    assert move(chart, drawing, 100, 1) == 200
    assert one(chart, 200).held_out == HELD_OUT[1]
    assert one(chart, 195).held_out == HELD_OUT[0]
    assert one(chart, 199).held_out == HELD_OUT[1], "the value is in the column of the crosshair"


def test_the_step_at_a_position_is_the_inverse_of_the_position() -> None:
    run = ChartRun("a", steps_per_epoch=50, clock=((10, 1.0), (20, 1.0), (100, 9.0), (200, 109.0)))
    for shown in XAxis:
        for step in (0.0, 5.0, 10.0, 60.0, 100.0, 150.0, 200.0, 300.0):
            assert step_at(run, x_position(run, step, shown), shown) == pytest.approx(step), (shown, step)


def test_a_move_goes_to_the_next_value_or_by_columns() -> None:
    dense = Chart("loss", (run_of([1.0] * 800, buckets=1000, ended=True),))
    drawing = draw_chart(dense, WIDTH, HEIGHT, UNICODE)
    assert move(dense, drawing, 400, 1) == 410
    assert move(dense, drawing, 400, -1) == 390
    assert move(dense, drawing, 400, 8) == 481
    assert move(dense, drawing, 795, 1) == 800
    assert move(dense, drawing, 800, 1) == 800
    assert move(dense, drawing, 4, -1) == 1
    short = Chart("loss", (run_of([1.0] * 10, ended=True),))
    drawing = draw_chart(short, WIDTH, HEIGHT, UNICODE)
    assert [move(short, drawing, 5, columns) for columns in (1, -1, 8)] == [6, 4, 6]


def test_a_move_continues_to_the_end_of_a_longer_run() -> None:
    chart = Chart("loss", (run_of([1.0] * 400, ended=True), run_of([1.0] * 800, ended=True)))
    drawing = draw_chart(chart, WIDTH, HEIGHT, UNICODE)
    assert move(chart, drawing, 396, 1) == pytest.approx(400, abs=0.5)
    beyond = move(chart, drawing, 400, 1)
    assert beyond == pytest.approx(410, abs=1)
    assert move(chart, drawing, beyond, -1) < 401


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_the_crosshair_is_drawn_at_its_column_and_hides_no_value(glyphs: Glyphs) -> None:
    chart = Chart("loss", (run_of([step / 100 for step in range(300)], ended=True),))
    drawing = draw_chart(chart, WIDTH, HEIGHT, glyphs)
    before = [line.plain for line in drawing.lines]
    after = [line.plain for line in with_crosshair(drawing, 150, glyphs)]
    column = column_of(drawing, 150)
    assert column == round(150 / 300 * 79)
    changed = {
        (row, index)
        for row, (old, new) in enumerate(zip(before, after, strict=True))
        for index, pair in enumerate(zip(old, new, strict=True))
        if pair[0] != pair[1]
    }
    assert {index for _, index in changed} == {7 + column}
    assert len(changed) == 16
    assert {before[row][index] for row, index in changed} <= {" ", "·", "."}
    assert column_of(drawing, 301) is None
    assert with_crosshair(drawing, 301, glyphs) == drawing.lines
    hidden = draw_chart(replace(chart), 12, 3, glyphs)
    assert with_crosshair(hidden, 150, glyphs) == hidden.lines
