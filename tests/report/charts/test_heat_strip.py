"""Heat strips show the measurements of each layer at their columns, at every size."""

import math
from array import array
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.text import Text

from fashion_tui.report.charts.chart import ChartRun, XAxis
from fashion_tui.report.charts.heat_strip import HeatStrip, draw_heat_strip
from fashion_tui.report.charts.layer_metrics import LAYER_METRICS
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.report.pixels import Shading
from fashion_tui.runs.layers import LayerProblem
from fashion_tui.runs.series import Series

GRADIENTS, UPDATES, DEAD = LAYER_METRICS
BARS = UNICODE.levels
WIDTH = 5 + 1 + 80 + 6
"""Width of a strip with names of five characters whose rows have 80 columns."""


def series_of(values: dict[int, float]) -> Series:
    series = Series()
    for step, value in values.items():
        series.put(step, array("d", [value]))
    return series


def run_of(steps: int = 800, **fields: object) -> ChartRun:
    series = series_of({1: 1.0, steps: 1.0})
    return replace(ChartRun("guide-a1b2", series.curve(512), ended=True), **fields)  # type: ignore[arg-type]


def strip_of(metric: object, layers: dict[str, dict[int, float]], **fields: object) -> HeatStrip:
    curves = tuple((name, series_of(values).curve(512)) for name, values in layers.items())
    return replace(HeatStrip(metric, curves, run_of()), **fields)  # type: ignore[arg-type]


def draw(strip: HeatStrip, width: int = WIDTH, height: int = 8) -> list[str]:
    return [line.plain for line in draw_heat_strip(strip, width, height, UNICODE, Shading.CHARACTERS)]


def column_of(step: int, steps: int = 800, width: int = 80) -> int:
    return math.floor(step / steps * (width - 1) + 0.5)


def test_every_column_has_the_level_of_the_last_measurement_so_far() -> None:
    values = {step: math.sin(step / 90) * 2.2 - 3 for step in range(1, 701, 50)}
    title, row, *_ = draw(strip_of(UPDATES, {"conv1": values}))
    assert title.startswith("layers: log10 update ratio  −5 ▁▁▂▂▃▃▄▄▅▅▆▆▇▇██ −1  typical: about −3")
    limits = np.linspace(-5, -1, 9)[1:-1]
    steps = [0] * 80
    for step in values:
        for column in range(column_of(step), column_of(max(values)) + 1):
            steps[column] = step
    expected = "".join(BARS[int(np.searchsorted(limits, values[step], "right"))] if step else " " for step in steps)
    assert row[:86] == f"conv1 {expected}"
    assert row[86:] == f"{values[651]:.1f}".replace("-", "−").rjust(6)


def test_the_gradients_have_a_logarithmic_scale_with_round_limits() -> None:
    values = {20 * index + 1: 10.0 ** (index / 13 - 3) for index in range(40)}
    title, row, zero, *_ = draw(strip_of(GRADIENTS, {"conv1": values, "conv2": {1: 0.0}}), WIDTH + 2)
    assert title.split()[3] == "0.001"
    assert title.split()[-1] == "1"
    levels = [BARS.index(char) for char in row[6:86].strip()]
    assert levels[::2][:40] == [min(int(index / 13 / 3 * 8), 7) for index in range(len(levels[::2]))]
    assert zero == f"conv2 {'▁'}{' ' * 79}{'0'.rjust(8)}"


def test_shares_of_dead_relus() -> None:
    title, one, two, *_ = draw(strip_of(DEAD, {"conv1": {1: 0.0, 401: 0.4}, "fc1": {1: 1.0}}))
    assert title == "layers: dead ReLUs  0 % ▁▁▂▂▃▃▄▄▅▅▆▆▇▇██ 100 %  0 for the whole batch"
    assert one == f"conv1 {'▁' * 40}▄{' ' * 39}  40 %"
    assert two == f"fc1   █{' ' * 79} 100 %"


def test_a_column_has_the_mean_of_the_measurements_in_it() -> None:
    values = {step: float(step % 2) for step in range(1, 801)}
    _, row, *_ = draw(strip_of(DEAD, {"conv1": values}))
    assert row[6:86].strip("▅▄") == ""
    assert draw(strip_of(DEAD, {"conv1": values | {402: math.nan}}))[1][6:86].count("✕") == 1


def test_nan_and_infinity_are_marked() -> None:
    values = {1: -3.0, 101: math.nan, 201: -math.inf, 301: -3.0, 401: math.inf}
    title, row, *_ = draw(strip_of(UPDATES, {"conv1": values}))
    assert "✕ no update" in title
    assert row.rstrip() == f"conv1 {'▅' * 10}{'✕' * 20}{'▅' * 10}✕{' ' * 39}     ✕"


def test_a_spike_does_not_hide_the_rest() -> None:
    values = {20 * index + 1: 0.1 * 1.05 ** (index % 20) for index in range(40)} | {801: 1e30}
    title, row, *_ = draw(strip_of(GRADIENTS, {"conv1": values}))
    assert float(title.split()[-1]) < 1
    assert len(set(row[6:85])) >= 3


def test_problems_are_described_above_the_rows_that_show_them() -> None:
    problems = (LayerProblem("dead ReLUs", ("fc1",), 1.0), LayerProblem("no gradient", ("conv1",), 0.0))
    dead = draw(strip_of(DEAD, {"conv1": {1: 0.0}}, problems=problems))
    assert dead[1].startswith("all ReLUs after fc1 are dead")
    assert dead[2].startswith("conv1")
    assert "gradient of 0" in draw(strip_of(GRADIENTS, {"conv1": {1: 0.0}}, problems=problems))[1]
    assert draw(strip_of(UPDATES, {"conv1": {1: 0.0}}, problems=problems))[1].startswith("conv1")
    narrow = draw(strip_of(DEAD, {"conv1": {1: 0.0}}, problems=problems), 40, 9)
    assert " ".join(narrow[1:3]) == dead[1], "wrapped"


