"""Sliding windows give the same output sizes as torch, and errors for the same arguments."""

import random
from itertools import product

import pytest
import torch
import torch.nn.functional as F

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.windows import SlidingWindow, check_window

from .formulas import evaluate

TRIALS = 600


def random_window(seed: int, *, ceil_mode: bool = False) -> SlidingWindow:
    rng = random.Random(seed)
    padding = rng.randint(0, 4)
    return SlidingWindow(
        input_size=rng.randint(1, 24), kernel=rng.randint(1, 7), padding=(padding, padding), stride=rng.randint(1, 5),
        dilation=rng.choice((1, 1, 2, 3)), ceil_mode=ceil_mode,
    )  # fmt: skip


def output_size(window: SlidingWindow, *, is_pool: bool) -> int | None:
    """Return the output size, or None if the window is invalid."""
    try:
        check_window(window, is_pool=is_pool)
    except UserError:
        return None
    return window.output_size


def convolution_size(window: SlidingWindow) -> int | None:
    """Return the output size of torch's convolution along one axis, or None if torch raises an error."""
    image = torch.empty(1, 1, 1, window.input_size, device="meta")
    weight = torch.empty(1, 1, 1, window.kernel, device="meta")
    try:
        output = F.conv2d(
            image, weight, padding=(0, window.padding[0]), stride=window.stride, dilation=(1, window.dilation)
        )
    except RuntimeError:
        return None
    return output.shape[3]


def pool_size(window: SlidingWindow) -> int | None:
    """Return the output size of torch's pooling along one axis, or None if torch raises an error."""
    image = torch.empty(1, 1, window.input_size, window.input_size, device="meta")
    try:
        output = F.max_pool2d(
            image, window.kernel, window.stride, window.padding[0], window.dilation, ceil_mode=window.ceil_mode
        )
    except RuntimeError:
        return None
    return output.shape[3]


def test_convolutions() -> None:
    windows = [random_window(seed) for seed in range(TRIALS)]
    sizes = [convolution_size(window) for window in windows]
    assert {size is None for size in sizes} == {True, False}
    for window, size in zip(windows, sizes, strict=True):
        assert output_size(window, is_pool=False) == size, window


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_pools(*, ceil_mode: bool) -> None:
    windows = [random_window(seed, ceil_mode=ceil_mode) for seed in range(TRIALS)]
    sizes = [pool_size(window) for window in windows]
    assert {size is None for size in sizes} == {True, False}
    assert any(window.drops_last for window, size in zip(windows, sizes, strict=True) if size) == ceil_mode
    for window, size in zip(windows, sizes, strict=True):
        assert output_size(window, is_pool=True) == size, window


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_both_formulas_give_the_output_size(*, ceil_mode: bool) -> None:
    for seed in range(TRIALS):
        window = random_window(seed, ceil_mode=ceil_mode)
        if window.output_size < 1:
            continue
        assert evaluate(window.formula) == [(window.output_size, window.output_size)], window
        assert evaluate(window.full_formula) == [(window.output_size, window.output_size)], window


def test_covered_positions_and_the_remainder() -> None:
    for seed in range(TRIALS):
        window = random_window(seed, ceil_mode=bool(seed % 2))
        covered = {
            step * window.stride + tap * window.dilation
            for step, tap in product(range(window.output_size), range(window.kernel))
        }
        positions = range(window.padded_size)
        assert [window.covers(position) for position in positions] == [position in covered for position in positions]
        if covered:
            assert window.remainder == window.padded_size - max(covered) - 1


def test_the_formulas_of_the_guides_layers() -> None:
    convolution = SlidingWindow(input_size=28, kernel=5, padding=(2, 2))
    assert convolution.formula == "(28 − 5 + 2·2) / 1 + 1 = 28"
    assert convolution.full_formula == "⌊(28 + 2·2 − 1·(5 − 1) − 1) / 1⌋ + 1 = 28"
    assert SlidingWindow(input_size=28, kernel=2, stride=2).formula == "(28 − 2) / 2 + 1 = 14"


@pytest.mark.parametrize(
    ("window", "is_pool", "numbers"),
    [
        (SlidingWindow(input_size=3, kernel=5), False, r"5 values.*\b3\b"),
        (SlidingWindow(input_size=3, kernel=7, padding=(1, 1)), False, r"7 values.*\b5\b"),
        (SlidingWindow(input_size=9, kernel=3, dilation=5), False, r"11 values.*\b9\b"),
        (SlidingWindow(input_size=9, kernel=3, padding=(2, 2)), True, r"padding is 2.*\b1\b.*kernel of 3"),
    ],
)
def test_an_invalid_window_is_refused_with_its_numbers(window: SlidingWindow, numbers: str, *, is_pool: bool) -> None:
    with pytest.raises(UserError, match=numbers):
        check_window(window, is_pool=is_pool)
