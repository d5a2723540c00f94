"""Networks whose path depends on values: the trace takes the branches and loops that the network takes in training."""

import random
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fashion_tui.lab.trace import cost, trace
from fashion_tui.report.shapes import shape_notes
from fashion_tui.schema.errors import TimeLimitReached, UserError
from fashion_tui.schema.shapes import ShapeTable

from .networks import FunctionNet


def _names(table: ShapeTable) -> list[str]:
    return [row.name for row in table.rows if row.is_module]


def test_branches_and_loops_read_the_values_of_inputs_and_buffers() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = self.high(x) if x.sum() > 0 else self.low(x)
        for _ in range(self.rounds.item()):
            x = self.step(x)
        return x

    model = FunctionNet(forward, high=nn.Linear(7, 5), low=nn.Linear(7, 5), step=nn.Linear(5, 5))
    model.register_buffer("rounds", torch.tensor(4))
    table = trace(model, (7,))
    assert (table.ran, table.batch, table.error) == ("real", 1, None)
    assert _names(table) == ["high", *["step"] * 4]
    assert table.total_macs == sum(row.macs or 0 for row in table.rows) == 7 * 5 + 4 * 5 * 5
    assert not table.unused
    assert [part.name for part in table.not_used_in_pass] == ["low"]
    assert not table.remarks, "the sum over the batch only chooses a branch"


def test_a_loop_ends_at_a_threshold_that_the_weights_decide() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        for _ in range(9):
            before, x = x, x @ self.weight
            if (x - before).abs().max() < 1e-9:
                break
        return x

    halving = FunctionNet(forward, weight=nn.Parameter(torch.eye(5) / 2))
    assert trace(halving, (5,)).total_macs == 9 * 25
    assert trace(FunctionNet(forward, weight=nn.Parameter(torch.eye(5))), (5,)).total_macs == 25


class _Experts(nn.Module):
    """Sends each token to one of three experts."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(4, 3)
        self.experts = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.reshape(-1, 4)
        weight, choice = self.gate(tokens).softmax(-1).max(-1)
        out = torch.zeros_like(tokens)
        for index, expert in enumerate(self.experts):
            chosen = choice == index
            if chosen.any():
                out[chosen] = expert(tokens[chosen]) * weight[chosen, None]
        return out.view_as(x)


@pytest.mark.parametrize("seed", range(3))
def test_each_token_passes_one_expert(seed: int) -> None:
    torch.manual_seed(seed)
    table = trace(_Experts(), (5, 4))
    assert (table.error, table.outputs) == (None, ((5, 4),))
    assert table.total_macs == 5 * (4 * 3 + 4 * 4)
    assert table.total_params == 4 * 3 + 3 + 3 * (4 * 4 + 4)
    assert not table.unused, "an expert that no token chose isn't unused"
    assert not any(row.mixes_samples for row in table.rows)


def test_a_random_skip_isnt_an_unused_layer() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return x if self.training and torch.rand(1).item() < 0.5 else self.fc(x)

    table = trace(FunctionNet(forward, fc=nn.Linear(4, 4)), (4,))
    if _names(table) == []:
        ((name, reason),) = [(part.name, part.reason) for part in table.not_used_in_pass]
        assert (name, "random" in reason) == ("fc", True)
    assert not table.unused


def test_a_layer_for_evaluation_only_isnt_unused() -> None:
    model = FunctionNet(lambda self, x: x if self.training else self.fc(x), fc=nn.Linear(4, 4))
    (part,) = trace(model, (4,)).not_used_in_pass
    assert part.name == "fc"
    assert "evaluation" in part.reason


class _Guarded(nn.Module):
    """Has a branch for values that no trial has, and a layer that the code doesn't mention."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.rare, self.spare = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Any:
        return self.fc(x) if x.sum() < 1e9 else self.rare(x)


def test_only_a_layer_that_the_code_doesnt_mention_is_unused_if_the_code_reads_values() -> None:
    table = trace(_Guarded(), (4,))
    assert (table.unused, table.unused_params) == (("spare",), 10 + 20)
    assert [part.name for part in table.not_used_in_pass] == ["rare"]


@pytest.mark.parametrize("message", ["only one", ""])
def test_a_network_that_asserts_one_sample_has_a_table(message: str) -> None:
    def forward(self: Any, x: Tensor) -> Any:
        if x.shape[0] != 1:
            raise AssertionError(message)
        return self.fc(x)

    def asserting(self: Any, x: Tensor) -> Any:
        torch._assert(x.shape[0] == 1, message)
        return self.fc(x)

    for check in (forward, asserting):
        table = trace(FunctionNet(check, fc=nn.Linear(5, 3)), (5,))
        assert (table.error, table.batch, table.outputs, table.total_macs) == (None, 1, ((3,),), 15)
        assert [remark.text.startswith("takes one sample") for remark in table.remarks] == [True]
        assert table.remarks[0].text.endswith(message or "AssertionError")


