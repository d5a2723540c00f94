"""Measurements of a step equal those computed from the definitions, and don't change the step."""

import copy
import math
from typing import Any

import msgspec
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.training.loop import Training
from fashion_tui.lab.training.observation import StepObserver
from fashion_tui.schema.builtin_recipes import GUIDE, QUICK, RECIPES
from fashion_tui.schema.recipe import CPU_MICRO_BATCH, Recipe
from tests.custom_models import custom_model

from .fake_cuda import fake_cuda
from .test_training import bits, run, striped


def observed_step(
    model: nn.Module, images: Tensor, loss: Any = lambda output: output.square().sum()
) -> dict[str, float]:
    """Observe a step of SGD with a learning rate of 0.1."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    observer = StepObserver(model)
    observer.request(layers=True)
    with observer.observe(7):
        optimizer.zero_grad()
        loss(model(images)).backward()
        optimizer.step()
    observation = observer.take()
    assert observation is not None
    assert observation[0] == 7
    assert observer.take() is None
    return observation[1]


def test_gradients_and_updates_of_the_layers() -> None:
    torch.manual_seed(0)
    model, images, labels = GuideNet(), torch.randn(8, 1, 28, 28), torch.arange(8)
    before = copy.deepcopy(model)
    metrics = observed_step(model, images, lambda logits: F.cross_entropy(logits, labels))
    total = 0.0
    for name in ("conv1", "conv2", "fc1", "fc2"):
        old = torch.cat([parameter.flatten() for parameter in before.get_submodule(name).parameters()]).double()
        new = torch.cat([parameter.flatten() for parameter in model.get_submodule(name).parameters()]).double()
        gradient = (old - new) / 0.1
        total += gradient.square().sum().item()
        assert metrics[f"gradient_norm/{name}"] == pytest.approx(gradient.norm().item(), rel=1e-3)
        ratio = math.log10((new - old).norm().item() / old.norm().item())
        assert metrics[f"update_ratio/{name}"] == pytest.approx(ratio, abs=1e-3)
    assert metrics["gradient_norm"] == pytest.approx(math.sqrt(total), rel=1e-3)
    assert not [name for name in metrics if name.startswith("non_finite")]


class Relus(nn.Module):
    """A module, a function and a method, after layers of 4, 6 and 2 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.features = nn.Sequential(self.conv, nn.ReLU())
        self.hidden = nn.Linear(4 * 26 * 26, 6)
        self.out = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.hidden(self.features(x).flatten(1)))
        logits: Tensor = self.out(x).relu()
        return logits


def test_dead_relus_are_zero_for_every_image() -> None:
    torch.manual_seed(0)
    model, images = Relus(), torch.randn(8, 1, 28, 28)
    with torch.no_grad():
        model.get_parameter("conv.bias")[1:] = -1e3
        model.hidden.bias[:] = torch.tensor([-1e3, 1e3, 1e3, -1e3, 1e3, 0.0])
        model.out.bias[:] = 1e3
    hidden: Tensor = model.hidden(model.features(images).flatten(1))
    assert 0 < (hidden[:, 5] > 0).sum() < 8, "a ReLU that is 0 for some images isn't dead"
    metrics = observed_step(model, images)
    shares = {name: value for name, value in metrics.items() if name.startswith("dead_relus")}
    assert shares == {"dead_relus/conv": 3 / 4, "dead_relus/hidden": 2 / 6, "dead_relus/out": 0}


@pytest.mark.parametrize(("broken", "first"), [("conv2", "conv2"), ("fc2", "fc2"), (None, "fc1")])
def test_the_first_layer_with_a_non_finite_value_is_named(broken: str | None, first: str) -> None:
    """With a finite loss, the last layer whose gradient is infinite comes first in the backward pass."""
    torch.manual_seed(0)
    model = GuideNet()
    if broken is not None:
        model.get_parameter(f"{broken}.weight").data[0] = math.inf
    else:
        model.fc1.weight.register_hook(lambda gradient: gradient * math.inf)
        model.conv1.weight.register_hook(lambda gradient: gradient * math.inf)
    metrics = observed_step(model, torch.randn(8, 1, 28, 28))
    assert {name for name in metrics if name.startswith("non_finite")} == {f"non_finite/{first}"}


def test_frozen_and_shared_parameters_and_unusual_outputs_are_no_problem() -> None:
    class Unusual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.frozen = nn.Linear(4, 4)
            self.table = nn.Embedding(3, 4, sparse=True)
            self.rnn = nn.RNN(4, 4, batch_first=True)
            self.tied = nn.Linear(4, 4)
            self.tied.weight = self.rnn.get_parameter("weight_ih_l0")
            self.register_parameter("scale", nn.Parameter(torch.ones(())))

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.frozen(x) + self.table(torch.tensor([0, 1, 2])).mean(0)
            states: Tensor = self.rnn(F.relu(y)[:, None])[0]
            return torch.relu(self.tied(states[:, 0]) * self.get_parameter("scale")).sum(1)[:, None]

    model = Unusual()
    model.frozen.requires_grad_(False)
    metrics = observed_step(model, torch.randn(5, 4))
    layers = {name.partition("/")[2] for name in metrics if name.startswith("gradient_norm/")}
    assert layers == {"rnn", "tied", "Unusual"}
    assert all(math.isfinite(value) for value in metrics.values())


