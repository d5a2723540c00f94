"""Signals and exceptions that end training before the run is finished."""

import math
import signal
from types import FrameType

from fashion_tui.schema.builtin_recipes import RECIPES
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.recipe import Recipe


class StopSignals:
    """Records SIGTERM and SIGINT so that they are handled between steps. Ignores SIGHUP (the terminal was closed)."""

    def __init__(self) -> None:
        self.received: str | None = None
        """Name of the first signal that was received."""

    def install(self) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._remember)
        signal.signal(signal.SIGINT, self._remember)

    def _remember(self, number: int, _: FrameType | None) -> None:
        self.received = self.received or signal.Signals(number).name


class StopTraining(Exception):
    """Raised to stop training. A checkpoint is saved first, if possible.

    `reason` is `asked` or the name of a signal.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StepFailed(Exception):
    """Raised when a step fails with an unexpected error. The metrics of earlier steps are logged first, if possible."""

    def __init__(self, step: int, error: Exception) -> None:
        super().__init__(str(error))
        self.step = step
        """Number of the step that failed."""
        self.error = error


class TrainingFailed(UserError):
    """Raised when training can't continue. The one-line message says what happened, at which step, and what to try."""


class LossNotFinite(TrainingFailed):
    """Raised when a step's loss is NaN or infinite.

    `layer` is the layer that produced the first such value, if known.
    """

    def __init__(self, loss: float, step: int, recipe: Recipe, layer: str | None = None) -> None:
        source = f"; the first such value comes from layer {layer}" if layer else ""
        value = "NaN" if math.isnan(loss) else "infinite"
        super().__init__(f"the loss is {value} at step {step:,}{source}; {suggest_learning_rate(recipe)}")
        self.loss = loss
        self.step = step


class LossDiverged(TrainingFailed):
    """Raised when the mean loss of the last steps is far above the loss of random predictions."""

    def __init__(self, mean: float, steps: int, step: int, limit: float, recipe: Recipe) -> None:
        super().__init__(
            f"the mean loss of the last {steps} steps is {mean:,.1f} at step {step:,}, more than {limit:.1f} (10 times "
            f"the loss of random predictions); {suggest_learning_rate(recipe)}, or continue anyway with --keep-going"
        )


def suggest_learning_rate(recipe: Recipe) -> str:
    """Return advice to lower the learning rate, for error messages about diverging training.

    The default of the recipe is an example only for its own optimizer.
    """
    default = RECIPES.get(recipe.name)
    usual = default.learning_rate if default is not None and default.optimizer == recipe.optimizer else math.inf
    example = f", such as {usual:g}, the default of {recipe.name}" if usual < recipe.learning_rate else ""
    return f"try a learning rate below {recipe.learning_rate:g}{example}"
