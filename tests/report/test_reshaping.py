"""Grids before and after an operation that changes the shape: their elements, their notes, and their size."""

import itertools

import pytest
import torch

from fashion_tui.lab.inspect.reshaping import try_reshape
from fashion_tui.report.element_grid import GridDrawing
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.report.reshaping import grid_lines, verdict_lines
from fashion_tui.schema.reshaping import Operation, ReshapeResult, TryReshape


def reshape(tensor: torch.Tensor, operation: Operation, arguments: str) -> ReshapeResult:
    return try_reshape(
        TryReshape(shape=tuple(tensor.shape), strides=tuple(tensor.stride()), operation=operation, arguments=arguments)
    )


def plain(result: ReshapeResult, width: int = 80, height: int = 24) -> list[str]:
    return [line.plain.rstrip() for line in grid_lines(result, width, height, UNICODE)]


def test_a_view_and_a_copy() -> None:
    view = reshape(torch.zeros(2, 3), "view", "3, 2")
    assert [line.plain for line in verdict_lines(view, 80, UNICODE)] == ["view: the same memory"]
    lines = plain(view)
    assert "before 2×3" in lines[0]
    assert "after 3×2" in lines[0]
    assert lines[1].startswith(" 0  1  2 "), "small grids have two spaces between their elements"
    assert [line.split() for line in lines[1:]] == [["0", "1", "2", "0", "1"], ["3", "4", "5", "2", "3"], ["4", "5"]]

    copy = reshape(torch.zeros(2, 3).t(), "reshape", "6")
    (verdict,) = [line.plain for line in verdict_lines(copy, 80, UNICODE)]
    assert verdict.startswith("copy: 6 elements")
    assert "not contiguous" in "\n".join(plain(copy))
    assert plain(copy)[-1].split()[-6:] != ["0", "1", "2", "3", "4", "5"]  # each keeps its number


def test_a_failing_operation_shows_the_reason_and_the_tensor_before() -> None:
    failed = reshape(torch.zeros(2, 3).t(), "view", "6")
    (verdict, *_) = [line.plain for line in verdict_lines(failed, 200, UNICODE)]
    assert "contiguous" in verdict or "stride" in verdict
    assert "after" not in "\n".join(plain(failed))


def test_an_element_keeps_its_number_and_its_colour() -> None:
    result = reshape(torch.zeros(2, 3), "transpose", "0, 1")
    colours: dict[str, set[str]] = {}
    for line in grid_lines(result, 80, 24, UNICODE):
        for span in line.spans:
            number = line.plain[span.start : span.end].strip()
            if number.isdigit():
                colours.setdefault(number, set()).add(str(span.style))
    assert sorted(colours) == list("012345")
    assert all(len(styles) == 1 for styles in colours.values())
    assert len(set.union(*colours.values())) == 6


SHAPES = [(), (0,), (1,), (7,), (300,), (2, 3), (40, 50), (3, 4, 5), (64, 1, 28, 28), (2, 1, 2, 1, 2)]


@pytest.mark.parametrize("size", list(itertools.product([40, 50, 80, 120], [6, 12, 30])))
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_grids_of_any_shape_fit(size: tuple[int, int], glyphs: object) -> None:
    width, height = size
    for shape in SHAPES:
        lines = grid_lines(reshape(torch.zeros(shape), "reshape", "-1"), width, height, glyphs)  # type: ignore[arg-type]
        assert len(lines) <= height
        assert all(line.cell_len <= width for line in lines), (shape, [line.plain for line in lines])
        if glyphs is ASCII:
            assert all(line.plain.isascii() for line in lines), shape


def test_omitted_elements_are_counted() -> None:
    assert "the first" in "\n".join(plain(reshape(torch.zeros(40, 50), "reshape", "-1"), 80, 12))
    assert "of 64 blocks" in "\n".join(plain(reshape(torch.zeros(64, 1, 28, 28), "view", "64, 28, 28")))


def test_blocks_and_headings_that_fit_exactly_share_a_line() -> None:
    """A block is 6 elements of 4 columns wide. Three blocks and the gaps of 2 columns need 76 columns."""
    grid = reshape(torch.zeros(3, 2, 6), "reshape", "-1").before

    def lines(width: int) -> list[str]:
        return [line.plain.rstrip() for line in GridDrawing("before", grid, 4, width, 24, UNICODE).lines(35)]

    assert [lines(width)[1].split() for width in (76, 75)] == [["[0]", "[1]", "[2]"], ["[0]", "[1]"]]
    heading = "before 3×2×6  strides (12, 6, 1)"
    assert lines(len(heading))[0] == heading
    assert lines(len(heading) - 1)[:2] == heading.split("  ")


def test_a_narrow_tensor_leaves_its_space_to_the_wide_one() -> None:
    """A grid is at least 20 columns wide. The gap has 3 columns, and 12 elements of 3 columns need 36."""
    result = reshape(torch.zeros(12, 4), "transpose", "0, 1")
    _, _, *rows = plain(result, 20 + 3 + 36, 14)
    assert sorted(map(int, " ".join(rows).split())) == sorted(2 * [*range(48)])
    assert "the first" in "\n".join(plain(result, 20 + 3 + 35, 14))
