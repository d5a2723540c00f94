"""The user's choices for the charts: smoothing, axes, the size of the grid, pages and search."""

from fashion_tui.report.charts.chart import XAxis
from fashion_tui.tui.train.chart_options import ChartOptions, GridOptions

METRICS = ["loss", "accuracy", "learning_rate", "gradient_norm", "gradient_norm/conv1", "memory/cpu", "my_metric"]


def test_smoothing_doubles_and_halves_the_half_life() -> None:
    options = ChartOptions(half_life=64)
    assert options.smooth(1, 0).half_life == 128
    assert options.smooth(-1, 0).half_life == 32
    assert options.smooth(0, 0).half_life == 0
    for _ in range(7):
        options = options.smooth(-1, 0)
    assert options.half_life == 0
    assert options.smooth(-1, 0).half_life == 0
    assert options.smooth(1, 0).half_life == 1
    for _ in range(100):
        options = options.smooth(1, 0)
    assert 10_000 < options.half_life_for(0) < 10**8


def test_the_default_half_life_is_at_most_a_tenth_of_the_longest_run() -> None:
    lengths = (0, 5, 50, 375, 1000, 10**6)
    assert [ChartOptions().half_life_for(steps) for steps in lengths] == [64, 0, 4, 32, 64, 64]
    assert ChartOptions().smooth(1, 50).half_life_for(50) == 8
    assert ChartOptions(half_life=64).half_life_for(50) == 64, "the user's choice"


def test_the_options_cycle_through_the_axes() -> None:
    options = ChartOptions()
    seen = []
    for _ in range(len(XAxis) + 1):
        seen.append(options.x)
        options = options.next_x()
    assert seen == [XAxis.PLANNED, XAxis.SO_FAR, XAxis.EPOCHS, XAxis.WALL_TIME, XAxis.PLANNED]
    scales = [ChartOptions(), ChartOptions().next_y(), ChartOptions().next_y().next_y()]
    assert [scale.logarithmic_y for scale in scales] == [None, False, True]
    assert scales[-1].next_y().logarithmic_y is None
    assert [words for scale in scales for words in scale.y_words] == ["y: linear", "y: log"]


def test_the_grid_fits_its_space() -> None:
    assert GridOptions().shape(78, 12) == (1, 1)
    assert GridOptions().shape(84, 26) == (2, 2)
    assert GridOptions().shape(154, 36) == (2, 3)
    assert GridOptions().shape(0, 0) == (1, 1)
    assert GridOptions(columns=5, rows=9).shape(84, 26) == (4, 5), "as many as fit"
    assert GridOptions(columns=1, rows=3).shape(154, 36) == (1, 3)
    assert GridOptions(columns=3, single=2).shape(154, 36) == (1, 1)


def test_the_first_page_follows_the_last() -> None:
    grid = GridOptions()
    pages = []
    for _ in range(4):
        pages.append(grid.page(METRICS, 3))
        grid = grid.turn(METRICS, 3, 1)
    assert pages == [METRICS[:3], METRICS[3:6], METRICS[6:], METRICS[:3]]
    assert GridOptions().turn(METRICS, 3, -1).page(METRICS, 3) == METRICS[6:]
    assert GridOptions().page(METRICS, 3, 1) == METRICS[3:6]
    assert GridOptions().page(METRICS, 3, -1) == []
    grid = GridOptions(first=6)
    assert grid.page(METRICS, 4) == METRICS[4:], "the page with the chart that was first before the size changed"
    assert grid.page(METRICS[:2], 4) == METRICS[:2]
    assert GridOptions().turn([], 4, 1).page([], 4) == []


def test_a_single_chart_turns_to_its_neighbours() -> None:
    grid = GridOptions(single=6)
    assert grid.page(METRICS, 1) == ["my_metric"]
    assert grid.turn(METRICS, 1, 1).page(METRICS, 1) == ["loss"]
    assert grid.turn(METRICS, 1, -1).page(METRICS, 1) == ["memory/cpu"]
    assert grid.page(METRICS[:2], 1) == ["accuracy"], "the last one, if there are fewer metrics"


def test_search_finds_names_and_titles_in_any_case() -> None:
    assert GridOptions(search="Gradient_n").found(METRICS) == ["gradient_norm", "gradient_norm/conv1"]
    assert GridOptions(search="norm conv").found(METRICS) == ["gradient_norm/conv1"]
    assert GridOptions(search=" ").found(METRICS) == METRICS
    assert GridOptions(search="absent").page(METRICS, 4) == []
