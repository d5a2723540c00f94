"""How a trainer may end before its run is finished."""

import math

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.recipe import RECIPES, Recipe


class Stop(Exception):
    """The run is to end here, all being saved; `reason` is `asked` or the signal's name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TrainingFailed(UserError):
    """The training can't go on: what happened, where, and what to try, in one line."""


def lower_rate(recipe: Recipe) -> str:
    """What to try where numbers have grown beyond all bounds."""
    usual = RECIPES[recipe.name].learning_rate if recipe.name in RECIPES else math.inf
    such = f", such as {recipe.name}'s own {usual:g}" if usual < recipe.learning_rate else ""
    return f"try a learning rate below {recipe.learning_rate:g}{such}"


class LossNotFinite(TrainingFailed):
    """The loss of a step is a NaN or an infinity. `layer`: where the first such value came from, once that is known."""

    def __init__(self, loss: float, step: int, recipe: Recipe, layer: str | None = None) -> None:
        source = f", and the first such value comes from the layer {layer}" if layer else ""
        super().__init__(f"the loss is {loss} at step {step}{source}: training stopped there; {lower_rate(recipe)}")
        self.loss = loss
        self.step = step
