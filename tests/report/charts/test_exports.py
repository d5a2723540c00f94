"""The image and the table of a chart contain its values."""

import csv
import io
import math
import re
import sys
from dataclasses import replace
from functools import partial
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import resvg_py
from PIL import Image, ImageColor

from fashion_tui.report.charts.chart import MAX_RUNS, Chart, ChartRun, EpochValue, XAxis
from fashion_tui.report.charts.csv_table import HEADER, chart_csv
from fashion_tui.report.charts.png import SCALE, svg_to_png
from fashion_tui.report.charts.svg import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, chart_svg
from fashion_tui.report.style import PALETTE
from fashion_tui.schema.errors import UserError
from tests.report.charts.runs import run_of

SVG = "{http://www.w3.org/2000/svg}"
HELD_OUT = tuple(EpochValue(epoch, epoch * 100, value) for epoch, value in ((1, 0.5), (2, 0.2), (3, 0.3)))
FULL = ChartRun("full", per_epoch=HELD_OUT, steps_per_epoch=100, clock=((300, 60.0),), ended=True)


def texts(root: ET.Element) -> list[str]:
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.e+-]+) ([\d.e+-]+)", path)]


def rows_of(chart: Chart) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(chart_csv(chart))))


def test_the_image_shows_the_curve_at_its_values() -> None:
    values = np.linspace(0, 10, 300)
    root = ET.fromstring(chart_svg(Chart("loss", (replace(FULL, curve=run_of(values.tolist()).curve),))))
    curve, epochs = (path.get("d") or "" for path in root.iter(f"{SVG}path") if path.get("stroke"))
    top = next(float(rect.get("y") or 0) for rect in root.iter(f"{SVG}rect") if rect.get("y"))
    height = HEIGHT - BOTTOM - top
    for step, (x, y) in enumerate(points(curve), 1):
        assert x == pytest.approx(LEFT + step / 300 * (WIDTH - LEFT - RIGHT), abs=0.01)
        assert y == pytest.approx(top + (1 - values[step - 1] / 10) * height, abs=0.01)
    assert len(points(curve)) == 300
    expected = [
        (LEFT + each.step / 300 * (WIDTH - LEFT - RIGHT), top + (1 - each.value / 10) * height) for each in HELD_OUT
    ]
    assert points(epochs) == [pytest.approx(point, abs=0.01) for point in expected]
    shown = texts(root)
    assert shown[0] == "loss 10.000 · validation 0.300 (best 0.200 at epoch 2)"
    assert {"step", "0", "10", "100", "300"} <= set(shown)
    assert [shown.count(glyph) for glyph in "●◆✕"] == [2, 1, 0]


def test_the_image_shows_only_the_visible_part() -> None:
    run = run_of([float(step) for step in range(1, 1001)], buckets=2000, ended=True)
    root = ET.fromstring(chart_svg(Chart("loss", (run,), x_range=(500, 600))))
    (path,) = (path.get("d") or "" for path in root.iter(f"{SVG}path") if path.get("stroke"))
    assert [points(path)[index][0] for index in (0, -1)] == [LEFT, WIDTH - RIGHT]
    assert {"500", "600"} <= set(texts(root))


def test_the_image_names_all_runs_and_marks_bad_values() -> None:
    bad = [1.0, math.nan, 1e30, *[1.0] * 20, math.inf]
    runs = tuple(run_of(bad, name=f"run <{index}> & co\x1b", ended=True) for index in range(MAX_RUNS))
    root = ET.fromstring(chart_svg(Chart("a < b & c", runs, half_life=4, baseline=1)))
    shown = texts(root)
    assert "a < b & c" in shown[0]
    assert sum("".join(shown).count(f"<{index}> & co") for index in range(MAX_RUNS)) == MAX_RUNS
    assert (shown.count("✕"), shown.count("▲")) == (2 * MAX_RUNS, MAX_RUNS)
    colours = {path.get("stroke") for path in root.iter(f"{SVG}path") if path.get("stroke")}
    assert len(colours) == MAX_RUNS