def observe_all(training: Training, steps: int) -> dict[int, dict[str, float]]:
    """Train and observe every step."""
    observations = {}
    for _ in range(steps):
        training.observer.request(layers=True)
        run(training, 1)
        observation = training.observer.take()
        assert observation is not None
        observations[observation[0]] = observation[1]
    return observations


@pytest.mark.parametrize("name", [*RECIPES, "custom"])
def test_observed_steps_train_the_same_weights(name: str) -> None:
    """This includes the buffers and the random generators. The last batch of each epoch is smaller."""
    network = custom_model() if name == "custom" else None
    recipe = msgspec.structs.replace(RECIPES.get(name, GUIDE), batch_size=8, crop=2)

    def begin() -> Training:
        return Training(recipe, striped(20), device=torch.device("cpu"), seed=2, network=network)

    expected = bits(run(begin(), 4))
    training = begin()
    assert list(observe_all(training, 4)) == [1, 2, 3, 4]
    assert bits(training) == expected


@pytest.mark.parametrize("recipe", [GUIDE, QUICK], ids=lambda recipe: recipe.name)
def test_captured_steps_have_the_same_metrics_as_eager_ones(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third batch is smaller, so its step isn't captured. The next one is replayed from the graph again.

    Both devices compute in float32, because the simulated GPU supports bfloat16 and not all CPUs do.
    """
    recipe = msgspec.structs.replace(recipe, batch_size=8, precision="fp32")
    on_cpu = observe_all(Training(recipe, striped(20), device=torch.device("cpu"), seed=2), 5)
    with fake_cuda(monkeypatch) as fake:
        training = Training(recipe, striped(20), device=torch.device("cuda"), seed=2, report=pytest.fail)
        captured = observe_all(training, 5)
        weights = bits(training)
        assert weights == bits(run(Training(recipe, striped(20), device=torch.device("cuda"), seed=2), 5))
    assert fake.graphs[0].replays == 4
    for step, metrics in on_cpu.items():
        assert captured[step] == pytest.approx(metrics, rel=1e-2, abs=1e-2)


def test_micro_batches_are_measured_together() -> None:
    """A ReLU is dead only if it is 0 in all micro-batches."""
    size = CPU_MICRO_BATCH + 32
    recipe = msgspec.structs.replace(GUIDE, batch_size=size)
    training = Training(recipe, striped(size), device=torch.device("cpu"), seed=2)
    whole = copy.deepcopy(training.model)
    (metrics,) = observe_all(training, 1).values()
    images = torch.cat(list(Training(recipe, striped(size), device=torch.device("cpu"), seed=2).next_images()))
    hidden = F.relu(whole.conv1(images))  # type: ignore[operator]
    assert metrics["dead_relus/conv1"] == (hidden.amax(dim=(0, 2, 3)) == 0).double().mean().item()
    features = F.max_pool2d(F.relu(whole.conv2(F.max_pool2d(hidden, 2))), 2).flatten(1)  # type: ignore[operator]
    dead = (F.relu(whole.fc1(features)).amax(dim=0) == 0).double().mean().item()  # type: ignore[operator]
    halves = [(F.relu(whole.fc1(part)).amax(dim=0) == 0).double().mean().item() for part in features.chunk(2)]  # type: ignore[operator]
    assert metrics["dead_relus/fc1"] == pytest.approx(dead)
    assert dead < min(halves), "each micro-batch alone has more"


def test_a_failed_step_has_no_metrics() -> None:
    model = GuideNet()
    observer = StepObserver(model)
    observer.request(layers=True)
    with pytest.raises(RuntimeError), observer.observe(1):
        model(torch.zeros(1, 2, 28, 28))
    assert observer.take() is None
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.covers("recipe.max_gradient_norm")
def test_the_norms_of_gradients_are_those_before_clipping() -> None:
    """The steps of the runs have the same gradients, because a learning rate of 1e-12 doesn't change the weights."""
    metrics = {}
    for max_norm in (0.0, 0.01):
        recipe = msgspec.structs.replace(GUIDE, batch_size=50, learning_rate=1e-12, max_gradient_norm=max_norm)
        training = Training(recipe, striped(100), device=torch.device("cpu"), seed=1)
        metrics[max_norm] = observe_all(training, 2)[2]
        gradients = [parameter.grad for parameter in training.model.parameters() if parameter.grad is not None]
        assert (nn.utils.get_total_norm(gradients).item() < 0.0101) == bool(max_norm)
    names = [name for name in metrics[0.0] if name.startswith("gradient_norm")]
    assert len(names) > 2
    for name in names:
        assert metrics[0.01][name] == pytest.approx(metrics[0.0][name], rel=1e-4)
