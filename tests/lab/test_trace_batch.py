"""The batch axis: the numbers are those of one sample, and samples that affect each other are found."""

import itertools
import random
import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.cli.shapes_json import table_as_json
from fashion_tui.lab.trace import cost, trace
from fashion_tui.report.shapes import shape_notes
from fashion_tui.schema.inputs import InputSpec
from fashion_tui.schema.shapes import ShapeTable

from .networks import FunctionNet


def _mixing(table: ShapeTable) -> list[str]:
    assert sum(row.mixes_samples for row in table.rows) <= 1, "only the first row is marked"
    return [row.path for row in table.rows if row.mixes_samples]


def _remarks(table: ShapeTable) -> str:
    return "\n".join(remark.text for remark in table.remarks)


def test_work_that_grows_with_the_square_of_the_batch() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        z = F.normalize(self.encode(x), dim=1)
        return z @ z.T

    table = trace(FunctionNet(forward, encode=nn.Linear(9, 6)), (9,))
    assert table.total_macs == 9 * 6 + 6
    assert table.outputs == ((1,),)
    assert _mixing(table) == ["matmul"]


def test_the_rows_of_a_loop_over_samples_add_up() -> None:
    table = trace(FunctionNet(lambda self, x: torch.stack([self.fc(row) for row in x]), fc=nn.Linear(6, 4)), (6,))
    assert (table.total_macs, table.outputs) == (24, ((4,),))
    assert sum(row.macs or 0 for row in table.rows) == 24
    assert not _mixing(table)


def test_a_network_for_pairs_of_samples_runs_with_an_even_batch() -> None:
    def forward(self: Any, x: Tensor) -> Any:
        first, second = self.encode(x).chunk(2)
        return (first - second).square().sum(1)

    table = trace(FunctionNet(forward, encode=nn.Linear(5, 3)), (5,))
    assert (table.error, table.batch, table.total_params) == (None, 2, 18)
    assert table.total_macs == 15
    assert all(size > 0 for row in table.rows for shape in (*row.inputs, *row.outputs) for size in shape)


def test_a_network_for_an_even_number_of_samples() -> None:
    model = FunctionNet(lambda self, x: self.fc(x.view(-1, 2, 5)), fc=nn.Linear(5, 3))
    table = trace(model, (5,))
    assert (table.error, table.batch, table.total_macs) == (None, 2, 15)


def test_a_network_that_compares_groups_of_five_samples() -> None:
    """It returns one row for each sample. Otherwise, a wrong size in the view is more likely."""
    model = FunctionNet(
        lambda self, x: self.fc((x.view(-1, 5, 4) - x.view(-1, 5, 4)[:, :1]).view(-1, 4)), fc=nn.Linear(4, 3)
    )
    table = trace(model, (4,))
    assert (table.error, table.batch, table.total_macs, table.outputs) == (None, 5, 12, ((3,),))
    wrong = FunctionNet(lambda self, x: self.fc(x.view(-1, 20)), fc=nn.Linear(20, 3))
    assert "expects 20 values per sample, got 4" in (trace(wrong, (4,)).error or "")


def test_a_network_for_at_least_three_samples() -> None:
    table = trace(FunctionNet(lambda self, x: self.fc(x - x[2]), fc=nn.Linear(5, 3)), (5,))
    assert (table.error, table.batch, table.total_macs, table.outputs) == (None, 3, 15, ((3,),))


def test_a_network_that_fails_runs_with_two_batch_sizes_only() -> None:
    class Failing(nn.Module):
        batches: ClassVar[list[int]] = []

        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.out = nn.Linear(7, 5), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Any:
            self.batches.append(len(x))
            return self.out(self.hidden(x))

    table = trace(Failing(), (InputSpec(shape=(7,), dtype="float32"),))
    assert table.error is not None
    assert "5" in table.error
    assert Failing.batches == [2, 3]


