"""What a recipe means in PyTorch. The recipe itself is plain data: `schema.recipe.Recipe`."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from fashion_tui.schema.recipe import Precision, Recipe

from .devices import has_bf16


def optimizer_for(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimiser over the model's parameters, which have to be on their device already.

    Adam: Kingma and Ba 2014, "Adam: A Method for Stochastic Optimization". Fused: all parameters in one kernel.
    """
    return torch.optim.Adam(model.parameters(), lr=recipe.learning_rate, fused=True)


def precision_on(device: torch.device, recipe: Recipe) -> Precision:
    """The precision to compute in: the recipe's where the device has it, else fp32."""
    return recipe.precision if has_bf16(device) else "fp32"


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """For bf16: convolutions and linear layers compute in bfloat16, while weights, loss and sums stay in float32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
