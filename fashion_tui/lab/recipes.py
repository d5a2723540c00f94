"""What a recipe means in PyTorch. The recipe itself is plain data: `schema.recipe.Recipe`."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from fashion_tui.schema.recipe import Precision, Recipe

from .devices import has_bf16
from .muon import Muon

BESIDE_MUON = 0.2
"""The learning rate of what isn't a filter, as a share of the filters'."""


def optimizers_for(recipe: Recipe, model: nn.Module) -> list[torch.optim.Optimizer]:
    """The recipe's optimisers over the model's parameters, which have to be on their device already.

    Adam: Kingma and Ba 2014, "Adam: A Method for Stochastic Optimization". Fused: all parameters in one kernel.
    """
    parameters = list(model.parameters())
    rate = recipe.learning_rate
    if recipe.optimizer == "adam":
        return [torch.optim.Adam(parameters, lr=rate, fused=True)]
    filters = [parameter for parameter in parameters if parameter.dim() == 4 and parameter.shape[1] > 1]
    others = [parameter for parameter in parameters if not any(parameter is one for one in filters)]
    found: list[torch.optim.Optimizer] = []
    if filters:
        found.append(Muon(filters, lr=rate))
    if others:
        found.append(torch.optim.Adam(others, lr=rate * BESIDE_MUON, fused=True))
    return found


def rate_factor(recipe: Recipe, step: int, steps: int) -> float:
    """What the learning rate is multiplied by in a step, counted from 0, of so many in all: in (0, 1].

    The triangle is that of Smith and Topin 2018, "Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates".
    """
    if recipe.schedule == "constant":
        return 1.0
    top = recipe.warm_up * steps
    rising = (step + 1) / top if top else 1.0
    return min(rising, (steps - step) / (steps - top), 1.0)


def precision_on(device: torch.device, recipe: Recipe) -> Precision:
    """The precision to compute in: the recipe's where the device has it, else fp32."""
    return recipe.precision if has_bf16(device) else "fp32"


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """For bf16: convolutions and linear layers compute in bfloat16, while weights, loss and sums stay in float32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
