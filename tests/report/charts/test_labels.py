"""The labels of a chart."""

from dataclasses import replace

import pytest

from fashion_tui.report.charts.chart import Chart, ChartRun, EpochValue, XAxis
from fashion_tui.report.charts.crosshair import Reading
from fashion_tui.report.charts.labels import legend_lines, title_line, x_axis_label
from fashion_tui.report.charts.values import values_table
from fashion_tui.report.glyphs import ASCII, UNICODE, Glyphs
from tests.report.charts.runs import run_of

LIVE = run_of([1.0] * 9, steps_per_epoch=3, planned_steps=30, clock=((9, 1.0),))
ENDED = run_of([1.0] * 9, steps_per_epoch=3, planned_steps=30, clock=((9, 1.0),), ended=True)
SCRIPT = run_of([1.0] * 9)


@pytest.mark.parametrize(
    ("run", "x", "words"),
    [
        (LIVE, XAxis.PLANNED, "planned run"), (LIVE, XAxis.SO_FAR, "steps so far"), (LIVE, XAxis.EPOCHS, "epochs"),
        (ENDED, XAxis.PLANNED, "steps"), (ENDED, XAxis.SO_FAR, "steps"), (ENDED, XAxis.WALL_TIME, "wall time"),
        (SCRIPT, XAxis.PLANNED, "steps"), (SCRIPT, XAxis.EPOCHS, "steps"),
    ],
)  # fmt: skip
def test_the_words_about_the_x_axis_say_what_it_shows(run: ChartRun, x: XAxis, words: str) -> None:
    assert x_axis_label(Chart("loss", (run,), x=x)) == words
    assert x_axis_label(Chart("loss", (run,), x=x, logarithmic_x=True)) == f"{words}, log"


def test_the_legend_says_that_the_best_value_is_a_validation_value_unless_all_values_are_of_one_kind() -> None:
    held_out = replace(ENDED, name="a", per_epoch=(EpochValue(1, 3, 0.5), EpochValue(2, 6, 0.25)))
    chart = Chart("loss", (held_out, replace(held_out, name="b")))
    first, second = legend_lines(chart, [0.125, None], 60, 12, ASCII)
    assert first.plain == "a a 0.125 validation best 0.250 at epoch 2"
    assert second.plain == "b b best 0.250 at epoch 2"


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_long_names_that_differ_at_the_end_remain_distinguishable(glyphs: Glyphs) -> None:
    long = "metric/" + "x" * 200
    titles = {title_line(Chart(f"{long}{end}", (ENDED,)), [0.125], 40, glyphs).plain for end in ("/a", "/b")}
    assert len(titles) == 2
    assert all(title.startswith("metric/") and title.endswith(" 0.125") and len(title) <= 40 for title in titles)
    runs = tuple(replace(ENDED, name=f"{long}{end}") for end in ("/a", "/b"))
    legend = legend_lines(Chart("loss", runs), [1.0, 1.0], 40, 12, glyphs)
    assert [line.plain[-8:] for line in legend] == ["/a 1.000", "/b 1.000"]
    table = values_table(Chart("loss", runs), [Reading(9, 9, None, None, 1.0)] * 2, 50, glyphs)
    assert [line.plain.split()[1][-2:] for line in table[1:]] == ["/a", "/b"]
