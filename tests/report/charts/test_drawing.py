"""Whole charts, compared with positions computed by NumPy."""

import math
from array import array
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.text import Text

from fashion_tui.report.charts.chart import MAX_RUNS, Chart, ChartRun, EpochValue, XAxis
from fashion_tui.report.charts.drawing import draw_chart
from fashion_tui.report.glyphs import ASCII, UNICODE, Glyphs
from fashion_tui.runs.series import Series
from tests.report.charts.dots import dots_of
from tests.report.charts.runs import run_of

WIDTH, HEIGHT = 87, 20
"""Size of a chart whose plot has 80 columns and 17 rows of cells."""
PLOT = slice(1, -2)
"""Lines of the plot of a ruled chart with a title but no legend."""
HELD_OUT = tuple(EpochValue(epoch, epoch * 100, value) for epoch, value in ((1, 0.5), (2, 0.2), (3, 0.3)))


def lines_of(chart: Chart, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    return draw_chart(chart, width, height, glyphs).lines


def plot_of(lines: list[Text], label_width: int = 6) -> list[str]:
    """Return the cells of the plot, without labels and axes."""
    return [line.plain[label_width + 1 :] for line in lines[PLOT]]


def test_the_line_is_at_the_height_of_the_values() -> None:
    values = np.linspace(0, 10, 160)
    chart = Chart("loss", (run_of(values.tolist(), ended=True),))
    lines = lines_of(chart, WIDTH, HEIGHT, UNICODE)
    assert [line.plain[:7] for line in (lines[1], lines[17])] == ["    10┤", "     0┤"]
    dots = dots_of(plot_of(lines))
    for step, value in enumerate(values.tolist(), 1):
        x, y = round(step / 160 * 159), (1 - value / 10) * 67
        assert min(abs(row - y) for column, row in dots if column == x) <= 1


def test_the_curve_of_an_ended_run_fills_the_width() -> None:
    for steps in (80, 300, 1000, 1025, 100_000):
        chart = Chart("loss", (run_of([math.sin(step / steps * 9) for step in range(steps)], ended=True),))
        columns = {x for x, _ in dots_of(plot_of(lines_of(chart, WIDTH, HEIGHT, UNICODE)))}
        assert columns >= set(range(2, 160)), steps


def test_a_live_run_is_drawn_on_the_axis_of_its_plan_and_only_adds_columns() -> None:
    values = [2 + math.sin(step / 9) for step in range(400)]
    charts = [Chart("loss", (run_of(values[:length], planned_steps=800),)) for length in (200, 400)]
    before, after = (plot_of(lines_of(chart, WIDTH, HEIGHT, UNICODE)) for chart in charts)
    assert [row[:20] for row in before] == [row[:20] for row in after]
    assert max(x for x, _ in dots_of(after)) == pytest.approx(80, abs=1)
    grown = lines_of(replace(charts[1], x=XAxis.SO_FAR), WIDTH, HEIGHT, UNICODE)
    assert 120 < max(x for x, _ in dots_of(plot_of(grown))) < 160


def test_a_detail_is_drawn_instead_of_the_curve_and_smoothed_as_a_part_of_it() -> None:
    noise = np.random.default_rng(1).normal(5, 1, 1000).tolist()
    noise[600] = 50.0
    run = run_of(noise, buckets=10, ended=True)
    series = Series()
    series.put(1, array("d", noise))
    detailed = replace(run, detail=series.window(513, 700, 256))
    chart = Chart("loss", (run,), x_range=(550, 650), half_life=40)
    coarse, fine = (draw_chart(replace(chart, runs=(each,)), WIDTH, HEIGHT, UNICODE) for each in (run, detailed))
    assert fine.lines[0] == coarse.lines[0]
    weights = 0.5 ** (np.arange(599, -1, -1) / 40)
    average = (weights * noise[:600]).sum() / weights.sum()
    assert fine.traces[0].smoothed[599 - 512] == pytest.approx(average, rel=0.01)
    assert max(fine.traces[0].curve.high) == 50.0
    assert fine.traces[0].centres[599 - 512] == pytest.approx(0.5)
    place = (fine.left, fine.top, fine.plot_width, fine.plot_height)
    assert place == (7, 1, WIDTH - 7, HEIGHT - 3)
    assert draw_chart(chart, 10, 3, UNICODE).plot_width == 0


def test_the_line_is_smoothed_and_the_values_per_epoch_are_not() -> None:
    noise = np.random.default_rng(0).normal(5, 1, 300)
    chart = Chart("loss", (run_of(noise.tolist(), per_epoch=HELD_OUT, ended=True),), half_life=50)
    weights = 0.5 ** (np.arange(299, -1, -1) / 50)
    last = (weights * noise).sum() / weights.sum()
    lines = lines_of(chart, WIDTH, HEIGHT, UNICODE)
    assert lines[0].plain == f"loss {last:.3f} · validation 0.300 (best 0.200 at epoch 2) · smoothed over 50 steps"
    axis = float(lines[1].plain[:6])
    marks = {(x, y): char for y, row in enumerate(plot_of(lines)) for x, char in enumerate(row) if char in "●◆"}
    expected = {
        (round(step / 300 * 159) // 2, round((1 - value / axis) * 67) // 4): "◆" if step == 200 else "●"
        for step, value in ((100, 0.5), (200, 0.2), (300, 0.3))
    }
    assert marks == expected


def test_the_best_value_is_the_greatest_if_greater_is_better() -> None:
    chart = Chart("accuracy", (run_of([0.5], per_epoch=HELD_OUT),), lower_is_better=False)
    assert "best 0.500 at epoch 1" in lines_of(chart, WIDTH, HEIGHT, UNICODE)[0].plain


def test_the_band_is_from_the_least_to_the_greatest_value() -> None:
    values = [5.0 + (3.75 if step % 2 else -3.75) for step in range(64_000)]
    chart = Chart("loss", (run_of(values, ended=True),))
    rows = {y for _, y in dots_of(plot_of(lines_of(chart, WIDTH, HEIGHT, UNICODE)))}
    low, high = 1.0, 9.0  # limits of the axis: the multiples of 0.5 around 1.25 and 8.75
    assert min(rows) == round((1 - (8.75 - low) / (high - low)) * 67)
    assert max(rows) == round((1 - (1.25 - low) / (high - low)) * 67)


def test_the_line_stays_readable_if_every_bucket_has_an_extreme_value() -> None:
    values = [300.0 if step % 64 == 9 else 1.0 for step in range(6400)]
    lines = lines_of(Chart("norm", (run_of(values, buckets=100, ended=True),)), WIDTH, HEIGHT, UNICODE)
    mean = (300 + 63) / 64
    labels = [float(line.plain[:6]) for line in lines[PLOT] if line.plain[:6].strip()]
    assert min(labels) < mean < max(labels) < 2 * mean


def test_a_single_value_and_an_empty_run_are_visible() -> None:
    for glyphs, point in ((UNICODE, "●"), (ASCII, "*")):
        plot = plot_of(lines_of(Chart("loss", (run_of([0.5]),)), WIDTH, HEIGHT, glyphs))
        assert [row.index(point) for row in plot if point in row] == [round(79 / 10)]
        for runs in ((), (ChartRun("guide"),)):
            lines = lines_of(Chart("loss", runs), WIDTH, HEIGHT, glyphs)
            assert "no values" in lines[0].plain
            assert len(lines[-1].plain.split()) >= 2


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e-300, 1e308])
@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_constant_is_a_flat_line(value: float, *, logarithmic: bool) -> None:
    run = run_of([value] * 1000, buckets=100, ended=True)
    chart = Chart("lr", (run,), half_life=64, logarithmic_y=logarithmic)
    rows = {y for _, y in dots_of(plot_of(lines_of(chart, WIDTH, HEIGHT, UNICODE)))}
    assert len(rows) <= 1


