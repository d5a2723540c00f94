"""How a trainer may end before its run is finished."""

from fashion_tui.schema.errors import UserError


class Stop(Exception):
    """The run is to end here, all being saved; `reason` is `asked` or the signal's name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TrainingFailed(UserError):
    """The training can't go on: what happened, where, and what to try, in one line."""


class LossNotFinite(TrainingFailed):
    """The loss of a step is a NaN or an infinity. `layer`: where the first such value came from, once that is known."""

    def __init__(self, loss: float, step: int, learning_rate: float, layer: str | None = None) -> None:
        source = f", and the first such value comes from the layer {layer}" if layer else ""
        super().__init__(
            f"the loss is {loss} at step {step}{source}: training stopped there; "
            f"try a learning rate below {learning_rate:g}"
        )
        self.loss = loss
        self.step = step
        self.learning_rate = learning_rate
