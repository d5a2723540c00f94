"""Passes that aren't recorded: they replace recorded ones only if the answer can't change."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack

from fashion_tui.lab.trace import trace
from fashion_tui.lab.trace.batch_axis import CallKey
from fashion_tui.lab.trace.mixing_origin import Masks, Outputs, results_decide
from fashion_tui.schema.errors import TimeLimitReached

from .networks import FunctionNet


class _Watched(nn.Module):
    """Stores, for each pass in evaluation mode, whether the pass is recorded."""

    recorded: ClassVar[list[bool]] = []

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            self.recorded.append(_is_recorded())
        return self.function(x)


def _fails_outside_the_range(x: Tensor) -> Tensor:
    if float(x.min()) < 0 or float(x.max()) > 1:
        raise ValueError
    return x.sin()


def _is_recorded() -> bool:
    return bool(_get_current_function_mode_stack())


def _late_unless_recorded(x: Tensor) -> Tensor:
    if not _is_recorded():
        raise TimeLimitReached(1.0)
    return x.sin()


@pytest.mark.parametrize(
    ("function", "recorded"),
    [
        (lambda x: x.sin() + torch.arange(3).float(), [True] * 3 + [False] * 4),
        (_fails_outside_the_range, [True] * 3 + [False] * 4),
        (lambda x: x - x.mean(0), [True] * 7),
        (lambda x: torch.poisson(30 * x).sin(), [True] * 7),
        (lambda x: x + (x.max() > 1), [True] * 7),
        (lambda x: x / x.abs().amax().clamp(min=1), [True] * 7),
    ],
    ids=["apart", "error", "mean", "random", "integer", "constant"],
)
def test_most_passes_of_a_network_that_keeps_samples_apart_are_not_recorded(
    function: Callable[[Tensor], Tensor], recorded: list[bool]
) -> None:
    _Watched.recorded.clear()
    table = trace(_Watched(function), (3,))
    assert table.samples_compared
    assert _Watched.recorded == recorded


def test_no_pass_follows_an_unrecorded_one_that_reached_the_time_limit() -> None:
    _Watched.recorded.clear()
    table = trace(_Watched(_late_unless_recorded), (3,))
    assert (table.error, table.samples_compared) == (None, False)
    assert _Watched.recorded == [True] * 3 + [False]


@pytest.mark.parametrize(
    "forward",
    [lambda self, x: x + self.scale * (x.max() - 1).relu(), lambda _, x: (x / x.max().clamp(min=1)).mean()],
    ids=["untrained", "loss"],
)
def test_mixing_that_the_results_do_not_show(forward: Callable[..., Any]) -> None:
    """The maximum is above 1, and changes with both samples, only in passes with a raised sample."""
    table = trace(FunctionNet(forward, scale=nn.Parameter(torch.zeros(4))), (4,))
    assert [row.path for row in table.rows if row.mixes_samples] == ["max"]


@pytest.mark.parametrize(
    ("function", "not_recorded"), [(lambda x: x.mean(0), 2), (lambda x: 1 - x.mean(0), 4)], ids=["raised", "lowered"]
)
def test_mixing_that_the_results_show_after_one_change(function: Callable[[Tensor], Tensor], not_recorded: int) -> None:
    """The added value is negligible if the function gives less than 1, and large if it gives more than 1.4."""
    _Watched.recorded.clear()
    table = trace(_Watched(lambda x: x + 1e-6 * function(x) ** 40), (3,))
    assert [row.path for row in table.rows if row.mixes_samples] == ["mean"]
    assert _Watched.recorded == [True] * 3 + [False] * not_recorded + [True] * 4


FIRST, MIDDLE, LAST = (("", name, 0) for name in ("first", "middle", "last"))


def _pass(**changes: Any) -> Outputs:
    """Return a pass of three calls in a row, of which the last returns the result."""
    outputs = Outputs(
        of_calls={key: [torch.rand(2, 3)] for key in (FIRST, MIDDLE, LAST)},
        producers={FIRST: [], MIDDLE: [FIRST], LAST: [MIDDLE]},
        results=[LAST],
        returned=[torch.rand(2, 3)],
    )
    for name, value in changes.items():
        setattr(outputs, name, value)
    return outputs


def _own_rows(*without: CallKey, samples: int = 2) -> dict[CallKey, Masks]:
    """Return changes of each sample's own row in the outputs of all calls, except some that never change."""
    rows = torch.eye(2, dtype=torch.bool)[:, :, None].expand(2, 2, 3)
    return {
        key: {index: [rows[index] & (key not in without)] for index in range(samples)} for key in (FIRST, MIDDLE, LAST)
    }


def _with_outputs(key: CallKey, *tensors: Tensor) -> Outputs:
    outputs = _pass()
    outputs.of_calls[key] = [*tensors]
    return outputs


@pytest.mark.parametrize(
    ("original", "changed", "decides"),
    [
        (_pass(), _own_rows(), True),
        (_pass(), _own_rows(samples=1), False),
        (_pass(), _own_rows(FIRST), True),
        (_pass(), _own_rows(MIDDLE), False),
        (_pass(), _own_rows(LAST), False),
        (_pass(constant={FIRST, MIDDLE}), _own_rows(FIRST, MIDDLE), True),
        (_pass(constant={FIRST, MIDDLE}), _own_rows(MIDDLE), False),
        (_pass(constant={FIRST}), _own_rows(MIDDLE), False),
        (_pass(returned=[torch.rand(2, 3)] * 2), _own_rows(), False),
        (_with_outputs(LAST, torch.rand(2, 3), torch.rand(2, 3)), _own_rows(), False),
        (_with_outputs(LAST, torch.tensor(0.5)), _own_rows(), False),
        (_with_outputs(LAST, torch.ones(2, 3, dtype=torch.int64)), _own_rows(), False),
        (_with_outputs(MIDDLE, torch.ones(2, 3, dtype=torch.int64)), _own_rows(), False),
        (_with_outputs(FIRST, torch.ones(2, 3, dtype=torch.int64)), _own_rows(), True),
    ],
)
def test_the_results_decide_if_every_call_shows_its_changes(
    original: Outputs, changed: dict[CallKey, Masks], *, decides: bool
) -> None:
    assert results_decide(original, changed) is decides
