"""The metrics of layers that have a heat strip, and their scales."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fashion_tui.runs.layers import DEAD_RELUS, GRADIENT_NORM, TYPICAL_UPDATE, UPDATE_RATIO, Kind

from .axis import SMALLEST, value_axis
from .ranges import drawn_range

LEVELS = 8
"""Number of colours or glyphs of a strip. With few, adjacent cells are often equal, which takes fewer bytes to draw."""


@dataclass(frozen=True, slots=True)
class LayerMetric:
    """A metric of layers, and how it is drawn."""

    name: str
    title: str
    problems: tuple[Kind, ...]
    """The problems that this metric shows."""
    non_finite: str
    """Legend of the cells with NaN or infinity."""
    combine: Callable[[Sequence[float]], float]
    """Returns the value of a row that shows several layers, given the finite values of the layers."""
    format: Callable[[float], str]
    value_width: int
    """Maximum width of a formatted value, in columns."""
    limits: tuple[float, float] | None = None
    """The values at the ends of the scale, or None for a logarithmic scale around the values of the run."""
    note: str = ""
    """A fact that helps to read the strip."""
    typical: float | None = None
    """The typical value, which is the middle of the colour scale, or None. The colours show the distance from it."""

    @property
    def chart_name(self) -> str:
        """Name of the heat strip among the charts, such as `gradient_norm/*`."""
        return f"{self.name}/*"

    @property
    def full_title(self) -> str:
        """The title with the prefix `layers`, which distinguishes it from the metric of the whole run."""
        return f"layers: {self.title}"


@dataclass(frozen=True, slots=True)
class Scale:
    """The values at the ends of a strip's scale. Values outside are drawn like the ends."""

    low: float
    high: float
    logarithmic: bool

    @property
    def limits(self) -> list[float]:
        """The lower bound of each level except the first, in ascending order."""
        shares = [level / LEVELS for level in range(1, LEVELS)]
        if self.logarithmic:
            low, high = math.log(self.low), math.log(self.high)
            return [math.exp(low + share * (high - low)) for share in shares]
        return [self.low + share * (self.high - self.low) for share in shares]


def fit_scale(metric: LayerMetric, values: Iterable[float]) -> Scale:
    """Return the scale of a metric. `values` are the finite values of all layers."""
    if metric.limits is not None:
        return Scale(*metric.limits, logarithmic=False)
    positive = [value for value in values if value > 0]
    low, high = drawn_range(positive, logarithmic=True)
    drawn = [value for value in positive if low <= value <= high] or [1.0]
    axis = value_axis(min(drawn), max(drawn), logarithmic=True)
    return Scale(axis.low, axis.high, logarithmic=True)


def _geometric_mean(values: Sequence[float]) -> float:
    if min(values) < SMALLEST:
        values = [max(value, SMALLEST) for value in values]
    return math.exp(sum(map(math.log, values)) / len(values))


def _least_typical(values: Sequence[float]) -> float:
    return max(values, key=lambda value: abs(value - TYPICAL_UPDATE))


LAYER_METRICS = (
    LayerMetric(
        GRADIENT_NORM,
        "gradient norm",
        problems=("non-finite", "no gradient"),
        non_finite="NaN or infinite",
        combine=_geometric_mean,
        format=lambda value: f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e"),
        value_width=7,
    ),
    LayerMetric(
        UPDATE_RATIO,
        "log10 update ratio",
        problems=("large updates", "small updates"),
        non_finite="no update",
        combine=_least_typical,
        format=lambda value: f"{value:.1f}".replace("-", "−"),
        value_width=5,
        limits=(TYPICAL_UPDATE - 2, TYPICAL_UPDATE + 2),
        note=f"typical: about {TYPICAL_UPDATE:.0f}".replace("-", "−"),
        typical=TYPICAL_UPDATE,
    ),
    LayerMetric(
        DEAD_RELUS,
        "dead ReLUs",
        problems=("dead ReLUs",),
        non_finite="NaN",
        combine=max,
        format=lambda value: f"{value * 100:.0f} %",
        value_width=5,
        limits=(0.0, 1.0),
        note="0 for the whole batch",
    ),
)
"""The metrics that have a heat strip."""
