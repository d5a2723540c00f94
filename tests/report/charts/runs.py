"""Make the runs of charts from lists of values."""

from array import array
from dataclasses import replace

from fashion_tui.report.charts.chart import ChartRun
from fashion_tui.runs.series import Series


def run_of(values: list[float], name: str = "guide-a1b2", buckets: int = 512, **fields: object) -> ChartRun:
    series = Series()
    series.put(1, array("d", values))
    return replace(ChartRun(name, series.curve(buckets)), **fields)  # type: ignore[arg-type]
