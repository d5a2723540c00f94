"""The table below a chart shows the values at the crosshair."""

from fashion_tui.report.charts.chart import Chart, EpochValue
from fashion_tui.report.charts.crosshair import Reading
from fashion_tui.report.charts.values import values_table
from fashion_tui.report.glyphs import ASCII, UNICODE
from tests.report.charts.runs import run_of

EXACT = Reading(
    1500,
    1500,
    epoch=1.6,
    seconds=3723.0,
    mean=0.123456,
    low=0.123456,
    high=0.123456,
    finite=1,
    smoothed=0.2,
    held_out=EpochValue(1, 938, 0.25),
    learning_rate=0.001,
)
BUCKET = Reading(1497, 1504, epoch=1.6, seconds=22.0, mean=0.5, low=0.25, high=1.0, finite=6, nonfinite=2, smoothed=0.6)
RUN = run_of([1.0] * 10, per_epoch=(EpochValue(1, 938, 0.25),))


def words(line: object) -> list[str]:
    return str(line).split()


def test_a_single_step_has_its_values() -> None:
    heading, row = values_table(Chart("loss", (RUN,), half_life=8), [EXACT], 100, UNICODE)
    assert words(heading) == ["step", "epoch", "value", "smoothed", "validation", "lr", "time"]
    assert words(row) == ["guide-a1b2", "1,500", "1.60", "0.12346", "0.2", "0.25", "0.001", "1:02:03"]
    assert len(words(values_table(Chart("loss", (RUN,)), [EXACT], 100, UNICODE)[0])) == 6


def test_a_bucket_has_its_limits_and_the_count_of_bad_values() -> None:
    heading, row, warning = values_table(Chart("loss", (RUN,), half_life=8), [BUCKET], 120, UNICODE)
    assert words(heading)[:6] == ["steps", "epoch", "mean", "lowest", "highest", "smoothed"]
    assert words(row)[1:7] == ["1,497–1,504", "1.60", "0.5", "0.25", "1", "0.6"]
    assert "2 of 8" in str(warning)
    narrow = values_table(Chart("loss", (RUN,), half_life=8), [BUCKET], 60, ASCII)
    assert "lowest" not in str(narrow[0])
    assert words(narrow[1])[1:4] == ["1,497-1,504", "1.60", "0.5"]


def test_a_run_without_values_has_dashes() -> None:
    chart = Chart("loss", (RUN, run_of([1.0], name="b"), RUN))
    none = Reading(3, 3, epoch=None, seconds=None, nonfinite=1)
    lines = values_table(chart, [EXACT, None, none], 100, UNICODE)
    assert words(lines[2]) == ["b", "b", *["-"] * 6]
    assert words(lines[3]) == ["c", "guide-a1b2", "3", "-", "NaN/inf", "-", "-", "-"]
    assert values_table(Chart("loss"), [], 80, UNICODE) == []


def test_rows_fit_and_names_keep_their_start() -> None:
    for width in (40, 60, 80, 120):
        for glyphs in (UNICODE, ASCII):
            runs = tuple(run_of([1.0], name=name) for name in ("x" * 200, "名前" * 60, "short\x1b[31m"))
            for line in values_table(Chart("loss", runs, half_life=8), [BUCKET, EXACT, None], width, glyphs):
                assert line.cell_len <= width
                assert "\x1b" not in line.plain
    assert "a xxxxxx" in str(values_table(Chart("loss", runs), [EXACT] * 3, 60, ASCII)[1])
