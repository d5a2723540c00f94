"""What reshaping does, against real tensors: shapes, strides, view or copy, and where each element goes."""

import math
from itertools import product

import pytest
import torch

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


def tried(tensor: torch.Tensor, operation: Operation, arguments: str) -> ReshapeResult:
    return try_reshape(
        TryReshape(shape=tuple(tensor.shape), strides=tensor.stride(), operation=operation, arguments=arguments)
    )


def really(tensor: torch.Tensor, operation: Operation, arguments: str) -> tuple[torch.Tensor | None, str]:
    """What torch gives, or the first line of why it doesn't."""
    try:
        return eval(f"tensor.{operation}({arguments})"), ""  # noqa: S307 -- ours
    except (RuntimeError, TypeError, IndexError) as error:
        return None, str(error).strip().split("\n")[0]


@pytest.mark.parametrize(("operation", "arguments"), CALLS)
@pytest.mark.parametrize("name", SOURCES)
def test_it_tells_what_torch_does(name: str, operation: Operation, arguments: str) -> None:
    source = SOURCES[name]
    found = tried(source, operation, arguments)
    real, problem = really(source, operation, arguments)
    assert found.problem == problem
    if real is None:
        assert found.after is None
        return
    assert found.after is not None
    assert found.after.shape == tuple(real.shape)
    if real.numel():
        assert found.after.strides == real.stride()
        assert found.is_copy == (real.untyped_storage().data_ptr() != source.untyped_storage().data_ptr())
    # The element that lay at a place in memory is the one that the real result holds there.
    memory = torch.as_strided(source, (source.untyped_storage().nbytes() // 8,), (1,), 0)
    shown = list(product(*map(range, found.after.shown)))
    assert len(shown) == len(found.after.offsets) == math.prod(found.after.shown)
    for index, place in zip(shown, found.after.offsets, strict=True):
        assert memory[source.storage_offset() + place] == real[index]


def test_a_view_of_what_lies_across_memory_is_refused_with_the_reason() -> None:
    found = tried(SOURCES["3x2, transposed"], "view", "6")
    assert found.after is None
    assert found.problem.startswith("view size is not compatible with input tensor's size and stride")
    assert "\n" not in found.problem
    assert found.before.offsets == (0, 3, 1, 4, 2, 5)
    copied = tried(SOURCES["3x2, transposed"], "reshape", "6")
    assert copied.is_copy


@pytest.mark.parametrize(
    "arguments", ["__import__('os')", "2,", "x", "1)(2", "[i for i in range(3)]", "**{}", "*[1]", "2 3"]
)
def test_arguments_are_literals_and_nothing_is_evaluated(arguments: str) -> None:
    found = tried(SOURCES["2x3"], "reshape", arguments)
    if arguments == "2,":
        assert found.problem == "shape '[2]' is invalid for input of size 6"
    else:
        assert found.problem == f"({arguments}): write numbers with commas between them, such as 2, -1"


def test_a_large_tensor_shows_its_first_corner() -> None:
    found = tried(SOURCES["large"], "transpose", "0, 1")
    assert found.after is not None
    assert found.after.shown == (12, 24)
    assert found.before.shown == (12, 24)
