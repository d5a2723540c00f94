"""Before and after a change of shape, as grids: what they hold, what they say, and that they fit."""

import itertools

import pytest
import torch

from fashion_tui.lab.inspect.reshaping import try_reshape
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.report.reshaping import grid_lines, verdict_lines
from fashion_tui.schema.reshaping import Operation, ReshapeResult, TryReshape


def change(tensor: torch.Tensor, operation: Operation, arguments: str) -> ReshapeResult:
    return try_reshape(
        TryReshape(shape=tuple(tensor.shape), strides=tuple(tensor.stride()), operation=operation, arguments=arguments)
    )


def plain(found: ReshapeResult, width: int = 80, height: int = 24) -> list[str]:
    return [line.plain.rstrip() for line in grid_lines(found, width, height, UNICODE)]


def test_a_view_and_a_copy_beside_what_they_come_from() -> None:
    view = change(torch.zeros(2, 3), "view", "3, 2")
    assert [line.plain for line in verdict_lines(view, 80, UNICODE)] == ["view: the same memory"]
    lines = plain(view)
    assert "before 2×3" in lines[0]
    assert "after 3×2" in lines[0]
    assert [line.split() for line in lines[1:]] == [["0", "1", "2", "0", "1"], ["3", "4", "5", "2", "3"], ["4", "5"]]

    copy = change(torch.zeros(2, 3).t(), "reshape", "6")
    assert [line.plain for line in verdict_lines(copy, 80, UNICODE)] == [
        "copy: 6 elements moved to memory of their own"
    ]
    assert "not contiguous" in "\n".join(plain(copy))
    assert plain(copy)[-1].split()[-6:] != ["0", "1", "2", "3", "4", "5"]  # each keeps the number of its old place


def test_what_cannot_be_done_says_why_and_shows_what_was() -> None:
    failed = change(torch.zeros(2, 3).t(), "view", "6")
    (said, *_) = [line.plain for line in verdict_lines(failed, 200, UNICODE)]
    assert "contiguous" in said or "stride" in said
    assert "after" not in "\n".join(plain(failed))


def test_an_element_keeps_its_number_and_its_colour() -> None:
    found = change(torch.zeros(2, 3), "transpose", "0, 1")
    colours: dict[str, set[str]] = {}
    for line in grid_lines(found, 80, 24, UNICODE):
        for span in line.spans:
            word = line.plain[span.start : span.end].strip()
            if word.isdigit():
                colours.setdefault(word, set()).add(str(span.style))
    assert sorted(colours) == list("012345")
    assert all(len(found) == 1 for found in colours.values())
    assert len(set.union(*colours.values())) == 6


SHAPES = [(), (0,), (1,), (7,), (300,), (2, 3), (40, 50), (3, 4, 5), (64, 1, 28, 28), (2, 1, 2, 1, 2)]


@pytest.mark.parametrize("size", list(itertools.product([40, 50, 80, 120], [6, 12, 30])))
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_it_fits_whatever_the_shape(size: tuple[int, int], glyphs: object) -> None:
    width, height = size
    for shape in SHAPES:
        lines = grid_lines(change(torch.zeros(shape), "reshape", "-1"), width, height, glyphs)  # type: ignore[arg-type]
        assert len(lines) <= height
        assert all(line.cell_len <= width for line in lines), (shape, [line.plain for line in lines])
        if glyphs is ASCII:
            assert all(line.plain.isascii() for line in lines), shape


def test_what_is_left_out_is_counted() -> None:
    assert "the first" in "\n".join(plain(change(torch.zeros(40, 50), "reshape", "-1"), 80, 12))
    assert "of 64 blocks" in "\n".join(plain(change(torch.zeros(64, 1, 28, 28), "view", "64, 28, 28")))
