"""Save a chart as an SVG or PNG image, and its data as CSV."""

import asyncio
import re
import time
from pathlib import Path

from textual.app import App

from fashion_tui.report.charts.chart import Chart
from fashion_tui.report.charts.csv_table import chart_csv
from fashion_tui.report.charts.png import svg_to_png
from fashion_tui.report.charts.svg import chart_svg
from fashion_tui.schema.errors import UserError
from fashion_tui.tui.dialogs.save import SaveDialog, save

SVG, PNG, TABLE = ".svg", ".png", ".csv"
MAX_NAME = 60
"""Maximum length of the names of the metric and of the run in the suggested name of the file."""


async def save_chart(app: App[object], chart: Chart) -> None:
    """Ask for a path, and save the visible part of the chart there. If saving fails, ask again.

    Call this from a worker.
    """
    title = f"Save the chart as an image ({SVG} or {PNG}) and its data beside it ({TABLE})"
    path, problem = Path.cwd() / suggested_name(chart, time.strftime("%Y%m%d-%H%M%S")), ""
    while True:
        chosen = await app.push_screen_wait(SaveDialog(title, path, (SVG, PNG), problem, also=(TABLE,)))
        if chosen is None:
            return
        path = chosen
        try:
            await asyncio.to_thread(_save, path, chart)
        except UserError as error:
            problem = str(error)
        else:
            app.notify(f"Saved {path} and {path.with_suffix(TABLE).name}", markup=False)
            return


def suggested_name(chart: Chart, now: str) -> str:
    """Return a file name, such as `loss-guide-a1b2-20261130-143012.svg`."""
    runs = chart.runs[chart.selected].name if len(chart.runs) == 1 else f"{len(chart.runs)}-runs"
    words = re.sub(r"[^\w.]+", "-", f"{chart.title[:MAX_NAME]}-{runs[:MAX_NAME]}").strip("-.")
    return f"{words or 'chart'}-{now}{SVG}"


def _save(path: Path, chart: Chart) -> None:
    """Write both files. Raises UserError if one can't be written."""
    svg = chart_svg(chart)
    save(path, svg_to_png(svg) if path.suffix == PNG else svg)
    save(path.with_suffix(TABLE), chart_csv(chart))
