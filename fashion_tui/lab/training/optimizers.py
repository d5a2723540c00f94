"""The optimizers of a recipe, and gradient clipping."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fashion_tui.lab.networks.fine_tuning import FineTunedNetwork
from fashion_tui.schema.recipe import NONE, Recipe

from .muon import Muon

ADAM_SHARE = 0.2
"""Ratio of Adam's learning rate to Muon's in recipes that use both optimizers."""


def optimizers_for(recipe: Recipe, model: nn.Module, *, capturable: bool = False) -> list[torch.optim.Optimizer]:
    """Return the recipe's optimizers for the parameters of a model, which must already be on their device.

    If the recipe uses Muon, it updates only the filters, and Adam updates all other parameters. Weight decay is then
    decoupled, as in AdamW, and applies to these other parameters, because Muon keeps the norm of the filters fixed.

    Frozen parameters aren't updated. In a network with pretrained weights, all parameters but those of the last layer
    are in a group with a lower learning rate. Each parameter group has a `max_lr`, which is its learning rate at the
    peak of the schedule. If `capturable` is True, the learning rates and Adam's step counts are tensors on the device,
    so that a CUDA graph can read them.

    Adam is described in Kingma and Ba 2014, "Adam: A Method for Stochastic Optimization", and AdamW in Loshchilov and
    Hutter 2017, "Decoupled Weight Decay Regularization".
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def group(params: Sequence[nn.Parameter], max_lr: float) -> dict[str, object]:
        lr = torch.tensor(max_lr, device=params[0].device) if capturable else max_lr
        return {"params": params, "lr": lr, "max_lr": max_lr}

    def groups(params: Sequence[nn.Parameter], max_lr: float) -> list[dict[str, object]]:
        if not isinstance(model, FineTunedNetwork) or recipe.weights == NONE:
            return [group(params, max_lr)]
        pretrained = [parameter for parameter in params if model.is_backbone(parameter)]
        new = [parameter for parameter in params if not model.is_backbone(parameter)]
        pairs = ((pretrained, max_lr * recipe.backbone_lr), (new, max_lr))
        return [group(part, lr) for part, lr in pairs if part]

    def adam(params: Sequence[nn.Parameter], max_lr: float) -> torch.optim.Optimizer:
        return torch.optim.Adam(
            groups(params, max_lr),
            weight_decay=recipe.weight_decay,
            decoupled_weight_decay=recipe.optimizer != "adam",
            fused=True,
            capturable=capturable,
        )

    if recipe.optimizer in {"adam", "adamw"}:
        return [adam(parameters, recipe.learning_rate)]
    if recipe.optimizer == "sgd":
        return [
            torch.optim.SGD(
                groups(parameters, recipe.learning_rate),
                momentum=recipe.momentum,
                nesterov=recipe.nesterov,
                weight_decay=recipe.weight_decay,
                fused=True,
            )
        ]
    filters = [parameter for parameter in parameters if parameter.dim() == 4 and parameter.shape[1] > 1]
    others = [parameter for parameter in parameters if not any(parameter is filter_ for filter_ in filters)]
    optimizers: list[torch.optim.Optimizer] = []
    if filters:
        optimizers.append(Muon(groups(filters, recipe.learning_rate)))
    if others:
        optimizers.append(adam(others, recipe.learning_rate * ADAM_SHARE))
    return optimizers


def clip_gradients(model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], max_norm: float) -> Tensor | None:
    """Clip the gradient before each update so that its norm over all parameters is at most `max_norm`.

    The optimizers must be stepped in the order of the sequence. Return a tensor to which each step writes the norm
    before clipping, or None if `max_norm` is 0 and nothing is clipped.

    Clipping by the norm follows Pascanu et al. 2013, "On the difficulty of training recurrent neural networks".
    """
    if not max_norm:
        return None
    parameters = list(model.parameters())
    norm = torch.zeros((), device=parameters[0].device)

    def clip(*_: object) -> None:
        norm.copy_(nn.utils.clip_grad_norm_(parameters, max_norm))  # in place, so that a CUDA graph can update it

    optimizers[0].register_step_pre_hook(clip)
    return norm
