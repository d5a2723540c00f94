"""The precision of a recipe's forward passes."""

from contextlib import AbstractContextManager, nullcontext

import torch

from fashion_tui.lab.devices import has_bf16
from fashion_tui.schema.recipe import Precision, Recipe


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
