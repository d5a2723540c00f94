"""The cursor over pages of images, and the layout of the tiles."""

import pytest

from fashion_tui.tui.widgets.grid_cursor import GridCursor
from fashion_tui.tui.widgets.image_tiles import TileLayout, arrange

CURSOR = GridCursor(total=23, columns=5, rows=2, index=0)


def test_moving_continues_on_the_next_page() -> None:
    assert CURSOR.moved(1, 0).index == 1
    assert CURSOR.moved(0, 1).index == 5
    below_the_page = CURSOR.at(7).moved(0, 1)
    assert (below_the_page.index, below_the_page.page, below_the_page.offset, below_the_page.position) == (12, 2, 10, 2)
    assert CURSOR.at(9).moved(1, 0).page == 2
    assert CURSOR.at(10).moved(-1, 0).page == 1


def test_cursor_stops_at_the_first_and_last_image() -> None:
    assert CURSOR.moved(-1, 0) == CURSOR
    assert CURSOR.moved(0, -1) == CURSOR
    last = CURSOR.at(22)
    assert last.moved(1, 0) == last
    assert last.moved(0, 1) == last
    assert CURSOR.at(19).moved(0, 1).index == 22  # the last row is shorter
    assert GridCursor().moved(1, 1) == GridCursor()


def test_turning_pages_keeps_the_position() -> None:
    assert CURSOR.pages == 3
    assert CURSOR.at(7).turned(1).index == 17
    assert CURSOR.at(7).turned(2).index == 22
    assert CURSOR.at(22).turned(1).index == 22
    assert CURSOR.at(22).turned(-1).index == 12
    assert CURSOR.turned(-1) == CURSOR
    assert CURSOR.turned(1000).page == 3


def test_resizing_keeps_the_cursor_on_its_image() -> None:
    smaller = CURSOR.at(17).resized(23, 2, 2)
    assert (smaller.index, smaller.offset, smaller.page) == (17, 16, 5)
    assert CURSOR.at(22).resized(4, 5, 2).index == 3
    assert CURSOR.at(22).resized(0, 5, 2).index == 0


@pytest.mark.parametrize(
    ("size", "expected"),
    [((78, 17), (14, 5, 2)), ((88, 33), (20, 4, 3)), ((150, 46), (28, 5, 3)), ((10, 3), (14, 1, 1))],
)
def test_largest_images_of_which_enough_fit(size: tuple[int, int], expected: tuple[int, int, int]) -> None:
    layout = arrange(*size, (1, 28, 28), label_lines=1, min_tiles=12)
    assert (layout.width, layout.columns, layout.rows) == expected
    lines = min(expected[0] // 2, size[1] - 1)  # the label is always visible
    assert layout.image_size == (lines, 2 * lines)
    if layout.columns > 1:
        assert layout.region(layout.columns * layout.rows - 1).right <= size[0]


def test_click_finds_its_tile() -> None:
    layout = TileLayout((7, 14), columns=5, rows=2, gap=2, label_lines=1)
    for position in range(10):
        region = layout.region(position)
        assert layout.position_at(region.x, region.y) == position
        assert layout.position_at(region.right - 1, region.bottom - 1) == position
    assert layout.position_at(14, 0) is None  # between two tiles
    assert layout.position_at(0, 100) is None