def test_a_view_that_fixes_one_sample_is_an_error() -> None:
    assert "batch size" in (trace(FunctionNet(lambda _, x: x.view(1, 5)), (5,)).error or "")


def test_a_network_that_takes_groups_of_three_samples_has_a_table() -> None:
    table = trace(FunctionNet(lambda self, x: self.fc(x.view(-1, 3, 5)).mean(1), fc=nn.Linear(5, 2)), (5,))
    assert (table.error, table.batch, table.total_macs) == (None, 3, 10)


class _Optional(nn.Module):
    """Has layers behind arguments, one behind an early return, one in another method and one that nothing mentions."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.aux = nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(3, 4)
        self.late, self.decoder, self.off, self.spare = (nn.Linear(3, size) for size in (5, 6, 7, 8))
        self.use_off = False
        self.reset()

    def reset(self) -> None:
        nn.init.zeros_(self.spare.weight)

    def forward(self, x: Tensor, y: Tensor | None = None, *, return_aux: bool = False, z: Any = None) -> Any:
        out = self.a(x) + (0 if y is None else self.b(y))
        if self.use_off:
            return self.off(x)
        if return_aux:
            return out, self.auxiliary(x)
        if z is None:
            return out
        return self.late(z)

    def auxiliary(self, x: Tensor) -> Any:
        return self.aux(x)

    def decode(self, x: Tensor) -> Any:
        return self.decoder(x)


@pytest.mark.parametrize("live", [False, True])
def test_layers_behind_arguments_that_arent_given_are_not_used_in_this_pass(*, live: bool) -> None:
    table = trace(_Optional(), (3,), live=live)
    assert (table.unused, table.unused_params) == (() if live else ("off", "spare"), 4 * (2 + 4 + 5 + 6 + 7 + 8))
    named = [part for part in table.not_used_in_pass if part.name not in {"off", "spare"}]
    assert sum(row.own_params for row in table.rows) + table.unused_params == table.total_params
    for part, (name, params, word) in zip(
        named,
        [("b", 8, "y is"), ("aux", 16, "return_aux is"), ("late", 20, "z is"), ("decoder", 24, "method decode")],
        strict=True,
    ):
        assert (part.name, part.params) == (name, params)
        assert word in part.reason
    inside = trace(nn.Sequential(_Optional()), (3,)).not_used_in_pass
    assert [part.name for part in inside] == ["0.b", "0.aux", "0.late", "0.decoder"]
    assert "y is None" in inside[0].reason


def test_a_parameter_whose_gradient_flows_is_used() -> None:
    table = trace(FunctionNet(lambda self, x: (self.fc(x), self.table), fc=nn.Linear(3, 2),
                              table=nn.Parameter(torch.ones(6))), (3,))  # fmt: skip
    assert (table.unused, table.not_used_in_pass) == ((), ())


def test_an_operation_without_a_meta_kernel_runs_on_the_cpu() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        if x.is_meta:
            raise RuntimeError("this operation is not available here")
        return self.fc(torch.from_numpy(x.detach().numpy() * 3))  # type: ignore[no-any-return]

    table = trace(FunctionNet(forward, fc=nn.Linear(5, 2)), (5,))
    assert (table.error, table.ran, table.outputs, table.total_macs) == (None, "real", ((2,),), 10)


def test_the_trace_runs_the_network_without_changing_it() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    assert trace(model, (1, 8, 8)).ran == "real"
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training


def test_the_same_network_gives_the_same_table() -> None:
    torch.manual_seed(1)
    model = _Experts()
    assert trace(model, (6, 4)) == trace(model, (6, 4))


def test_errors_are_those_of_real_values() -> None:
    positions = FunctionNet(lambda self, x: self.words(x) + self.places(torch.arange(x.shape[1])),
                            words=nn.Embedding(20, 4), places=nn.Embedding(6, 4))  # fmt: skip
    table = trace(positions, (9,))
    assert [row.name for row in table.rows if row.failed] == ["places"]
    assert "6" in (table.error or "")
    integers = trace(FunctionNet(lambda self, x: self.fc(x.argsort(1)), fc=nn.Linear(4, 3)), (4,))
    assert [row.name for row in integers.rows if row.failed] == ["fc"]


def test_a_network_that_is_too_large_is_simulated() -> None:
    model = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.Conv2d(64, 64, 3, padding=1), nn.Flatten(2))
    table = trace(model, (3, 600, 600))
    assert (table.ran, table.error, table.outputs) == ("meta", None, ((64, 360_000),))
    assert table.total_macs == 360_000 * 64 * 9 * (3 + 64)


def test_a_live_trace_of_a_small_network_takes_its_branches() -> None:
    model = FunctionNet(lambda self, x: self.a(x) if x.sum() > 0 else self.b(x), a=nn.Linear(3, 2), b=nn.Linear(3, 2))
    table = trace(model, (3,), live=True)
    assert (table.ran, _names(table), table.total_macs) == ("real", ["a"], 6)


LARGE_INPUT = (60_000,)
"""A network with this input is simulated first."""


def test_only_affordable_networks_run_on_real_values(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.Linear(60_000, 1)
    monkeypatch.setattr(cost, "MAX_MACS", 100_000)  # more than one sample needs, less than two need
    assert trace(layer, LARGE_INPUT).ran == "real"
    assert trace(layer, LARGE_INPUT, live=True).ran == "meta"
    monkeypatch.setattr(cost, "MAX_MACS", 1000)
    assert trace(nn.Linear(30, 30), (30,)).ran == "real"
    assert trace(nn.Linear(40, 40), (40,)).ran == "meta"
    reads_values = FunctionNet(lambda self, x: self.fc(x) if x.sum() > 0 else x, fc=layer)
    with pytest.raises(UserError, match="too large"):
        trace(reads_values, LARGE_INPUT)


def test_a_network_that_needs_more_than_the_free_memory_is_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "MEMORY_SHARE", 0.0)
    assert trace(nn.Linear(3, 2), (3,)).ran == "meta"


def test_a_live_trace_makes_no_further_passes() -> None:
    model = FunctionNet(lambda _, x: x - x.mean(0))
    assert any(row.mixes_samples for row in trace(model, (3,)).rows)
    assert not any(row.mixes_samples for row in trace(model, (3,), live=True).rows)


@pytest.mark.parametrize("draw", [lambda: random.random(), lambda: np.random.rand()])  # noqa: NPY002, PLW0108
def test_choices_at_random_are_the_same_in_each_trace(draw: Callable[[], float]) -> None:
    def forward(_: Any, x: Tensor) -> Tensor:
        for _ in range(30):
            x = x.sin() if draw() < 0.5 else x.cos()
        return x

    model = FunctionNet(forward)
    assert [row.name for row in trace(model, (2,)).rows] == [row.name for row in trace(model, (2,)).rows]


class _TooSlow(nn.Module):
    batches: ClassVar[list[int]] = []
    """The number of samples of each pass, kept in the class because a trace copies the network."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.spare = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Any:
        self.batches.append(len(x))
        if len(x) > 4:
            raise TimeLimitReached(1.0)
        return self.fc(x)


