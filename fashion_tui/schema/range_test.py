"""The result of a learning rate range test."""

import msgspec

from .errors import UsageError

MIN_RATE, MAX_RATE = 1e-7, 10.0
"""Learning rates of the first and the last step."""

DEFAULT_STEPS = 100
MIN_STEPS, MAX_STEPS = 20, 10_000
"""Minimum and maximum number of steps. With fewer steps, the noise hides where the loss falls."""

FIELDS_WITHOUT_EFFECT = frozenset(
    {"epochs", "learning_rate", "ema_decay", "schedule", "warm_up", "early_stopping", "patience", "min_change"}
)
"""Fields of a recipe that don't change the losses of a range test."""


class RangeTest(msgspec.Struct, frozen=True, kw_only=True):
    """The losses of a learning rate range test, and the learning rate that it suggests.

    While the test is running, it contains the steps so far and no suggestion.
    """

    learning_rates: tuple[float, ...]
    """Learning rate of each step, in ascending order."""
    losses: tuple[float, ...]
    """Loss of each step before its update. The last one may be NaN or infinite."""
    smoothed: tuple[float, ...]
    """Moving average of the losses up to each step."""
    steps: int
    """Number of planned steps. The test ends earlier if the loss diverges."""
    diverged: bool = False
    """Whether the test has ended because the loss diverged."""
    suggestion: float | None = None
    """The suggested learning rate, or None if the test is running or the losses suggest none."""
    lowest: float | None = None
    """The learning rate with the lowest smoothed loss, rounded to two digits, or None without a suggestion. With a
    higher learning rate, training becomes slower or diverges."""
    problem: str | None = None
    """One-line reason why a test that has ended suggests no learning rate, or None."""

    @property
    def has_ended(self) -> bool:
        """Whether this is the result of the whole test."""
        return self.suggestion is not None or self.problem is not None


def check_steps(steps: int) -> None:
    """Raise UsageError if the number of steps is out of range."""
    if not MIN_STEPS <= steps <= MAX_STEPS:
        raise UsageError(f"steps is {steps}; it must be between {MIN_STEPS} and {MAX_STEPS:,}")
