"""Blocks of an unusual structure for generated networks: they depend on values, can't be copied, or change tensors."""

import threading
from typing import Any

import torch
from torch import Tensor, nn


class Counted(nn.Module):
    """Applies a layer as often as a buffer says."""

    times: Tensor

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("times", torch.tensor(3))

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(int(self.times)):
            x = self.layer(x)
        return x


class WithLambda(nn.Module):
    """Has a lock, a layer behind a lambda, and a child that holds its parent."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.apply_layer: Any = lambda x: self.layer(x) * 1
        self.lock = threading.Lock()
        self.spare = nn.Identity()
        vars(self.spare)["parents"] = [self]

    def forward(self, x: Tensor) -> Any:
        with self.lock:
            return self.apply_layer(x)


class WithHook(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(size, 3)
        self.scale = nn.Parameter(torch.ones(3))
        self.layer.register_forward_hook(lambda _, __, result: result * self.scale)

    def forward(self, x: Tensor) -> Any:
        return self.layer(x)


def repeat_until_large(layer: Any, x: Tensor) -> Tensor:
    """Apply the layer three times, which is known only from the values."""
    for index in range(9):
        x = layer(x).tanh() + 10 * index
        if x.max() > 15:
            return x
    return x


def by_sign(layer: Any, x: Tensor) -> Any:
    return layer(x) if float(x.square().mean()) >= 0 else x * 2


def in_place(layer: Any, x: Tensor) -> Any:
    y = layer(x)
    y[..., 0] = 0
    y += x
    return y.relu_()


def folded(layer: Any, x: Tensor) -> Any:
    return layer(x.reshape(-1, x.shape[-1])).view_as(x)


def with_other_weights(layer: Any, x: Tensor) -> Any:
    weights = {name: weight * 0.5 for name, weight in layer.named_parameters()}
    return torch.func.functional_call(layer, weights, (x,))


def both(layers: Any, x: Tensor) -> Any:
    return layers["b"](layers["a"](x))


def step_by_step(cell: Any, x: Tensor) -> Any:
    state: Any = None
    for _ in range(3):
        state = cell(x.flatten(0, -2), state)
    return state[0].view(*x.shape[:-1], -1)