class _OneOfTwo(_TooSlow):
    """Chooses between two layers without a condition that mentions one of them."""

    batches: ClassVar[list[int]] = []

    def __init__(self) -> None:
        super().__init__()
        self.b = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Any:
        choices = [self.fc, self.b]
        return super().forward(x) + 0 * choices[int(x.sum() < 0)](x)


def test_a_layer_isnt_called_unused_before_other_inputs_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    late = trace(_OneOfTwo(), (3,))
    monkeypatch.setattr(cost, "MAX_CHECK_CALLS", 0)
    for table in (late, trace(_OneOfTwo(), (3,)), trace(_OneOfTwo(), (3,), live=True)):
        assert (table.error, table.unused) == (None, ("spare",)), "the code doesn't mention spare"
        ((name, reason),) = [(part.name, part.reason) for part in table.not_used_in_pass]
        assert (name, "not tried" in reason) == ("b", True)
        assert "not used in this pass: b" in shape_notes(table).plain


def test_no_pass_follows_one_that_reached_the_time_limit() -> None:
    table = trace(_TooSlow(), (3,))
    assert (table.error, table.outputs) == (None, ((2,),))
    assert [batch for batch in _TooSlow.batches if batch > 4] == _TooSlow.batches[-1:] == [32]


def test_a_parameter_that_no_recorded_call_uses_may_get_a_gradient() -> None:
    def forward(self: Any, x: Tensor) -> Any:
        with torch._C.DisableTorchFunction():
            return (x * self.scale if self.training else x * self.scale * self.other), self.fixed

    scale, other = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    fixed = nn.Parameter(torch.ones(3), requires_grad=False)
    table = trace(FunctionNet(forward, scale=scale, other=other, fixed=fixed, spare=nn.Linear(2, 1)), (3,))
    assert table.unused == ("spare",)
    ((name, reason),) = [(part.name, part.reason) for part in table.not_used_in_pass]
    assert (name, "evaluation" in reason) == ("other", True)
