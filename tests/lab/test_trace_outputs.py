"""What a network returns: distributions, objects that hold tensors, parameters, and whatever else isn't a tensor."""

from collections import UserDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, Normal

from fashion_tui.lab.trace import trace
from fashion_tui.lab.trace.tensors import tensors_in

from .networks import FunctionNet


class _Pair(NamedTuple):
    left: Tensor
    right: Tensor


class _Box:
    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.itself = self


class _Slots:
    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class _Private:
    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor


@dataclass
class _Answer:
    scores: Tensor
    note: str


OUTPUTS = [
    (lambda x: Categorical(logits=x), ((4,),)),
    (lambda x: Bernoulli(logits=x), ((4,),)),
    (lambda x: Normal(x, x.exp()), ((4,), (4,))),
    (lambda x: Independent(Normal(x, x.exp()), 1), ((4,), (4,))),
    (lambda x: MixtureSameFamily(Categorical(logits=x), Normal(x, x.exp())), ((4,), (4,), (4,))),
    (lambda x: {"answer": [_Box(x)]}, ((4,),)),
    (_Slots, ((4,),)),
    (_Private, ((4,),)),
    (lambda x: _Pair(x, x[:, :2]), ((4,), (2,))),
    (lambda x: _Answer(x, "note"), ((4,),)),
    (lambda x: UserDict(scores=x), ((4,),)),
    (lambda x: ("text", 3, None, x), ((4,),)),
    (lambda x: (x, x), ((4,), (4,))),
    (lambda _: None, ()),
    (lambda _: 3.5, ()),
]


@pytest.mark.parametrize(("make", "shapes"), OUTPUTS, ids=range(len(OUTPUTS)))
def test_the_tensors_in_an_output(make: Any, shapes: tuple[tuple[int, ...], ...]) -> None:
    table = trace(FunctionNet(lambda self, x: make(self.fc(x)), fc=nn.Linear(8, 4)), (8,))
    assert (table.error, table.outputs, table.total_params, table.total_macs) == (None, shapes, 36, 32)


@pytest.mark.parametrize(
    ("make", "words"),
    [(lambda _: None, "`return`"), (lambda _: 3.5, "a float"), (lambda _: 3, "an int"), (lambda _: ["cat"], "a list")],
)
def test_a_network_that_returns_no_tensor(make: Any, words: str) -> None:
    table = trace(FunctionNet(lambda self, x: make(self.fc(x)), fc=nn.Linear(8, 4)), (8,))
    assert words in table.remarks[0].text
    assert ("`return`" in table.remarks[0].text) == (words == "`return`")


def test_the_checks_inside_a_distribution_have_no_rows() -> None:
    def forward(self: Any, x: Tensor) -> Any:
        return Normal(self.mean(x), torch.exp(self.log_std)).rsample()

    table = trace(FunctionNet(forward, mean=nn.Linear(8, 4), log_std=nn.Parameter(torch.zeros(4))), (8,))
    assert [(row.name, row.params) for row in table.rows] == [("mean", 36), ("exp", 4)]
    assert (table.outputs, table.unused) == (((4,),), ())


def test_a_parameter_that_only_a_distribution_uses_is_counted() -> None:
    model = FunctionNet(
        lambda self, x: Normal(self.mean(x), self.std), mean=nn.Linear(8, 4), std=nn.Parameter(torch.ones(4))
    )
    table = trace(model, (8,))
    assert sum(row.own_params for row in table.rows) == table.total_params == 40
    assert table.unused == ()


def test_a_sample_keeps_its_source() -> None:
    def forward(self: Any, x: Tensor) -> Any:
        mean = self.encode(x)
        return self.decode(Normal(mean, torch.ones_like(mean)).rsample())

    table = trace(FunctionNet(forward, encode=nn.Linear(8, 4), decode=nn.Linear(4, 8)), (8,))
    assert [row.name for row in table.rows] == ["encode", "ones_like", "decode"]
    assert table.rows[2].sources == (0,)


def test_a_parameter_that_is_returned_is_used() -> None:
    alone = FunctionNet(lambda self, _: self.weight, weight=nn.Parameter(torch.ones(5, 3)))
    table = trace(alone, (1,))
    assert (table.outputs, table.unused, table.unused_params, table.total_params) == (((5, 3),), (), 0, 15)
    both = FunctionNet(lambda self, x: (self.fc(x), self.table), fc=nn.Linear(6, 4), table=nn.Parameter(torch.zeros(7)))
    table = trace(both, (6,))
    assert (table.outputs, table.unused, table.total_params) == (((4,), (7,)), (), 35)


def test_the_check_of_a_mask_inside_a_transformer_has_no_rows() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    table = trace(FunctionNet(lambda self, x: self.encoder(x, mask=self.mask), encoder=encoder, mask=mask), (5, 8))
    assert [row.name for row in table.rows if row.depth < 2] == ["encoder", "layers.0"]
    assert table.total_macs == 4 * 5 * 8 * 8 + 2 * 5 * 5 * 8 + 2 * 5 * 8 * 16


def test_an_object_that_contains_itself_is_searched_once() -> None:
    tensor = torch.ones(1)
    assert [*tensors_in([_Box(tensor), nn.Linear(1, 1)])] == [tensor], "the weights of a module are no result"
