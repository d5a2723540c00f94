"""How all charts of the Train pane are displayed."""

from dataclasses import dataclass

from fashion_tui.report.charts.chart import XAxis

DEFAULT_HALF_LIFE = 64


@dataclass(frozen=True, slots=True)
class ChartOptions:
    """What the user has chosen for all charts."""

    half_life: int = DEFAULT_HALF_LIFE
    """Half-life of the moving average that smooths the curves, in steps. 0 draws the values unsmoothed."""
    x: XAxis = XAxis.PLANNED
    logarithmic_x: bool = False
    logarithmic_y: bool | None = None
    """Whether the y axes are logarithmic. If it is None, they are logarithmic for metrics such as the loss."""
