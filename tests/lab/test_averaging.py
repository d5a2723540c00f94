"""Averaged weights, against `torch.optim.swa_utils`."""

import copy
from typing import Any

import msgspec
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from fashion_tui.lab.data.datasets import ImageBatches
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.averaging import WeightAverage
from fashion_tui.lab.training.checkpoint import final_weights
from fashion_tui.lab.training.loop import Training
from fashion_tui.lab.training.schedules import learning_rate_at
from fashion_tui.schema.builtin_recipes import GUIDE, QUICK
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import Recipe

from .test_training import CPU, bits, run, striped

IMAGES = striped(70)

RECIPE = msgspec.structs.replace(QUICK, batch_size=16, epochs=3, precision="fp32", ema_decay=0.8)
"""Its network has batch normalisation."""

DROPOUT = CustomModel(
    source="""
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0
        self.body = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(784, 20), nn.BatchNorm1d(20))
        self.head = nn.Linear(20, 10)

    def forward(self, x):
        self.calls += 1
        return self.head(self.body(x))
""",
    class_name="Net",
)


def begin(recipe: Recipe = RECIPE, **options: Any) -> Training:
    return Training(recipe, IMAGES, device=CPU, seed=4, **options)


def plain_average() -> AveragedModel:
    """Train with a plain loop and AveragedModel, and compute the batch normalisation statistics with update_bn."""
    torch.manual_seed(4)
    model = build(RECIPE.model)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(RECIPE.ema_decay))
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    batches, step = ImageBatches(IMAGES, RECIPE, seed=4, device=CPU), 0
    total = RECIPE.epochs * len(batches)
    for epoch in range(RECIPE.epochs):
        for batch in batches.epoch(epoch):
            optimizer.param_groups[0]["lr"] = learning_rate_at(RECIPE, RECIPE.learning_rate, step, total)
            optimizer.zero_grad()
            F.cross_entropy(model(batches.prepare(batch)), batch.labels).backward()
            optimizer.step()
            averaged.update_parameters(model)
            step += 1
    images = normalise(IMAGES.pixels[batches.order(0)], RECIPE.mean, RECIPE.std)
    update_bn([images], averaged)
    return averaged


@pytest.mark.covers("recipe.ema_decay")
def test_averages_and_statistics_equal_those_of_torch_to_the_bit() -> None:
    training = run(begin(), 15)
    training.update_statistics()
    expected = plain_average().module.state_dict()
    found = final_weights(training.state_dict())
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name
    assert not torch.equal(found["fc.weight"], training.model.state_dict()["fc.weight"])


def test_the_first_average_is_the_weights_after_the_first_step() -> None:
    training = run(begin(), 1)
    weights = training.model.state_dict()
    assert training.average is not None
    for name, average in training.average.state_dict().items():
        assert torch.equal(average, weights[name])


@pytest.mark.parametrize("network", [None, DROPOUT], ids=["built-in", "custom"])
def test_statistics_and_evaluations_leave_no_trace(network: CustomModel | None) -> None:
    """Dropout draws random numbers, and the custom model counts its calls."""
    expected = bits(run(begin(network=network), 7))
    training = run(begin(network=network), 4)
    assert training.average is not None
    before = bits(training)

    def check() -> None:
        during = bits(training)
        during["averaged"] = {name: during["averaged"][name] for name in before["averaged"]}
        assert during == before, "a checkpoint during the evaluation has the weights from before"

    training.update_statistics(check)
    assert len(training.average.statistics) >= 3
    check()
    with training.evaluation():
        inside = training.model.state_dict()
        for name, tensor in training.average.state_dict().items():
            assert torch.equal(inside[name], tensor), name
        check()
    check()
    training.average.statistics = {}
    assert bits(training) == before
    assert bits(run(training, 3)) == expected


def test_an_interrupted_computation_of_statistics_is_rolled_back() -> None:
    training = run(begin(network=DROPOUT), 4)
    before = bits(training)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.update_statistics(interrupt)
    assert bits(training) == before
    momenta = [module.momentum for module in training.model.modules() if isinstance(module, nn.BatchNorm1d)]
    assert momenta == [0.1]


def test_statistics_of_an_earlier_step_are_discarded() -> None:
    training = run(begin(), 4)
    training.update_statistics()
    resumed = begin()
    resumed.load_state_dict(copy.deepcopy(training.state_dict()))
    assert bits(resumed) == bits(training)
    assert bits(run(resumed, 1)) == bits(run(training, 1))
    assert training.average is not None
    assert not training.average.statistics


def test_without_batch_normalisation_there_are_no_statistics() -> None:
    training = run(begin(msgspec.structs.replace(GUIDE, batch_size=16, ema_decay=0.5)), 2)
    training.update_statistics(lambda: pytest.fail("no images are needed"))
    assert training.average is not None
    assert training.average.statistics == {}


def test_tied_and_frozen_parameters_are_averaged_and_integers_are_not() -> None:
    tied, other = nn.Linear(2, 2), nn.Linear(2, 2)
    other.weight = tied.weight
    tied.bias.requires_grad = False
    model = nn.Sequential(tied, other)
    model.register_parameter("count", nn.Parameter(torch.ones(1, dtype=torch.int64), requires_grad=False))
    average = WeightAverage(model, 0.75)
    start = tied.weight.detach().clone()
    with torch.no_grad():
        tied.weight += 1
    average.update()
    state = average.state_dict()
    assert list(state) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    torch.testing.assert_close(state["0.weight"], start + 0.25)
    assert state["1.weight"] is state["0.weight"]
    with average.applied():
        assert torch.equal(other.weight, state["0.weight"])
    assert torch.equal(other.weight, start + 1)
