"""Reshaping compared with real tensors: shapes, strides, view or copy, and the offset of each element."""

import math
from itertools import product
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from fashion_tui.lab.inspect.reshaping import try_reshape
from fashion_tui.schema.reshaping import Operation, ReshapeResult, TryReshape

SOURCES = {
    "2x3": torch.arange(6).reshape(2, 3),
    "3x2, transposed": torch.arange(6).reshape(2, 3).T,
    "1x3x1": torch.arange(3).reshape(1, 3, 1),
    "2x3x4": torch.arange(24).reshape(2, 3, 4),
    "every second": torch.arange(12)[::2],
    "expanded": torch.arange(3).expand(2, 3),
    "scalar": torch.tensor(1),
    "large": torch.arange(40 * 50).reshape(40, 50).T,
    "empty": torch.empty(0, 3, dtype=torch.long),
}
CALLS: list[tuple[Operation, str]] = [
    ("reshape", "3, 2"), ("reshape", "-1"), ("reshape", "(2, -1)"), ("reshape", "shape=(6,)"), ("view", "6"),
    ("view", "-1, 3"), ("view", "24"), ("squeeze", ""), ("squeeze", "0"), ("unsqueeze", "0"), ("unsqueeze", "dim=-1"),
    ("flatten", ""), ("flatten", "start_dim=1"), ("permute", "1, 0"), ("permute", "2, 0, 1"), ("transpose", "0, 1"),
    ("reshape", "4, 2"), ("unsqueeze", ""), ("reshape", "5000"), ("reshape", "'a'"), ("transpose", "0, 9"),
]  # fmt: skip


def reshape(tensor: torch.Tensor, operation: Operation, arguments: str) -> ReshapeResult:
    return try_reshape(
        TryReshape(shape=tuple(tensor.shape), strides=tensor.stride(), operation=operation, arguments=arguments)
    )


def expected(tensor: torch.Tensor, operation: Operation, arguments: str) -> tuple[torch.Tensor | None, str]:
    """Return torch's result, or the first line of its error message."""
    try:
        return eval(f"tensor.{operation}({arguments})"), ""  # noqa: S307 -- our own arguments
    except (RuntimeError, TypeError, IndexError) as error:
        return None, str(error).strip().split("\n")[0]


@pytest.mark.parametrize(("operation", "arguments"), CALLS)
@pytest.mark.parametrize("name", SOURCES)
def test_the_result_equals_that_of_torch(name: str, operation: Operation, arguments: str) -> None:
    check(SOURCES[name], operation, arguments)


def check(source: torch.Tensor, operation: Operation, arguments: str) -> None:
    """Compare the result with that of torch."""
    result = reshape(source, operation, arguments)
    real, problem = expected(source, operation, arguments)
    assert result.problem == problem
    if real is None:
        assert result.after is None
        return
    assert result.after is not None
    assert result.after.shape == tuple(real.shape)
    if real.numel():
        assert result.after.strides == real.stride()
        assert result.is_copy == (real.untyped_storage().data_ptr() != source.untyped_storage().data_ptr())
    # Reading the source's memory at the offset of each index gives the same element as torch's result.
    memory = torch.as_strided(source, (source.untyped_storage().nbytes() // 8,), (1,), 0)
    shown = list(product(*map(range, result.after.shown)))
    assert len(shown) == len(result.after.offsets) == math.prod(result.after.shown)
    for index, offset in zip(shown, result.after.offsets, strict=True):
        assert memory[source.storage_offset() + offset] == real[index]


@st.composite
def tensors(draw: DrawFn) -> torch.Tensor:
    """Return a tensor of up to four axes whose elements differ, often neither contiguous nor at its memory's start."""
    shape = draw(st.lists(st.integers(0, 4) | st.integers(1, 3), max_size=4))
    steps = draw(st.lists(st.integers(1, 3), min_size=len(shape), max_size=len(shape)))
    starts = draw(st.lists(st.integers(0, 2), min_size=len(shape), max_size=len(shape)))
    sizes = [start + size * step for start, size, step in zip(starts, shape, steps, strict=True)]
    tensor = torch.arange(math.prod(sizes)).reshape(sizes)
    tensor = tensor[tuple(slice(start, None, step) for start, step in zip(starts, steps, strict=True))]
    tensor = tensor.permute(draw(st.permutations(range(len(shape)))))
    return tensor.expand(draw(st.integers(1, 3)), *tensor.shape) if draw(st.booleans()) else tensor


@st.composite
def sizes_of(draw: DrawFn, elements: int) -> str:
    """Return sizes whose product is the number of elements. One of them may be -1."""
    sizes: list[int] = []
    rest = elements
    while draw(st.booleans()) and len(sizes) < 4:
        sizes.append(draw(st.sampled_from([size for size in range(1, rest + 1) if rest % size == 0] or [rest])))
        rest = rest // sizes[-1] if sizes[-1] else 0
    sizes.append(rest)
    if draw(st.booleans()):
        sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    return ", ".join(map(str, sizes))


@given(tensors(), st.data())
def test_any_result_equals_that_of_torch(source: torch.Tensor, data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from(get_args(Operation)))
    axis = st.integers(-source.dim() - 1, source.dim()).map(str)
    match operation:
        case "reshape" | "view":
            arguments = data.draw(sizes_of(source.numel()) | st.lists(st.integers(-1, 4).map(str)).map(", ".join))
        case "permute":
            arguments = data.draw(st.permutations(range(source.dim())).map(lambda axes: ", ".join(map(str, axes))))
        case _:
            arguments = ", ".join(data.draw(st.lists(axis, max_size=2)))
    check(source, operation, arguments)


def test_a_view_of_a_tensor_that_is_not_contiguous_fails() -> None:
    result = reshape(SOURCES["3x2, transposed"], "view", "6")
    assert result.after is None
    assert result.problem.startswith("view size is not compatible with input tensor's size and stride")
    assert "\n" not in result.problem
    assert result.before.offsets == (0, 3, 1, 4, 2, 5)
    copied = reshape(SOURCES["3x2, transposed"], "reshape", "6")
    assert copied.is_copy


@pytest.mark.parametrize(
    "arguments", ["__import__('os')", "2,", "x", "1)(2", "[i for i in range(3)]", "**{}", "*[1]", "2 3"]
)
def test_arguments_are_literals_and_no_code_is_evaluated(arguments: str) -> None:
    result = reshape(SOURCES["2x3"], "reshape", arguments)
    if arguments == "2,":
        assert result.problem == "shape '[2]' is invalid for input of size 6"
    else:
        assert f"invalid arguments ({arguments})" in result.problem


def test_a_large_tensor_includes_its_first_elements_only() -> None:
    result = reshape(SOURCES["large"], "transpose", "0, 1")
    assert result.after is not None
    assert result.after.shown == (12, 24)
    assert result.before.shown == (12, 24)
