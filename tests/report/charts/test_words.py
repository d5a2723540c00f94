"""The words about a chart."""

import pytest

from fashion_tui.report.charts.chart import Chart, ChartRun, XAxis
from fashion_tui.report.charts.words import x_axis_words
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
    assert x_axis_words(Chart("loss", (run,), x=x)) == words
    assert x_axis_words(Chart("loss", (run,), x=x, logarithmic_x=True)) == f"{words}, log"
