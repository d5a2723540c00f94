"""The optimizers, learning rates and precision of a recipe."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from fashion_tui.lab.devices import has_bf16
from fashion_tui.schema.recipe import Precision, Recipe

from .muon import Muon

ADAM_SHARE = 0.2
"""Ratio of Adam's learning rate to Muon's in recipes that use both optimizers."""


def optimizers_for(recipe: Recipe, model: nn.Module, *, capturable: bool = False) -> list[torch.optim.Optimizer]:
    """Return the recipe's optimizers for the parameters of a model, which must already be on their device.

    If the recipe uses Muon, it updates only the filters, and Adam updates all other parameters. Each parameter group
    has a `max_lr`, which is its learning rate at the peak of the schedule. If `capturable` is True, the learning rates
    and Adam's step counts are tensors on the device, so that a CUDA graph can read them.

    Adam is described in Kingma and Ba 2014, "Adam: A Method for Stochastic Optimization".
    """
    parameters = list(model.parameters())

    def group(params: Sequence[nn.Parameter], max_lr: float) -> dict[str, object]:
        lr = torch.tensor(max_lr, device=params[0].device) if capturable else max_lr
        return {"params": params, "lr": lr, "max_lr": max_lr}

    def adam(params: Sequence[nn.Parameter], max_lr: float) -> torch.optim.Optimizer:
        return torch.optim.Adam([group(params, max_lr)], fused=True, capturable=capturable)

    if recipe.optimizer == "adam":
        return [adam(parameters, recipe.learning_rate)]
    filters = [parameter for parameter in parameters if parameter.dim() == 4 and parameter.shape[1] > 1]
    others = [parameter for parameter in parameters if not any(parameter is filter_ for filter_ in filters)]
    optimizers: list[torch.optim.Optimizer] = []
    if filters:
        optimizers.append(Muon([group(filters, recipe.learning_rate)]))
    if others:
        optimizers.append(adam(others, recipe.learning_rate * ADAM_SHARE))
    return optimizers


def lr_scale(recipe: Recipe, step: int, total_steps: int) -> float:
    """Return the learning rate of a step as a fraction of the maximum, in (0, 1]. Steps are counted from 0.

    The triangular schedule follows Smith and Topin 2018, "Super-Convergence: Very Fast Training of Neural Networks
    Using Large Learning Rates".
    """
    if recipe.schedule == "constant":
        return 1.0
    peak = recipe.warm_up * total_steps
    rising = (step + 1) / peak if peak else 1.0
    falling = (total_steps - step) / (total_steps - peak)
    return min(rising, falling, 1.0)


def set_learning_rates(optimizers: Sequence[torch.optim.Optimizer], scale: float) -> None:
    """Set the learning rate of each parameter group to its `max_lr` times `scale`."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            lr = group["max_lr"] * scale
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(lr)  # in place, because a CUDA graph reads this tensor
            else:
                group["lr"] = lr


def precision_on(device: torch.device, recipe: Recipe) -> Precision:
    """Return the recipe's precision if the device supports it, else fp32."""
    return recipe.precision if has_bf16(device) else "fp32"


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Return the autocast context manager for a forward pass.

    With bf16, convolutions and linear layers compute in bfloat16; weights, loss and reductions stay in float32.
    """
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