def test_spikes_and_non_finite_values_are_marked_and_do_not_hide_the_rest() -> None:
    values = [1 + 0.5 * math.sin(step / 20) for step in range(160)]
    values[40:41], values[80:81], values[120:121] = [1e30], [math.nan], [-1e30]
    for glyphs, marks in ((UNICODE, "▲✕▼"), (ASCII, "^xv")):
        lines = lines_of(Chart("loss", (run_of(values, ended=True),), half_life=8), WIDTH, HEIGHT, glyphs)
        plot = plot_of(lines)
        labels = [float(line.plain[:6]) for line in lines[PLOT] if line.plain[:6].strip()]
        assert 0.5 <= min(labels) < max(labels) <= 1.5
        assert [[row.index(mark), y] for mark, y in zip(marks, (0, 0, 16), strict=True) for row in [plot[y]]] == [
            [round(step / 160 * 79), y] for step, y in ((41, 0), (81, 0), (121, 16))
        ]
        after = [row[62:] for row in plot]
        assert sum(row.strip(" ·.") != "" for row in after) > 3


def test_runs_differ_in_ascii_and_the_legend_keeps_the_start_of_names() -> None:
    runs = tuple(run_of([float(index + 1)] * 50, f"run-{index}-{'x' * 190}", ended=True) for index in range(MAX_RUNS))
    lines = lines_of(Chart("loss", runs, baseline=1), 100, 40, ASCII)
    legend = [line.plain for line in lines[1:9]]
    assert [line[:8] for line in legend] == [f"{letter} run-{index}-" for index, letter in enumerate("abcdefgh")]
    assert [line.split()[2] for line in legend] == [f"{index + 1}.000" for index in range(MAX_RUNS)]
    assert [line.endswith("baseline") for line in legend] == [False, True, *[False] * 6]
    rows = [next(y for y, line in enumerate(lines[9:-2]) if letter * 20 in line.plain) for letter in "abcdefgh"]
    assert rows == sorted(rows, reverse=True)


