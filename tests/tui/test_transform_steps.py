"""The tables of an image's transforms."""

import pytest

from fashion_tui.report.formatting import format_number
from fashion_tui.report.glyphs import UNICODE
from fashion_tui.tui.data.transform_steps import DIGITS, NUMBER_WIDTH


@pytest.mark.parametrize("value", [-1.23e-05, -0.00952, -1.23e10, -999_999.0])
def test_the_longest_numbers_leave_a_space_between_columns(value: float) -> None:
    assert len(format_number(value, UNICODE, digits=DIGITS)) < NUMBER_WIDTH
