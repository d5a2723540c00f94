"""The plot of a learning rate range test."""

import math

import pytest

from fashion_tui.report.charts.range_plot import draw_range_test
from fashion_tui.report.glyphs import ASCII, UNICODE, Glyphs
from fashion_tui.schema.range_test import RangeTest


def result(losses: list[float], **changes: float) -> RangeTest:
    """Return a result with one step per decade, starting at 1e-7."""
    rates = tuple(10.0 ** (step - 7) for step in range(len(losses)))
    smoothed = tuple(loss if math.isfinite(loss) else 3.0 for loss in losses)
    return RangeTest(learning_rates=rates, losses=tuple(losses), smoothed=smoothed, steps=9, **changes)  # type: ignore[arg-type]


FALLING = result([2.0, 2.0, 2.0, 2.0, 1.5, 1.0, 3.0, math.nan], suggestion=1e-3, lowest=1e-2)


@pytest.mark.parametrize(("glyphs", "marker"), [(UNICODE, "◆"), (ASCII, "@")], ids=["Unicode", "ASCII"])
def test_the_suggestion_is_marked_at_its_learning_rate_and_loss(glyphs: Glyphs, marker: str) -> None:
    lines = [line.plain for line in draw_range_test(FALLING, 88, 20, glyphs)]
    assert len(lines) == 20
    assert all(len(line) <= 88 for line in lines)
    assert "loss against learning rate" in lines[0]
    assert "suggestion 0.001" in lines[0]
    (row,) = [row for row, line in enumerate(lines) if marker in line]
    assert row in {8, 9, 10}, "1.5 is in the middle between 1 and 2"
    column = lines[row].index(marker)
    ticks = lines[-1]
    assert column == pytest.approx(ticks.index("0.001") + 2, abs=1)
    assert all(line[column] != " " for line in lines[1:-2]), "a vertical line"
    assert glyphs.bad in lines[1], "the loss that isn't finite"


@pytest.mark.parametrize(
    "shown",
    [
        result([2.3]),
        result([math.nan]),
        RangeTest(learning_rates=(), losses=(), smoothed=(), steps=9),
        result([2.3] * 9),
        result([1e300, -1e300]),
    ],
    ids=["one step", "NaN", "no step", "constant", "huge"],
)
def test_any_losses_can_be_drawn_in_any_size(shown: RangeTest) -> None:
    for width in (1, 7, 15, 30, 200):
        for height in (1, 3, 4, 30):
            lines = draw_range_test(shown, width, height, UNICODE)
            assert len(lines) == height or len(lines) == 1
            assert all(line.cell_len <= width for line in lines)