def test_the_selected_run_is_on_top_and_stays_in_the_legend() -> None:
    runs = tuple(run_of([1.0] * 50, f"run-{index}", ended=True) for index in range(MAX_RUNS))
    for selected in range(MAX_RUNS):
        lines = lines_of(Chart("loss", runs, selected=selected), 30, 9, ASCII)
        assert any(f"run-{selected}" in line.plain for line in lines[1:4])
        assert any("abcdefgh"[selected] * 15 in line.plain for line in lines[4:])


def test_epochs_and_wall_time() -> None:
    run = run_of(
        [1.0] * 300, per_epoch=HELD_OUT, steps_per_epoch=100, planned_steps=300, clock=((100, 60.0), (300, 180.0))
    )
    epochs = lines_of(Chart("loss", (run,), x=XAxis.EPOCHS), WIDTH, HEIGHT, UNICODE)
    assert epochs[-1].plain.split() == ["0", "1", "2", "3"]
    assert [x - 7 for x, char in enumerate(epochs[-2].plain) if char == "┼"] == [26, 53, 79]
    times = lines_of(Chart("loss", (replace(run, ended=True),), x=XAxis.WALL_TIME), WIDTH, HEIGHT, UNICODE)
    assert times[-1].plain.split("  ")[-1].strip() == "3 min"


def test_time_is_interpolated_between_the_known_times() -> None:
    run = ChartRun("a", clock=((100, 60.0), (200, 180.0)))
    steps = [0, 50, 100, 150, 200, 250]
    assert [run.seconds(step) for step in steps] == [0, 30, 60, 120, 180, 240]
    steps_known = np.cumsum(np.random.default_rng(0).integers(1, 90, 200))
    seconds_known = np.cumsum(np.random.default_rng(1).random(200))
    run = ChartRun("a", clock=tuple(zip(steps_known.tolist(), seconds_known.tolist(), strict=True)))
    between = np.linspace(0, steps_known[-1], 500)
    expected = np.interp(between, [0, *steps_known], [0, *seconds_known])
    assert [run.seconds(step) for step in between.tolist()] == pytest.approx(expected.tolist())