def test_macs_of_one_sample_from_a_pass_with_two(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(self: Any, x: Tensor) -> Any:
        first, second, *_ = x
        weight = self.down @ self.up
        x = self.two(x) if len(x) == 2 else self.more(x)
        return x.transpose(0, 1) @ weight + (first - second).mean()

    parts = {"down": nn.Parameter(torch.rand(4, 3)), "up": nn.Parameter(torch.rand(3, 4))}
    table = trace(FunctionNet(forward, two=nn.Linear(4, 4), more=nn.Linear(4, 4), **parts), (2, 4))
    assert (table.error, table.batch, table.outputs) == (None, 2, ((2, 4),))
    products = [row.macs for row in table.rows if row.name in {"matmul", "two"}]
    assert products == [4 * 3 * 4, 2 * 4 * 4, 2 * 4 * 4], "the product of the weights doesn't grow with the batch"
    assert [row.name for row in table.rows if row.mixes_samples] != []
    monkeypatch.setattr(cost, "MAX_MACS", 5 * 100)  # enough for the check, which needs four samples of 100 MACs
    few = nn.Sequential(nn.Conv2d(1, 4, 5), nn.BatchNorm2d(4, track_running_stats=False))
    assert _mixing(trace(few, (1, 5, 5))) == ["1"]


def test_batch_normalisation_of_single_values_needs_two_samples() -> None:
    table = trace(nn.Sequential(nn.Conv2d(1, 4, 5), nn.BatchNorm2d(4), nn.Flatten()), (1, 5, 5))
    assert (table.error, table.batch) == (None, 2)
    assert [row.macs for row in table.rows] == [100, 0, 0]
    assert table.outputs == ((4,),)


def test_a_squeeze_that_also_removes_a_batch_of_one() -> None:
    model = FunctionNet(lambda self, x: self.fc(self.conv(x).squeeze()), conv=nn.Conv2d(1, 4, 5), fc=nn.Linear(4, 3))
    table = trace(model, (1, 5, 5))
    assert [row.outputs for row in table.rows] == [((4, 1, 1),), ((4,),), ((3,),)]
    assert (table.outputs, table.total_macs, table.batch) == (((3,),), 112, 1)


def test_a_network_that_reads_one_value_takes_one_sample() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = self.first(x)
        return x if x.abs().amax(1) > 100 else self.second(x)

    table = trace(FunctionNet(forward, first=nn.Linear(3, 3), second=nn.Linear(3, 2)), (3,))
    assert (table.error, table.outputs, table.total_macs) == (None, ((2,),), 15)
    assert "one sample" in _remarks(table)


def test_a_state_for_a_fixed_batch_size_fails() -> None:
    model = FunctionNet(lambda self, x: self.rnn(x, self.state)[0], rnn=nn.GRU(4, 3, batch_first=True))
    model.register_buffer("state", torch.zeros(1, 16, 3))
    table = trace(model, (5, 4))
    assert [row.name for row in table.rows if row.failed] == ["rnn"]
    assert "16" in (table.error or "")


def test_a_flatten_that_works_for_one_sample_only_fails() -> None:
    table = trace(FunctionNet(lambda self, x: self.fc(torch.flatten(x)), fc=nn.Linear(8, 2)), (2, 4))
    assert [row.name for row in table.rows if row.failed] == ["fc"]
    added = FunctionNet(lambda self, x: x + self.rows)
    added.register_buffer("rows", torch.zeros(5, 3))
    assert trace(added, (3,)).rows[-1].failed, "one sample could be added to 5 rows, but a batch can't"


@pytest.mark.parametrize(
    "forward",
    [
        lambda _, x: torch.flatten(torch.relu(x)),
        lambda _, x: torch.relu(x).flatten(),
        lambda _, x: torch.cat([x, x.sin()]),
    ],
)
def test_joined_samples_cause_a_remark(forward: Callable[..., Tensor]) -> None:
    table = trace(FunctionNet(forward), (1, 3, 3))
    assert table.error is None
    assert "joins the samples" in _remarks(table)


def test_tokens_in_one_axis_are_not_joined_samples() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.words(x))
        return scores.view(-1, scores.size(-1))

    table = trace(FunctionNet(forward, words=nn.Embedding(10, 4), head=nn.Linear(4, 10)), (7,))
    assert (table.outputs, table.total_macs, table.remarks) == (((7, 10),), 280, ())


def _forces(self: Any, x: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    return torch.autograd.grad(self.energy(x).sum(), x)[0]


def _shifted_softmax(_: Any, x: Tensor) -> Tensor:
    exponentials = (x - x.mean()).exp()
    return exponentials / exponentials.sum(1, keepdim=True)


def _relative_forces(self: Any, x: Tensor) -> Tensor:
    forces = _forces(self, x)
    return forces - forces.mean(0)


def _untrained_block(self: Any, x: Tensor) -> Any:
    return x + self.scale * x.mean(0)


def _restored_order(order: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    def forward(_: Any, x: Tensor) -> Tensor:
        indices = order(x)
        return x[indices].sin()[indices.argsort()]

    return forward


def _packed(self: Any, x: Tensor) -> Any:
    lengths = (x[:, :, 0] > 0.3).sum(1).clamp(min=1)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=6)[0]


class _Attention(nn.Module):
    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=batch_first)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.attention(x, x, x)[0]
        return output


def _scores(scale: float) -> nn.Linear:
    """Return a layer that multiplies a value by a number."""
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, scale)
    return layer


def _by_index(index: Callable[[Tensor], Tensor]) -> nn.Module:
    return FunctionNet(lambda self, x: self.fc(x[index(x)]), fc=nn.Linear(3, 2))


