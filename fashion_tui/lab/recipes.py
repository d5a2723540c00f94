"""What a recipe means in PyTorch. The recipe itself is plain data: `schema.recipe.Recipe`."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from fashion_tui.schema.recipe import Precision, Recipe

from .devices import has_bf16
from .muon import Muon

BESIDE_MUON = 0.2
"""The learning rate of what isn't a filter, as a share of the filters'."""


def optimizers_for(recipe: Recipe, model: nn.Module) -> list[torch.optim.Optimizer]:
    """The recipe's optimisers over the model's parameters, which have to be on their device already.

    Adam: Kingma and Ba 2014, "Adam: A Method for Stochastic Optimization". AdamW: Loshchilov and Hutter 2017,
    "Decoupled Weight Decay Regularization". Fused: all parameters in one kernel. On a GPU the learning rate is a
    tensor, so that a captured step reads it anew each time.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "adam":
        return [torch.optim.Adam(parameters, lr=_rate(rate, parameters), fused=True, capturable=parameters[0].is_cuda)]
    if recipe.optimizer == "adamw":
        return [_adamw(parameters, rate, decay)]
    filters = [parameter for parameter in parameters if parameter.dim() == 4 and parameter.shape[1] > 1]
    others = [parameter for parameter in parameters if not any(parameter is one for one in filters)]
    found: list[torch.optim.Optimizer] = []
    if filters:
        found.append(Muon(filters, lr=_rate(rate, filters)))
    if others:
        found.append(_adamw(others, rate * BESIDE_MUON, decay))
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


def set_rate(optimizer: torch.optim.Optimizer, rates: list[float]) -> None:
    """The learning rate of each of its groups from now on."""
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def precision_on(device: torch.device, recipe: Recipe) -> Precision:
    """The precision to compute in: the recipe's where the device has it, else fp32."""
    return recipe.precision if has_bf16(device) else "fp32"


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """For bf16: convolutions and linear layers compute in bfloat16, while weights, loss and sums stay in float32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def _adamw(parameters: list[nn.Parameter], rate: float, decay: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        parameters,
        lr=_rate(rate, parameters),
        weight_decay=decay,
        fused=True,
        capturable=parameters[0].is_cuda,
    )


def _rate(rate: float, parameters: list[nn.Parameter]) -> float | Tensor:
    return torch.tensor(rate, device=parameters[0].device) if parameters[0].is_cuda else rate
