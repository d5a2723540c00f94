"""The memory that training needs, the estimated time of a step, and the largest batch."""

import math
import time
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fashion_tui.lab.throughput import measure_throughput
from fashion_tui.lab.trace import step_times, trace
from fashion_tui.lab.trace.inputs import resolve_inputs
from fashion_tui.lab.trace.training_memory import measure_training_memory
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.training_costs import StepTime, Throughput, TrainingCosts, TrainingMemory
from tests.lab.networks import FunctionNet, Guide

CPU = torch.device("cpu")


class Skip(nn.Conv2d):
    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x).sigmoid()


class Convolutions(nn.Sequential):
    """Layers that save their input, their output, indices, statistics or nothing for the backward pass."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(inplace=True), Skip(8), nn.MaxPool2d(2),
            nn.GELU(), nn.Flatten(), nn.LazyLinear(10),
        )  # fmt: skip


NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "guide": (Guide(), (1, 28, 28)),
    "convolutions": (Convolutions(), (3, 32, 32)),
    "transformer": (nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True), (10, 16)),
    "lstm": (FunctionNet(lambda self, x: self.lstm(x)[0][:, -1], lstm=nn.LSTM(8, 16, batch_first=True)), (20, 8)),
}


def saved_by_autograd(model: nn.Module, x: Tensor) -> int:
    """Return the size of all distinct memory that a real pass keeps for the backward pass, except the parameters."""
    own = {tensor.untyped_storage().data_ptr() for tensor in [*model.parameters(), *model.buffers()]}
    sizes: dict[int, int] = {}
    kept = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept.append(storage)
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(x)
    return sum(sizes.values())


@pytest.mark.parametrize("name", ["guide", "convolutions", "transformer"])
@pytest.mark.parametrize("batch", [4, 13])
def test_activations_are_those_that_autograd_keeps_in_a_real_pass(name: str, batch: int) -> None:
    model, shape = NETWORKS[name]
    model(torch.rand(2, *shape))  # initialises the lazy layer
    memory = measure_training_memory(model, resolve_inputs(model, shape), CPU)
    assert memory.activations(batch) == saved_by_autograd(model, torch.rand(batch, *shape))


@pytest.mark.parametrize("name", [*NETWORKS])
def test_gradients_and_state_are_those_of_a_real_step_of_adam(name: str) -> None:
    model, shape = NETWORKS[name]
    optimizer = torch.optim.Adam(model.parameters())
    output = model(torch.rand(2, *shape))
    output.sum().backward()
    optimizer.step()
    memory = measure_training_memory(model, resolve_inputs(model, shape), CPU)
    state = [value for values in optimizer.state.values() for value in values.values()]
    assert memory.adam_state == sum(value.numel() * value.element_size() for value in state)
    gradients = [parameter.grad for parameter in model.parameters()]
    assert memory.gradients == sum(each.numel() * each.element_size() for each in gradients if each is not None)
    tensors = [*model.parameters(), *model.buffers()]
    assert memory.parameters == sum(each.numel() * each.element_size() for each in tensors)


def test_frozen_parameters_have_no_gradient_and_no_state() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 4))
    model[0].requires_grad_(False)
    memory = measure_training_memory(model, resolve_inputs(model, (6,)), CPU)
    assert (memory.parameters, memory.gradients) == (4 * (35 + 24), 4 * 24)
    assert memory.adam_state == 2 * 4 * 24 + 2 * 4
    assert memory.activations(10) == 10 * 5 * 4, "only the trainable layer keeps its input"


def test_a_network_that_needs_values_and_one_that_fails() -> None:
    model = FunctionNet(lambda self, x: self.layer(x) if x.sum() >= 0 else x, layer=nn.Linear(6, 5))
    assert measure_training_memory(model, resolve_inputs(model, (6,)), CPU).activations(10) == 10 * 6 * 4
    with pytest.raises(UserError, match="no such luck"):
        measure_training_memory(FunctionNet(_fail), resolve_inputs(nn.Identity(), (6,)), CPU)


def _fail(_self: FunctionNet, _x: Tensor) -> Tensor:
    raise RuntimeError("no such luck")


def test_the_model_and_the_generator_are_unchanged() -> None:
    model = Convolutions().eval()
    model(torch.rand(2, 3, 32, 32))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    measure_training_memory(model, resolve_inputs(model, (3, 32, 32)), CPU)
    assert torch.equal(torch.get_rng_state(), state)
    assert not model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


MEMORY = TrainingMemory(parameters=100, gradients=90, adam_state=180, fixed_activations=30, sample_activations=7)
SPEED = Throughput(
    device="cpu", description="a CPU", convolution=1e9, grouped_convolution=1e8, product=2e9, bandwidth=1e9,
    call_seconds=1e-6, free_memory=1100,
)  # fmt: skip


def test_the_largest_batch_fits_and_the_next_one_does_not() -> None:
    costs = TrainingCosts(memory=MEMORY, throughput=SPEED)
    assert costs.largest_batch == 100
    assert MEMORY.total(100) == 1100
    assert MEMORY.largest_batch(399) == 0
    assert MEMORY.largest_batch(407) == 1


def test_the_time_of_a_step_is_that_of_its_macs_its_memory_traffic_and_its_calls() -> None:
    model = nn.Sequential(nn.Linear(1000, 1000, bias=False), nn.ReLU())
    table = trace(model, (1000,))
    batch = 500
    product = 3 * (1e6 * batch / 2e9 + 1e-6)
    relu = 3 * (4 * 2000 * batch / 1e9 + 1e-6)
    update = 7 * 4 * 1e6 / 1e9
    assert math.isclose(SPEED.step_seconds(table, batch), product + relu + update)
    depthwise = trace(nn.Conv2d(8, 8, 3, groups=8), (8, 10, 10))
    macs = 8 * 8 * 8 * 9
    assert math.isclose(SPEED.step_seconds(depthwise, 1), 3 * (macs / 1e8 + 1e-6) + 7 * 4 * 80 / 1e9)


def test_the_time_of_a_step_is_linear_between_measured_batches_and_beyond_them() -> None:
    times = [(2, 1.0), (4, 1.5), (16, 7.5)]
    steps = tuple(StepTime(batch=batch, seconds=seconds) for batch, seconds in times)
    costs = TrainingCosts(memory=MEMORY, throughput=SPEED, steps=steps)
    table = trace(nn.Linear(1000, 1000), (1000,))
    assert [costs.step_seconds(table, batch) for batch in (1, 2, 3, 4, 10, 16, 32)] == [1, 1, 1.25, 1.5, 4.5, 7.5, 15.5]
    twice = StepTime(batch=8, seconds=2 * SPEED.step_seconds(table, 8))
    corrected = TrainingCosts(memory=MEMORY, throughput=SPEED, steps=(twice,))
    assert math.isclose(corrected.step_seconds(table, 100), 2 * SPEED.step_seconds(table, 100))


def test_measured_steps_of_a_network_that_waits_for_a_known_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(self: Any, x: Tensor) -> Any:
        time.sleep(0.01 * len(x))
        return self.fc(x)

    monkeypatch.setattr(step_times, "BATCHES", (2, 4, 1000))
    layer = nn.Linear(6, 5)
    model = FunctionNet(forward, fc=layer)
    before = layer.weight.clone()
    inputs = resolve_inputs(model, (6,))
    steps = step_times.measure_step_times(model, inputs, CPU, MEMORY, 10**9)
    assert [step.batch for step in steps] == [2, 4], "a thousand samples would take ten seconds"
    assert all(step.seconds >= 0.01 * step.batch for step in steps)
    assert torch.equal(layer.weight, before)
    assert step_times.measure_step_times(model, inputs, CPU, MEMORY, 2 * MEMORY.total(2) - 1) == (), "too large"
    assert step_times.measure_step_times(FunctionNet(_fail), inputs, CPU, MEMORY, None) == ()
    assert step_times.measure_step_times(model.to("meta"), inputs, CPU, MEMORY, None) == ()


def test_throughput_of_this_machine_is_measured_once() -> None:
    speed = measure_throughput(CPU)
    rates = (speed.convolution, speed.grouped_convolution, speed.product, speed.bandwidth)
    assert all(1e6 < rate < 1e15 for rate in rates)
    assert speed.grouped_convolution < speed.convolution
    assert 0 < speed.call_seconds < 1
    assert speed.free_memory is not None
    assert speed.free_memory > 2**20
    assert measure_throughput(CPU).product == speed.product
