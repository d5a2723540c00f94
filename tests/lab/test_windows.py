"""The arithmetic of windows, against torch itself: whatever the parameters, the same sizes and the same refusals."""

import random
from itertools import product

import pytest
import torch
import torch.nn.functional as F

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.windows import SlidingWindow, check_window

from .formulas import evaluate

TRIALS = 600


def drawn(seed: int, *, ceil_mode: bool = False) -> SlidingWindow:
    draw = random.Random(seed)
    padding = draw.randint(0, 4)
    return SlidingWindow(
        input_size=draw.randint(1, 24), kernel=draw.randint(1, 7), padding=(padding, padding),
        stride=draw.randint(1, 5), dilation=draw.choice((1, 1, 2, 3)), ceil_mode=ceil_mode,
    )  # fmt: skip


def expected(slide: SlidingWindow, *, is_pool: bool) -> int | None:
    """The size that comes out; None where it is refused."""
    try:
        check_window(slide, is_pool=is_pool)
    except UserError:
        return None
    return slide.output_size


def convolved(slide: SlidingWindow) -> int | None:
    """What torch gives: the width of an output one high."""
    image = torch.empty(1, 1, 1, slide.input_size, device="meta")
    weight = torch.empty(1, 1, 1, slide.kernel, device="meta")
    try:
        found = F.conv2d(
            image, weight, padding=(0, slide.padding[0]), stride=slide.stride, dilation=(1, slide.dilation)
        )
    except RuntimeError:
        return None
    return found.shape[3]


def pooled(slide: SlidingWindow) -> int | None:
    image = torch.empty(1, 1, slide.input_size, slide.input_size, device="meta")
    try:
        found = F.max_pool2d(
            image, slide.kernel, slide.stride, slide.padding[0], slide.dilation, ceil_mode=slide.ceil_mode
        )
    except RuntimeError:
        return None
    return found.shape[3]


def test_convolutions() -> None:
    slides = [drawn(seed) for seed in range(TRIALS)]
    sizes = [convolved(slide) for slide in slides]
    assert {size is None for size in sizes} == {True, False}
    for slide, size in zip(slides, sizes, strict=True):
        assert expected(slide, is_pool=False) == size, slide


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_pools(*, ceil_mode: bool) -> None:
    slides = [drawn(seed, ceil_mode=ceil_mode) for seed in range(TRIALS)]
    sizes = [pooled(slide) for slide in slides]
    assert {size is None for size in sizes} == {True, False}
    assert any(slide.drops_last for slide, size in zip(slides, sizes, strict=True) if size) == ceil_mode
    for slide, size in zip(slides, sizes, strict=True):
        assert expected(slide, is_pool=True) == size, slide


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_both_formulas_give_what_they_say(*, ceil_mode: bool) -> None:
    for seed in range(TRIALS):
        slide = drawn(seed, ceil_mode=ceil_mode)
        if slide.output_size < 1:
            continue
        assert evaluate(slide.formula) == [(slide.output_size, slide.output_size)], slide
        assert evaluate(slide.full_formula) == [(slide.output_size, slide.output_size)], slide


def test_what_windows_look_at_and_what_is_left_over() -> None:
    for seed in range(TRIALS):
        slide = drawn(seed, ceil_mode=bool(seed % 2))
        windows, places = range(slide.output_size), range(slide.kernel)
        seen = {window * slide.stride + place * slide.dilation for window, place in product(windows, places)}
        assert {position for position in range(slide.padded_size) if slide.covers(position)} == {
            position for position in seen if position < slide.padded_size
        }, slide
        if seen:
            assert slide.remainder == slide.padded_size - max(seen) - 1


def test_the_guides_own() -> None:
    slide = SlidingWindow(input_size=28, kernel=5, padding=(2, 2))
    assert slide.formula == "(28 − 5 + 2·2) / 1 + 1 = 28"
    assert slide.full_formula == "⌊(28 + 2·2 − 1·(5 − 1) − 1) / 1⌋ + 1 = 28"
    assert SlidingWindow(input_size=28, kernel=2, stride=2).formula == "(28 − 2) / 2 + 1 = 14"


@pytest.mark.parametrize(
    ("slide", "is_pool", "words"),
    [
        (SlidingWindow(input_size=3, kernel=5), False, "spans 5 values, but the padded input has 3"),
        (SlidingWindow(input_size=9, kernel=3, dilation=5), False, "spans 11 values, but the padded input has 9"),
        (
            SlidingWindow(input_size=9, kernel=3, padding=(2, 2)),
            True,
            "padding is 2; for pooling it must be at most half the kernel size, 1 for a kernel of 3",
        ),
    ],
)
def test_a_refusal_says_why(slide: SlidingWindow, words: str, *, is_pool: bool) -> None:
    with pytest.raises(UserError, match=words):
        check_window(slide, is_pool=is_pool)
