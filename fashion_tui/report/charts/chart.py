"""A frozen description of a chart: the runs that it compares, their metric, and the axes."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from fashion_tui.runs.series import NO_CURVE, Curve

MAX_RUNS = 8
"""Maximum number of runs in a chart."""


class XAxis(Enum):
    """What the x axis shows."""

    PLANNED = "planned run"
    SO_FAR = "so far"
    EPOCHS = "epochs"
    WALL_TIME = "wall time"


@dataclass(frozen=True, slots=True)
class EpochValue:
    """The value of a metric that is measured once per epoch, at the last step of the epoch."""

    epoch: int
    step: int
    value: float


@dataclass(frozen=True, slots=True)
class ChartRun:
    """A run's values in a chart."""

    name: str
    curve: Curve = NO_CURVE
    """The metric over the steps."""
    per_epoch: tuple[EpochValue, ...] = ()
    """The metric measured on held-out data, in ascending order of the steps."""
    steps_per_epoch: int | None = None
    """Number of steps in an epoch, or None if unknown."""
    planned_steps: int | None = None
    """Number of steps planned for the run, or None if unknown."""
    ended: bool = False
    clock: tuple[tuple[int, float], ...] = ()
    """Steps with the seconds from the start of the run to the end of the step, in ascending order.

    Times in between are interpolated.
    """
    learning_rate: Curve = NO_CURVE
    """The learning rate over the steps, for the values at a position of the chart."""
    detail: Curve = NO_CURVE
    """A part of the curve in smaller buckets, which is drawn instead of `curve` if it isn't empty. It starts where a
    bucket of `curve` starts."""

    @property
    def last_step(self) -> int:
        """The last step with a value, or 0 if there are no values."""
        last = self.curve.first_step + self.curve.steps - 1 if self.curve.steps else 0
        return max(last, self.per_epoch[-1].step if self.per_epoch else 0)

    def seconds(self, step: float) -> float:
        """Return the time from the start of the run to a step. After the last known time, the speed stays the same."""
        if not self.clock:
            return 0.0
        index = min(bisect_right(self.clock, step, key=lambda time: time[0]), len(self.clock) - 1)
        start, begin = self.clock[index - 1] if index else (0, 0.0)
        stop, end = self.clock[index]
        return end if stop <= start else begin + (step - start) * (end - begin) / (stop - start)

    def step_after(self, seconds: float) -> float:
        """Return the step that ends at a time from the start of the run. It is the inverse of `seconds`."""
        if not self.clock:
            return 0.0
        index = min(bisect_left(self.clock, seconds, key=lambda time: time[1]), len(self.clock) - 1)
        start, begin = self.clock[index - 1] if index else (0, 0.0)
        stop, end = self.clock[index]
        return stop if end <= begin else start + (seconds - begin) * (stop - start) / (end - begin)

    def best(self, *, lower_is_better: bool) -> EpochValue | None:
        """Return the first of the best finite values per epoch, or None if there are none."""
        finite = [value for value in self.per_epoch if math.isfinite(value.value)]
        if not finite:
            return None
        return (min if lower_is_better else max)(finite, key=lambda value: value.value)


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart shows. `draw_chart` draws it."""

    title: str
    runs: tuple[ChartRun, ...] = ()
    """At most `MAX_RUNS` runs. The index of a run determines its colour and its letter."""
    selected: int = 0
    """Index of the run whose band and markers are shown."""
    baseline: int | None = None
    """Index of the run that the others are compared with, or None."""
    x: XAxis = XAxis.PLANNED
    x_range: tuple[float, float] | None = None
    """The part of the x axis to show, in steps, epochs or seconds, or None for all of it."""
    logarithmic_x: bool = False
    logarithmic_y: bool = False
    half_life: int = 0
    """Half-life of the moving average that smooths the curves, in steps. 0 draws the means unchanged."""
    lower_is_better: bool = True
    per_epoch_title: str = "validation"
    """Name of the values per epoch."""
    decimals: int | None = 3
    """Number of decimals of the values in the title and in the legend, or None for four significant digits."""
    unit: str = ""
    """Unit of the values in the title and in the legend, such as `%`."""

    @property
    def shown_x(self) -> XAxis:
        """The x axis that is drawn: `x`, or `SO_FAR` if a run lacks the length of its epochs or its times."""
        if self.x is XAxis.EPOCHS and not all(run.steps_per_epoch for run in self.runs):
            return XAxis.SO_FAR
        if self.x is XAxis.WALL_TIME and not all(run.clock for run in self.runs):
            return XAxis.SO_FAR
        return self.x


def x_position(run: ChartRun, step: float, x: XAxis) -> float:
    """Return the coordinate of a run's step on an x axis: a number of epochs, seconds or steps."""
    return x_positions(run, (step,), x)[0]


def x_positions(run: ChartRun, steps: Sequence[float], x: XAxis) -> Sequence[float]:
    """Return the coordinates of several steps."""
    if x is XAxis.EPOCHS and run.steps_per_epoch:
        length = run.steps_per_epoch
        return [step / length for step in steps]
    if x is XAxis.WALL_TIME:
        return [run.seconds(step) for step in steps]
    return steps


def step_at(run: ChartRun, position: float, x: XAxis) -> float:
    """Return the step at a coordinate of an x axis. It is the inverse of `x_position`."""
    if x is XAxis.EPOCHS and run.steps_per_epoch:
        return position * run.steps_per_epoch
    if x is XAxis.WALL_TIME:
        return run.step_after(position)
    return position
