"""A trace changes neither the network nor the state of the random number generators."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fashion_tui.lab.trace import trace

from .networks import FunctionNet


def _succeed(self: Any, x: Tensor) -> Tensor:
    self.calls.add_(1)
    x = F.dropout(self.norm(self.conv(x)), 0.5, self.training)
    return self.fc(self.drop(x.flatten(1)))  # type: ignore[no-any-return]


def _need_values(self: Any, x: Tensor) -> Tensor:
    return _succeed(self, x) * torch.rand(1).item() * random.random() * np.random.rand()  # noqa: NPY002


def _fail(self: Any, x: Tensor) -> Tensor:
    return self.fc(_succeed(self, x))  # type: ignore[no-any-return]


def _network(forward: Callable[..., Any]) -> FunctionNet:
    model = FunctionNet(
        forward,
        conv=nn.Conv2d(1, 4, 3),
        norm=nn.BatchNorm2d(4),
        drop=nn.Dropout(),
        fc=nn.Linear(4 * 26 * 26, 3),
    )
    model.register_buffer("calls", torch.zeros(1))
    model.constant = torch.arange(3.0)
    return model


@pytest.fixture(params=[_succeed, _need_values, _fail], ids=["succeeds", "needs values", "fails"])
def model(request: pytest.FixtureRequest) -> FunctionNet:
    return _network(request.param)


def test_weights_buffers_and_gradients(model: FunctionNet) -> None:
    model.run(model, torch.rand(2, 1, 28, 28)).sum().backward() if model.run is _succeed else None
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    identities = [id(tensor) for tensor in [*model.parameters(), *model.buffers(), model.constant]]
    gradients = [None if parameter.grad is None else parameter.grad.clone() for parameter in model.parameters()]
    trace(model, (1, 28, 28))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert [id(tensor) for tensor in [*model.parameters(), *model.buffers(), model.constant]] == identities
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert (parameter.grad is None) == (gradient is None)
        assert gradient is None or torch.equal(parameter.grad, gradient)  # type: ignore[arg-type]


def test_training_flags(model: FunctionNet) -> None:
    model.train()
    next(module for module in model.modules() if isinstance(module, nn.BatchNorm2d)).eval()
    flags = [module.training for module in model.modules()]
    trace(model, (1, 28, 28))
    assert [module.training for module in model.modules()] == flags
    assert len(set(flags)) == 2


def test_hooks_and_attributes(model: FunctionNet) -> None:
    seen: list[str] = []
    model.register_forward_pre_hook(lambda *_: seen.append("called"))
    hooks = [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]
    attributes = [set(vars(module)) for module in model.modules()]
    trace(model, (1, 28, 28))
    assert [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()] == hooks
    assert [set(vars(module)) for module in model.modules()] == attributes
    from torch.nn.modules import module as global_hooks  # noqa: PLC0415

    assert not global_hooks._global_forward_hooks
    assert not global_hooks._global_forward_pre_hooks


def test_random_number_generators(model: FunctionNet) -> None:
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    trace(model, (1, 28, 28))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.array_equal(np.random.get_state()[1], states[2])  # type: ignore[index]  # noqa: NPY002


def test_the_same_network_gives_the_same_table(model: FunctionNet) -> None:
    first = trace(model, (1, 28, 28))
    torch.rand(5)
    assert trace(model, (1, 28, 28)) == first


def test_a_torch_function_mode_of_the_network_sees_only_its_own_calls() -> None:
    seen: list[str] = []

    class Mode(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func.__name__)
            return func(*args, **kwargs or {})

    def run(self: Any, x: Tensor) -> Tensor:
        with Mode():
            return self.fc(x.relu())  # type: ignore[no-any-return]

    trace(FunctionNet(run, fc=nn.Linear(4, 3)), (4,))
    assert seen.count("relu") > 1
    assert set(seen) == {"relu", "linear"}


def test_the_network_still_works_afterwards() -> None:
    model = _network(_succeed).eval()
    image = torch.rand(2, 1, 28, 28)
    expected = model(image)
    trace(model, (1, 28, 28))
    assert torch.equal(model(image), expected)
    assert torch.rand(1).device.type == "cpu"