def test_every_chart_has_an_image_and_a_table() -> None:
    runs = [(), (ChartRun("empty"),), (run_of([0.5]),), (run_of([math.nan] * 9),), (FULL,), (run_of([-1.0, 2.0]), FULL)]
    for several in runs:
        for x in XAxis:
            for logarithmic in (False, True):
                chart = Chart("loss", several, x=x, logarithmic_x=logarithmic, logarithmic_y=logarithmic, half_life=3)
                assert "step" in texts(ET.fromstring(chart_svg(chart))) or x in {XAxis.EPOCHS, XAxis.WALL_TIME}
                assert all(None not in row for row in rows_of(chart))


def test_the_table_has_a_row_per_step_with_the_values_of_the_log() -> None:
    values = np.random.default_rng(0).normal(5, 1, 300)
    run = replace(FULL, curve=run_of(values.tolist()).curve)
    rows = rows_of(Chart("accuracy", (run, run_of([1.0, math.nan])), half_life=10, unit="%"))
    assert tuple(rows[0]) == HEADER
    assert [row["run"] for row in rows] == ["full"] * 300 + ["guide-a1b2"] * 2
    assert {row["metric"] for row in rows} == {"accuracy, %"}
    assert [float(row["mean"]) for row in rows[:300]] == values.tolist()
    assert [(row["first_step"], row["last_step"]) for row in rows[:2]] == [("1", "1"), ("2", "2")]
    weights = 0.5 ** (np.arange(299, -1, -1) / 10)
    assert float(rows[299]["smoothed"]) == pytest.approx((weights * values).sum() / weights.sum())
    assert {row["last_step"]: row["validation"] for row in rows if row["validation"]} == {
        "100": "0.5",
        "200": "0.2",
        "300": "0.3",
    }
    assert (rows[149]["epoch"], rows[149]["seconds"]) == ("1.5000", "30.000")
    assert (rows[301]["mean"], rows[301]["not_finite"], rows[301]["epoch"]) == ("", "1", "")


def test_the_table_has_the_visible_buckets_and_values_between_them() -> None:
    run = replace(FULL, curve=run_of([float(step) for step in range(1, 301)], buckets=100).curve)
    rows = rows_of(Chart("loss", (run,), x_range=(90, 110)))
    assert [(row["first_step"], row["last_step"]) for row in rows] == [
        (f"{first}", f"{first + 3}") for first in range(89, 109, 4)
    ]
    assert (rows[2]["mean"], rows[2]["lowest"], rows[2]["highest"], rows[2]["validation"]) == (
        "98.5",
        "97.0",
        "100.0",
        "0.5",
    )
    only_epochs = rows_of(Chart("validation loss", (FULL,)))
    assert [(row["last_step"], row["mean"], row["validation"]) for row in only_epochs] == [
        ("100", "", "0.5"),
        ("200", "", "0.2"),
        ("300", "", "0.3"),
    ]


def test_a_png_has_the_pixels_of_the_svg() -> None:
    run = run_of([1.0] * 99 + [3.0], ended=True)
    svg = chart_svg(Chart("loss", (run,)))
    (path,) = (path for path in ET.fromstring(svg).iter(f"{SVG}path") if path.get("stroke"))
    image = Image.open(io.BytesIO(svg_to_png(svg))).convert("RGB")
    assert image.size == (SCALE * WIDTH, SCALE * HEIGHT)
    x, y = points(path.get("d") or "")[40]
    assert image.getpixel((round(SCALE * x), round(SCALE * y))) == ImageColor.getrgb(path.get("stroke") or "")
    assert image.getpixel((round(SCALE * x), round(SCALE * y) - 20)) == ImageColor.getrgb(PALETTE.background)
    labels = image.crop((0, 0, SCALE * (LEFT - 8), SCALE * HEIGHT)).getcolors()
    assert labels is not None
    assert len(labels) > 1, "the labels of the axis are drawn"


def test_a_png_needs_resvg_and_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    svg = chart_svg(Chart("loss", (FULL,)))
    with monkeypatch.context() as patch:
        patch.setattr(resvg_py, "svg_to_bytes", partial(resvg_py.svg_to_bytes, skip_system_fonts=True))
        with pytest.raises(UserError, match=r"fonts.*\.svg"):
            svg_to_png(svg)
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(UserError, match=r"fashion-tui\[png\].*\.svg"):
        svg_to_png(svg)