def _mixup(_: Any, x: Tensor) -> Tensor:
    return 0.7 * x + 0.3 * x[torch.randperm(len(x))]


def _raises_outside_the_range(_: Any, x: Tensor) -> Tensor:
    if float(x.min()) < 0 or float(x.max()) > 1:
        raise ValueError
    return x.cumsum(0)


MIXING: list[tuple[str, nn.Module, tuple[int, ...], str]] = [
    ("attention", _Attention(batch_first=False), (6, 8), "batch_first"),
    ("rnn", FunctionNet(lambda self, x: self.rnn(x)[0], rnn=nn.LSTM(5, 3)), (4, 5), "batch_first"),
    ("softmax", FunctionNet(lambda _, x: x.softmax(0)), (4,), "dim"),
    ("sub", FunctionNet(lambda self, x: self.fc(x).squeeze(1) - x[:, :1], fc=nn.Linear(3, 1)), (3,), "[N, 1]"),
    ("mean", FunctionNet(lambda _, x: x - x.mean(0)), (4,), "batch axis"),
    ("0", nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False)), (4,), "statistics"),
    ("mean", FunctionNet(lambda _, x: x.view(3, len(x), 8).mean(0)), (3, 8), "permute"),
    ("cumsum", FunctionNet(lambda _, x: x.cumsum(0)), (4,), "batch axis"),
    ("mean", FunctionNet(_relative_forces, energy=nn.Sequential(nn.Linear(4, 3), nn.Tanh())), (4,), "batch axis"),
    ("mean", FunctionNet(_untrained_block, scale=nn.Parameter(torch.zeros(4))), (4,), "batch axis"),
    ("mean", FunctionNet(lambda _, x: (x - x.mean(0)).argmax(1)), (4,), "batch axis"),
    ("max", FunctionNet(lambda _, x: x / x.max()), (1,), "batch axis"),
    ("max", FunctionNet(lambda _, x: x / x.abs().max()), (3,), "batch axis"),
    *[
        ("max", FunctionNet(lambda self, x: self.fc(x) / self.fc(x).max(), fc=_scores(scale)), (1,), "batch axis")
        for scale in (1.0, -1.0)
    ],
    ("max", FunctionNet(lambda _, x: x + (x.max() > 1)), (1,), "batch axis"),
    ("getitem", _by_index(lambda x: torch.ones(len(x), dtype=torch.long)), (3,), "index"),
    ("getitem", _by_index(lambda x: x.sum(1).argsort()), (3,), "index"),
    ("getitem", _by_index(lambda x: torch.randint(len(x), (len(x),))), (3,), "index"),
    ("getitem", _by_index(lambda x: torch.randperm(len(x))), (3,), "index"),
    ("getitem", FunctionNet(_mixup), (3,), "index"),
    ("cumsum", FunctionNet(lambda _, x: x.flip(0).cumsum(0).flip(0)), (4,), "batch axis"),
    ("cumsum", FunctionNet(_raises_outside_the_range), (4,), "batch axis"),
]


@pytest.mark.parametrize(
    ("path", "model", "shape", "reason"), MIXING, ids=[f"{case[0]}{number}" for number, case in enumerate(MIXING)]
)
def test_the_first_row_that_mixes_samples_is_marked_with_the_likely_reason(
    path: str, model: nn.Module, shape: tuple[int, ...], reason: str
) -> None:
    table = trace(model, shape)
    assert table.error is None
    assert _mixing(table) == [path]
    assert reason in _remarks(table)


