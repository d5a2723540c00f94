"""Learning rate schedules.

The learning rate is a function of the step, so a resumed run needs no scheduler state.
"""

import math
from collections.abc import Callable, Sequence

import torch

from fashion_tui.schema.recipe import Recipe

ONE_CYCLE_START = 25.0
"""Ratio of the maximum learning rate to the first one of `onecycle`, as in `torch.optim.lr_scheduler.OneCycleLR`."""
ONE_CYCLE_END = 1e4
"""Ratio of the first learning rate of `onecycle` to the last one, as in `OneCycleLR`."""


def learning_rate_at(recipe: Recipe, max_lr: float, step: int, total_steps: int) -> float:
    """Return the learning rate of a step. Steps are counted from 0. `max_lr` is the peak of the schedule.

    All schedules but `triangle` are those of `torch.optim.lr_scheduler`: `OneCycleLR` with a constant momentum, and
    `LinearLR` (the warm-up) followed by `ConstantLR` with factor 1 or `CosineAnnealingLR`. The closed forms of these
    schedulers are used, because PyTorch's recursive forms accumulate rounding errors.
    """
    match recipe.schedule:
        case "triangle":
            return max_lr * _triangle(recipe.warm_up, step, total_steps)
        case "onecycle":
            return _one_cycle(max_lr, recipe.warm_up, step, total_steps)
    rising = round(recipe.warm_up * total_steps)
    if step < rising:
        start = 1 / (rising + 1)
        return max_lr * (start + (1 - start) * step / rising)
    if recipe.schedule == "cosine":
        return max_lr * (1 + math.cos(math.pi * (step - rising) / (total_steps - rising))) / 2
    return max_lr


def _triangle(warm_up: float, step: int, total_steps: int) -> float:
    """Return the learning rate as a fraction of the maximum, in (0, 1].

    The triangular schedule follows Smith and Topin 2018, "Super-Convergence: Very Fast Training of Neural Networks
    Using Large Learning Rates".
    """
    peak = warm_up * total_steps
    rising = (step + 1) / peak if peak else 1.0
    falling = (total_steps - step) / (total_steps - peak)
    return min(rising, falling, 1.0)


def _one_cycle(max_lr: float, warm_up: float, step: int, total_steps: int) -> float:
    first = max_lr / ONE_CYCLE_START
    peak = warm_up * total_steps - 1
    if peak > 0 and step <= peak:
        return _anneal(first, max_lr, step / peak)
    return _anneal(max_lr, first / ONE_CYCLE_END, (step - peak) / (total_steps - 1 - peak))


def _anneal(start: float, end: float, progress: float) -> float:
    """Interpolate along half a cosine wave, for progress from 0 to 1."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * progress) + 1)


def set_learning_rates(optimizers: Sequence[torch.optim.Optimizer], schedule: Callable[[float], float]) -> None:
    """Set the learning rate of each parameter group. `schedule` maps the group's `max_lr` to its learning rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            lr = schedule(group["max_lr"])
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(lr)  # in place, because a CUDA graph reads this tensor
            else:
                group["lr"] = lr
