"""Where a training broke: found afterwards, by making its last steps again, so that sound steps pay nothing for it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .loop import Training
from .optimizers import autocast


class GivenUp(Exception):
    """Nobody waits for the answer any more."""


def layer_that_broke(training: Training, step: int, *, go_on: Callable[[], bool] = lambda: True) -> str | None:
    """The layer from which the first NaN or infinity came in that step; None where the layers' values are all finite.

    `training` stands before that step, at a checkpoint or at its beginning, and is used up: it makes the steps in
    between again, which gives the very same weights, and looks at each layer while the step's batch goes through.
    None too where `go_on`, which is asked after every step and now and then within a long one, says no.
    """

    def ask() -> None:
        if not go_on():
            raise GivenUp

    while True:
        if training.step_in_epoch == training.steps_per_epoch:
            training.end_epoch()
        if training.step == step - 1:
            break
        try:
            for made in training.steps(between=ask):
                ask()
                if made == step - 1:
                    break
        except GivenUp:
            return None
    training.model.train()
    with autocast(training.device, training.precision):
        layers = (first_non_finite_layer(training.model, images) for images in training.next_pieces())
        return next((layer for layer in layers if layer is not None), None)


def first_non_finite_layer(model: nn.Module, images: Tensor) -> str | None:
    """The first layer, in the order of the computation, from which a NaN or an infinity comes; None where none does.

    `images` `[N, 1, 28, 28]` go through the network once, as it stands.
    """
    found: list[str] = []

    def look(name: str) -> Callable[[nn.Module, tuple[object, ...], object], None]:
        def hook(layer: nn.Module, _: tuple[object, ...], output: object) -> None:
            values = output if isinstance(output, tuple | list) else [output]
            if not found and any(isinstance(value, Tensor) and not torch.isfinite(value).all() for value in values):
                found.append(f"{name} ({type(layer).__name__})" if name else type(layer).__name__)

        return hook

    handles = [layer.register_forward_hook(look(name)) for name, layer in model.named_modules()]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None
