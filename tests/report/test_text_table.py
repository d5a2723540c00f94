"""Columns of a table that fit into a width."""

import pytest

from fashion_tui.report.text_table import Cell, Column, can_fit, fit_columns

COLUMNS = (Column("a", [Cell("x" * 30)], max_width=10), Column("b", [Cell("y" * 20)], max_width=8))


@pytest.mark.parametrize(("width", "widths"), [(52, [30, 20]), (40, [18, 20]), (30, [10, 18]), (20, [10, 8])])
def test_truncated_columns_use_the_width_that_is_left(width: int, widths: list[int]) -> None:
    """The second column lacks fewer characters, so it is widened first."""
    assert [column.width for column in fit_columns(COLUMNS, width, ())] == widths


def test_columns_fit_if_they_can_be_truncated() -> None:
    assert can_fit(COLUMNS, 20)
    assert not can_fit(COLUMNS, 19)


def test_as_a_last_resort_only_the_widest_column_is_narrowed() -> None:
    """The gap between two columns is 2 wide, so the widest column is 30 − 6 − 2 wide, but never less than 4."""
    columns = [Column("path", [Cell("x" * 6)]), Column("shape", [Cell("y" * 40)])]
    assert [column.width for column in fit_columns(columns, 30, ())] == [6, 22]
    assert [column.width for column in fit_columns(columns, 10, ())] == [6, 4]
