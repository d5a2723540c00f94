"""Find the first layer whose output contains NaN or infinity, by repeating the last training steps.

Training itself therefore needs no extra checks.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .loop import Training
from .precision import autocast


class _Stopped(Exception):
    """Raised when `keep_going` returns False."""


def find_broken_layer(training: Training, step: int, *, keep_going: Callable[[], bool] = lambda: True) -> str | None:
    """Return the first layer whose output in a step contained NaN or infinity, or None if all outputs were finite.

    `training` must be at an earlier step, for example because it was restored from a checkpoint. Training is
    repeated up to, but not including, `step`, to reproduce the original weights. Then the output of each layer is
    checked on the batch of `step`. `keep_going` is called after each step and between micro-batches. If it returns
    False, the search ends and the result is None.
    """

    def check() -> None:
        if not keep_going():
            raise _Stopped

    while True:
        if training.step_in_epoch == training.steps_per_epoch:
            training.end_epoch()
        if training.step == step - 1:
            break
        try:
            for completed in training.steps(poll=check):
                check()
                if completed == step - 1:
                    break
        except _Stopped:
            return None
    training.model.train()
    with autocast(training.device, training.precision):
        layers = (first_non_finite_layer(training.model, images) for images in training.next_images())
        return next((layer for layer in layers if layer is not None), None)


def first_non_finite_layer(model: nn.Module, images: Tensor) -> str | None:
    """Run `images` `[N, 1, 28, 28]` through the network, and return the first layer whose output isn't finite.

    Return None if all outputs are finite.
    """
    broken: list[str] = []

    def hook_for(name: str) -> Callable[[nn.Module, tuple[object, ...], object], None]:
        def hook(layer: nn.Module, _: tuple[object, ...], output: object) -> None:
            values = output if isinstance(output, tuple | list) else [output]
            if not broken and any(isinstance(value, Tensor) and not torch.isfinite(value).all() for value in values):
                broken.append(f"{name} ({type(layer).__name__})" if name else type(layer).__name__)

        return hook

    handles = [layer.register_forward_hook(hook_for(name)) for name, layer in model.named_modules()]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return broken[0] if broken else None