def test_many_layers_share_rows_that_show_the_worst_of_them() -> None:
    layers = {f"block.{index}.conv": {1: 0.1 + (0.8 if index == 137 else 0)} for index in range(200)}
    title, *rows = draw(strip_of(DEAD, layers), WIDTH, 22)
    assert title.endswith("10 layers per row")
    assert [row.split()[0] for row in rows[:20]] == [f"block.{index}.conv" for index in range(0, 200, 10)]
    assert [row.split()[-2] for row in rows[:20]] == ["90" if row == 13 else "10" for row in range(20)]
    updates = {f"{index:05}": {1: value} for index, value in enumerate([-3.0, -4.8, -2.0, math.nan])}
    assert [row.split()[2] for row in draw(strip_of(UPDATES, updates), WIDTH, 4)[1:3]] == ["−4.8", "✕"]
    gradients = {"00000": {1: 1e-2}, "00001": {1: 1.0}}
    assert draw(strip_of(GRADIENTS, gradients), WIDTH, 3)[1].split()[2] == "0.1", "the geometric mean"


def test_the_x_axis_is_that_of_the_charts() -> None:
    values = dict.fromkeys(range(1, 801, 20), -3.0)
    planned = strip_of(UPDATES, {"conv1": values}, run=run_of(ended=False, planned_steps=1600, steps_per_epoch=400))
    *_, rule, labels = (line for line in draw(planned) if line)
    assert draw(planned)[1].rstrip()[6:-8].rstrip() == "▅" * (column_of(781, 1600) + 1)
    assert [index - 6 for index, char in enumerate(rule) if char in "┴┼"] == [20, 40, 59, 79]
    assert labels.split() == ["0", "500", "1k", "1.5k"]
    epochs = draw(replace(planned, x=XAxis.EPOCHS))
    assert next(line for line in reversed(epochs) if line).split() == ["0", "1", "2", "3", "4"]
    zoomed = draw(replace(planned, x_range=(1000.0, 1600.0)))
    assert zoomed[1][6:86].strip() == "", "nothing was measured there"
    between = draw(strip_of(UPDATES, {"conv1": {1: -3.0, 700: -3.0}}, x_range=(200.0, 600.0)))
    assert between[1][6:86] == "▅" * 80


def test_colours_have_the_levels_of_the_glyphs() -> None:
    """The most typical values have nearly the colour of the background, and the ends are light."""
    strip = strip_of(UPDATES, {"conv1": {1 + 100 * level: level / 2 - 4.75 for level in range(8)}})
    lines = draw_heat_strip(strip, WIDTH, 8, UNICODE, Shading.TRUECOLOR)
    title, row, same_row = lines[0], lines[1], lines[2]

    def colours(text: Text, start: int, end: int) -> list[str]:
        styles = [
            next((str(span.style) for span in text.spans if span.start <= x < span.end), "") for x in range(start, end)
        ]
        return list(dict.fromkeys(styles))

    scale = title.plain.index("−5") + 3
    assert colours(row, 6, 86)[:8] == colours(title, scale, scale + 16)
    assert len(set(colours(row, 6, 86)[:8])) == 8
    assert colours(same_row, 6, 86) == colours(row, 6, 86)
    assert row.plain[6:86].strip() == ""


def test_a_narrow_strip_has_a_short_title_with_the_scale() -> None:
    strip = strip_of(UPDATES, {"conv1": {1: -3.0}})
    assert draw(strip, 38)[0] == "log10 update ratio  −5 ▁▂▃▄▅▆▇█ −1"
    named = draw(replace(strip, names_run=True), 60)[0]
    assert named == "layers: log10 update ratio  guide-a1b2  −5 ▁▂▃▄▅▆▇█ −1"


def test_no_layers() -> None:
    for strip in (HeatStrip(DEAD, (), ChartRun("a")), strip_of(DEAD, {"a": {}}, run=ChartRun("a"))):
        lines = draw(strip)
        assert len(lines) == 8
        assert lines[0] == "layers: dead ReLUs  no values  0 for the whole batch"


@settings(deadline=None)
@given(
    st.lists(st.dictionaries(st.integers(1, 900), st.one_of(st.floats(), st.floats(0, 1)), max_size=6), max_size=12),
    st.tuples(st.integers(0, 100), st.integers(0, 12)),
    st.sampled_from(LAYER_METRICS),
    st.sampled_from(Shading),
    st.sampled_from(XAxis),
    st.sampled_from(["running", "ended"]),
)
def test_any_strip_has_the_requested_size(
    layers: list[dict[int, float]], size: tuple[int, int], metric: object, shading: Shading, x: XAxis, state: str
) -> None:
    run = run_of(ended=state == "ended", planned_steps=500, steps_per_epoch=7, clock=((9, 1.5),))
    named = {f"{'层' * index}{index}": dict(sorted(values.items())) for index, values in enumerate(layers)}
    problems = (LayerProblem("dead ReLUs", tuple(named) or ("a",), 1.0), LayerProblem("non-finite", ("b" * 200,), 9))
    strip = strip_of(metric, named, run=run, x=x, problems=problems)
    for glyphs in (UNICODE, ASCII):
        lines = draw_heat_strip(strip, *size, glyphs, shading)
        assert len(lines) == (size[1] if size[0] else 0)
        assert all(line.cell_len <= size[0] for line in lines)
        assert glyphs.unicode or all(line.plain.isascii() for line in lines)