@pytest.mark.parametrize(
    ("limit", "of_one_sample"),
    [("MAX_MACS", 2 * 10 * 10), ("MAX_CHECK_BYTES", 4 * 10 * 4), ("MAX_CHECK_CALLS", 4)],
)
def test_samples_are_not_compared_if_that_is_too_expensive(
    limit: str, of_one_sample: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = FunctionNet(lambda self, x: self.fc(x) - self.fc(x).mean(0), fc=nn.Linear(10, 10))
    monkeypatch.setattr(cost, limit, 4 * of_one_sample)  # two passes with two samples
    assert trace(model, (10,)).samples_compared
    monkeypatch.setattr(cost, limit, 4 * of_one_sample - 1)
    table = trace(model, (10,))
    assert (table.ran, table.samples_compared, _mixing(table)) == ("real", False, [])
    notes = shape_notes(table).plain
    assert "samples not compared" in notes
    assert "!" not in notes, "that isn't a warning"
    assert table_as_json(table)["samples_compared"] is False


def test_samples_that_mix_only_with_other_random_numbers() -> None:
    """The first number is 0.50 with the seed of the first round, and 0.76 with that of the second round."""
    model = FunctionNet(lambda _, x: torch.where(torch.rand(()) > 0.6, x.mean(0, keepdim=True), x))
    assert _mixing(trace(model, (4,))) == ["mean"]


def test_a_slow_machine_gives_the_same_table(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FunctionNet(lambda _, x: x + (x.min() < 0))
    table = trace(model, (3,))
    assert _mixing(table) == ["min"]
    seconds = itertools.count(step=100.0)
    for clock in ("perf_counter", "monotonic", "process_time", "thread_time"):
        monkeypatch.setattr(time, clock, lambda: next(seconds))
    assert trace(model, (3,)) == table


def test_a_sample_below_all_others_changes_the_minimum() -> None:
    model = FunctionNet(lambda _, x: x + (x.min() < 0))
    assert _mixing(trace(model, lambda batch: torch.arange(batch).float())) == ["min"]


def test_the_maximum_is_marked_if_one_sample_holds_it_in_all_passes() -> None:
    assert _mixing(trace(FunctionNet(lambda _, x: x / x.max()), lambda batch: 10 - torch.arange(batch))) == ["max"]


@pytest.mark.parametrize(
    "is_valid", [lambda self, _: self.training, lambda _, x: torch.equal(x, torch.arange(len(x)).float())]
)
def test_samples_are_not_compared_if_the_passes_for_that_fail(is_valid: Callable[[Any, Tensor], bool]) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        if not is_valid(self, x):
            raise NotImplementedError
        return x - x.mean(0)

    table = trace(FunctionNet(forward), lambda batch: torch.arange(batch).float())
    assert (table.error, table.samples_compared) == (None, False)


def test_attention_over_the_batch_has_the_macs_of_one_sample() -> None:
    table = trace(_Attention(batch_first=False), (6, 8))
    assert table.total_macs == 6 * (4 * 8 * 8) + 6 * 2 * 8


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (_Attention(batch_first=True), (6, 8)),
        (nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(64, 3)), (2, 6, 6)),
        (nn.LSTM(5, 3, batch_first=True, bidirectional=True), (4, 5)),
        (FunctionNet(lambda _, x: F.dropout(x, 0.5) + torch.rand(3)), (3,)),
        (FunctionNet(lambda _, x: x + torch.rand_like(x) * np.random.rand() * random.random()), (3,)),  # noqa: NPY002
        (FunctionNet(lambda _, x: (x - 9).log()), (4,)),  # all values are NaN
        (FunctionNet(lambda _, x: torch.poisson(30 * x) + torch.distributions.Gamma(x + 1, 2.0).sample()), (4,)),
        (FunctionNet(_restored_order(lambda x: torch.randperm(len(x)))), (3,)),
        (FunctionNet(_restored_order(lambda x: x.sum(1).argsort())), (3,)),
        (FunctionNet(lambda _, x: x.transpose(0, 1).reshape(-1, 3).relu()), (4, 3)),
        (FunctionNet(_forces, energy=nn.Sequential(nn.Linear(4, 3), nn.Tanh())), (4,)),
        (FunctionNet(_shifted_softmax), (4,)),
        (FunctionNet(_packed, rnn=nn.LSTM(4, 3, batch_first=True)), (6, 4)),
        (FunctionNet(lambda _, x: x.sin() if x.sum() > 0 else x.cos()), (4,)),
        (FunctionNet(lambda _, x: x.repeat_interleave(2, 0).view(-1, 2, 4).mean(1)), (4,)),
    ],
)
def test_samples_that_stay_apart_are_not_marked(model: nn.Module, shape: tuple[int, ...]) -> None:
    table = trace(model, shape)
    assert (table.error, table.samples_compared) == (None, True)
    assert not _mixing(table)


@pytest.mark.parametrize(
    "loss", [F.cross_entropy, nn.CrossEntropyLoss(), lambda x, y: -x.log_softmax(1)[torch.arange(len(x)), y].mean()]
)
def test_a_loss_may_depend_on_all_samples(loss: Any) -> None:
    def forward(self: Any, x: Tensor, y: Tensor) -> Any:
        scores = self.fc(x)
        return scores, loss(scores, y)

    table = trace(FunctionNet(forward, fc=nn.Linear(4, 3)), lambda batch: (torch.rand(batch, 4), torch.arange(batch)))
    assert (table.error, table.remarks, _mixing(table)) == (None, (), [])


def test_a_loss_of_broadcast_shapes_mixes_samples() -> None:
    model = FunctionNet(lambda self, x, y: F.mse_loss(self.fc(x), y), fc=nn.Linear(4, 1))
    table = trace(model, lambda batch: (torch.rand(batch, 4), torch.rand(batch)))
    assert _mixing(table) == ["mse_loss"]
    assert "[N, 1] and [N]" in _remarks(table)
