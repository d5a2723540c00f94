"""What a recipe means in PyTorch. The recipe itself is plain data: `schema.recipe.Recipe`."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from fashion_tui.lab.devices import has_bf16
from fashion_tui.schema.recipe import Precision, Recipe

from .muon import Muon

BESIDE_MUON = 0.2
"""The learning rate of what isn't a filter, as a share of the filters'."""


def optimizers_for(recipe: Recipe, model: nn.Module) -> list[torch.optim.Optimizer]:
    """The recipe's optimisers over the model's parameters, which have to be on their device already.

    Adam: Kingma and Ba 2014, "Adam: A Method for Stochastic Optimization". Fused: all parameters in one kernel. On a
    CUDA GPU the learning rates and Adam's counts are tensors there, as a CUDA graph needs them. Each group's `top_rate`
    is its learning rate at the top of the schedule.
    """
    parameters = list(model.parameters())
    on_gpu = any(parameter.is_cuda for parameter in parameters)

    def rate(top: float) -> float | Tensor:
        return torch.tensor(top, device=parameters[0].device) if on_gpu else top

    def adam(some: list[nn.Parameter], top: float) -> torch.optim.Optimizer:
        return torch.optim.Adam(some, lr=rate(top), fused=True, capturable=on_gpu)

    found: list[tuple[torch.optim.Optimizer, float]] = []
    if recipe.optimizer == "adam":
        found.append((adam(parameters, recipe.learning_rate), recipe.learning_rate))
    else:
        filters = [parameter for parameter in parameters if parameter.dim() == 4 and parameter.shape[1] > 1]
        others = [parameter for parameter in parameters if not any(parameter is one for one in filters)]
        if filters:
            found.append((Muon(filters, lr=rate(recipe.learning_rate)), recipe.learning_rate))
        if others:
            beside = recipe.learning_rate * BESIDE_MUON
            found.append((adam(others, beside), beside))
    for optimizer, top in found:
        for group in optimizer.param_groups:
            group["top_rate"] = top
    return [optimizer for optimizer, _ in found]


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
