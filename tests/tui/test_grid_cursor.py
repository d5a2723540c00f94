"""Walking over pages of pictures, and how many of them fit."""

import pytest

from fashion_tui.tui.widgets.grid_cursor import GridCursor
from fashion_tui.tui.widgets.image_tiles import LARGE, MEDIUM, SMALL, TileLayout, arrange

ONE_LABEL = {SMALL: 1, MEDIUM: 1, LARGE: 1}
PLACE = GridCursor(total=23, columns=5, rows=2, index=0)


def test_pages_follow_each_other_like_rows_of_a_wall() -> None:
    assert PLACE.moved(1, 0).index == 1
    assert PLACE.moved(0, 1).index == 5
    below_the_page = PLACE.at(7).moved(0, 1)
    assert (below_the_page.index, below_the_page.page, below_the_page.offset, below_the_page.position) == (12, 2, 10, 2)
    assert PLACE.at(9).moved(1, 0).page == 2
    assert PLACE.at(10).moved(-1, 0).page == 1


def test_one_cannot_walk_off_the_wall() -> None:
    assert PLACE.moved(-1, 0) == PLACE
    assert PLACE.moved(0, -1) == PLACE
    last = PLACE.at(22)
    assert last.moved(1, 0) == last
    assert last.moved(0, 1) == last
    assert PLACE.at(19).moved(0, 1).index == 22  # the last row is shorter
    assert GridCursor().moved(1, 1) == GridCursor()


def test_turning_pages_keeps_the_cursor_where_it_is_on_the_page() -> None:
    assert PLACE.pages == 3
    assert PLACE.at(7).turned(1).index == 17
    assert PLACE.at(7).turned(2).index == 22
    assert PLACE.at(22).turned(1).index == 22
    assert PLACE.at(22).turned(-1).index == 12
    assert PLACE.turned(-1) == PLACE
    assert PLACE.turned(1000).page == 3


def test_another_size_keeps_the_picture_under_the_cursor_in_sight() -> None:
    smaller = PLACE.at(17).resized(23, 2, 2)
    assert (smaller.index, smaller.offset, smaller.page) == (17, 16, 5)
    assert PLACE.at(22).resized(4, 5, 2).index == 3
    assert PLACE.at(22).resized(0, 5, 2).index == 0


@pytest.mark.parametrize(
    ("size", "expected"),
    [((78, 17), (SMALL, 5, 2)), ((88, 33), (MEDIUM, 4, 3)), ((150, 46), (LARGE, 5, 3)), ((10, 3), (SMALL, 1, 1))],
)
def test_the_largest_pictures_of_which_enough_fit(size: tuple[int, int], expected: tuple[int, int, int]) -> None:
    arrangement = arrange(*size, ONE_LABEL, min_tiles=12)
    assert (arrangement.width, arrangement.columns, arrangement.rows) == expected
    if arrangement.columns > 1:
        assert arrangement.region(arrangement.columns * arrangement.rows - 1).right <= size[0]


def test_a_click_finds_its_picture() -> None:
    arrangement = TileLayout(SMALL, columns=5, rows=2, gap=2, label_lines=1)
    for position in range(10):
        region = arrangement.region(position)
        assert arrangement.position_at(region.x, region.y) == position
        assert arrangement.position_at(region.right - 1, region.bottom - 1) == position
    assert arrangement.position_at(SMALL, 0) is None  # between two pictures
    assert arrangement.position_at(0, 100) is None
