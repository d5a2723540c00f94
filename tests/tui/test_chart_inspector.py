"""The visible range and the crosshair of a full-screen chart."""

from dataclasses import replace

import pytest

from fashion_tui.report.charts.chart import Chart, ChartRun, XAxis
from fashion_tui.report.charts.ranges import x_axis
from fashion_tui.report.glyphs import UNICODE
from fashion_tui.tui.train.chart_inspector import ChartInspector
from tests.report.charts.runs import run_of

VALUES = [step / 100 for step in range(1, 2001)]


def chart_of(steps: int, planned: int = 2000, **fields: object) -> Chart:
    run = run_of(VALUES[:steps], buckets=4096, planned_steps=planned, steps_per_epoch=500, clock=((2000, 100.0),))
    return replace(Chart("loss", (run,)), **fields)  # type: ignore[arg-type]


def inspector_of(chart: Chart) -> ChartInspector:
    inspector = ChartInspector(chart, UNICODE)
    inspector.resize(87, 20)  # the plot has 80 columns
    return inspector


def step_read(inspector: ChartInspector) -> int:
    (reading,) = inspector.readings()
    assert reading is not None
    assert reading.first_step == reading.last_step
    assert reading.mean == reading.last_step / 100
    return reading.last_step


def test_the_crosshair_follows_the_last_value_until_it_is_moved() -> None:
    inspector = inspector_of(chart_of(100))
    assert step_read(inspector) == 100
    inspector.show(chart_of(200))
    assert step_read(inspector) == 200
    inspector.move(-1)
    assert step_read(inspector) == 200 - 25
    inspector.show(chart_of(300))
    assert step_read(inspector) == 175
    inspector.move(5)
    inspector.show(chart_of(350))
    assert step_read(inspector) == 350
    inspector.move(-1)
    inspector.move_to_end(last=True)
    inspector.show(chart_of(400))
    assert step_read(inspector) == 400
    inspector.move_to_end(last=False)
    inspector.show(chart_of(500))
    assert step_read(inspector) == 1


def test_the_crosshair_is_drawn_unless_it_follows_a_live_run() -> None:
    live, ended = inspector_of(chart_of(1000)), inspector_of(chart_of(1000))
    ended.show(replace(ended.chart, runs=(replace(ended.chart.runs[0], ended=True),)))
    assert live.lines() == live.drawing.lines
    assert ended.lines() != ended.drawing.lines
    live.move(-1)
    assert live.lines() != live.drawing.lines


def test_the_visible_range_stays_where_it_is_while_a_run_grows() -> None:
    inspector = inspector_of(chart_of(1000))
    inspector.move(-20)
    assert step_read(inspector) == pytest.approx(494, abs=1)
    inspector.zoom(0.5)
    visible = inspector.chart.x_range
    assert visible is not None
    assert visible[1] - visible[0] == pytest.approx(1000)
    inspector.show(chart_of(1500))
    assert inspector.chart.x_range == visible
    inspector.show_all()
    assert inspector.chart.x_range is None


def test_the_visible_range_follows_the_last_value_if_the_crosshair_is_there() -> None:
    inspector = inspector_of(chart_of(1000))
    inspector.zoom(0.25)
    before = x_axis(inspector.chart)
    inspector.show(chart_of(1990))
    after = x_axis(inspector.chart)
    assert before.high < 1990 <= after.high
    assert (1990 - after.low) / (after.high - after.low) >= 0.5
    assert after.high - after.low == pytest.approx(before.high - before.low)


def test_the_crosshair_moves_the_visible_range_and_stays_inside_it() -> None:
    inspector = inspector_of(chart_of(2000))
    inspector.zoom(0.25, 7 + 40)
    visible = x_axis(inspector.chart)
    assert (visible.low, visible.high) == pytest.approx((759, 1259), abs=2)
    inspector.move_to_column(7 + 79)
    assert step_read(inspector) == pytest.approx(visible.high, abs=1)
    inspector.move(1)
    assert step_read(inspector) > visible.high
    assert x_axis(inspector.chart).low > visible.low
    inspector.pan(-2)
    moved = x_axis(inspector.chart)
    assert moved.low <= step_read(inspector) <= moved.high
    assert step_read(inspector) == pytest.approx(moved.high, abs=1)


def test_dragging_moves_the_curves_with_the_mouse() -> None:
    inspector = inspector_of(chart_of(2000))
    inspector.zoom(0.25, 7 + 40)
    before = x_axis(inspector.chart)
    inspector.drag(8)
    after = x_axis(inspector.chart)
    assert before.low - after.low == pytest.approx(500 * 8 / 79)


def test_another_x_axis_shows_everything_with_the_crosshair_at_its_step() -> None:
    inspector = inspector_of(chart_of(2000))
    inspector.move_to_column(7 + 40)
    step = step_read(inspector)
    inspector.zoom(0.5)
    for x in (XAxis.EPOCHS, XAxis.WALL_TIME, XAxis.PLANNED):
        inspector.show(chart_of(2000, x=x))
        assert inspector.chart.x_range is None
        assert step_read(inspector) == step


def test_another_metric_is_shown_in_the_same_range() -> None:
    inspector = inspector_of(chart_of(2000))
    inspector.zoom(0.5)
    inspector.show(chart_of(2000, title="accuracy"))
    assert inspector.chart.title == "accuracy"
    assert inspector.chart.x_range is not None


def test_a_chart_without_values_handles_every_key() -> None:
    for chart in (Chart("loss"), Chart("loss", (ChartRun("a"),)), Chart("loss", (run_of([0.5]),))):
        inspector = inspector_of(chart)
        inspector.move(1)
        inspector.zoom(0.5)
        inspector.pan(0.5)
        inspector.move_to_column(40)
        inspector.move_to_end(last=False)
        assert len(inspector.readings()) == len(chart.runs)
        assert len(inspector.lines()) == 20


def test_a_screen_without_space_for_a_plot_has_a_title() -> None:
    inspector = ChartInspector(chart_of(2000), UNICODE)
    inspector.resize(12, 3)
    inspector.move(-1)
    inspector.zoom(0.5, 3)
    inspector.move_to_column(2)
    assert inspector.lines()[0].plain.startswith("loss")