def test_zoom_shows_a_part_of_the_line_up_to_the_borders() -> None:
    chart = Chart("loss", (run_of([float(step) for step in range(1, 101)], ended=True),), x_range=(20.5, 21.5))
    lines = lines_of(chart, WIDTH, HEIGHT, UNICODE)
    assert {x for x, _ in dots_of(plot_of(lines, len(lines[1].plain.split("┤")[0])))} == set(range(160))


finite_or_not = st.one_of(st.floats(), st.floats(0, 3), st.just(0.1), st.just(1e30))


@settings(deadline=None)
@given(
    st.lists(st.lists(finite_or_not, max_size=60), max_size=3),
    st.lists(finite_or_not, max_size=4),
    st.tuples(st.integers(1, 60), st.integers(1, 24)),
    st.sampled_from(XAxis),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_any_chart_has_the_requested_size(
    curves: list[list[float]], epochs: list[float], size: tuple[int, int], x: XAxis, flags: tuple[bool, bool, bool]
) -> None:
    per_epoch = tuple(EpochValue(epoch, epoch * 7, value) for epoch, value in enumerate(epochs, 1))
    runs = tuple(
        run_of(values, "n" * 200, 16, per_epoch=per_epoch, steps_per_epoch=7, clock=((9, 1.5),), ended=flags[2])
        for values in curves
    )
    chart = Chart("m" * 200, runs, x=x, logarithmic_x=flags[0], logarithmic_y=flags[1], half_life=4)
    for glyphs in (UNICODE, ASCII):
        lines = lines_of(chart, *size, glyphs)
        assert len(lines) == size[1]
        assert all(line.cell_len <= size[0] for line in lines)
        assert glyphs.unicode or all(line.plain.isascii() for line in lines)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("x", XAxis)
def test_both_axes_have_two_labels_at_every_size(width: int, x: XAxis) -> None:
    for steps in (1, 2, 9, 11, 100, 15_000):
        run = run_of(
            [1.0 + step for step in range(steps)], steps_per_epoch=100, clock=((steps, steps / 7),), ended=True
        )
        for height in (5, 8, 20):
            lines = [line.plain for line in lines_of(Chart("loss", (run,), x=x), width, height, UNICODE)]
            assert len(lines[-1].replace(" s", "s").replace(" min", "min").replace(" h", "h").split()) >= 2, (
                steps,
                height,
            )
            assert sum("┤" in line for line in lines) >= 2


def test_a_narrow_title_keeps_the_held_out_value_longer_than_the_best_one() -> None:
    run = run_of([0.4321, 0.12345], per_epoch=HELD_OUT, ended=True)
    chart = Chart("norm", (run,), half_life=0, decimals=None, unit="GiB")
    best = " (best 0.2 GiB at epoch 2)"
    titles = {width: lines_of(chart, width, 10, UNICODE)[0].plain for width in (62, 58, 42, 20)}
    assert titles == {
        62: f"norm 0.1235 GiB · validation 0.3 GiB{best}",
        58: "norm 0.1235 GiB · validation 0.3 GiB",
        42: "norm 0.1235 GiB · validation 0.3 GiB",
        20: "norm 0.1235 GiB",
    }


def test_a_metric_without_finite_values_is_titled_as_such() -> None:
    runs = tuple(run_of([math.inf] * 9, name, ended=True) for name in "ab")
    assert lines_of(Chart("norm", runs[:1]), WIDTH, HEIGHT, UNICODE)[0].plain == "norm NaN/inf"
    assert lines_of(Chart("norm", runs), WIDTH, HEIGHT, UNICODE)[1].plain == "a a NaN/inf   b b NaN/inf"
