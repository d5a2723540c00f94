"""A chart on the whole screen: its crosshair, zoom, table, files, and updates."""

import csv
import io
import math
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from PIL import Image
from textual.events import MouseScrollUp
from textual.widgets import Input

from fashion_tui.report.charts import svg
from fashion_tui.report.charts.chart import Chart, ChartRun
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import EpochEnd, StepChunk
from fashion_tui.schema.floats import JsonFloat
from fashion_tui.schema.run import short_name
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.dialogs.help import HelpDialog
from fashion_tui.tui.dialogs.save import SaveDialog
from fashion_tui.tui.train.chart_grid import GridChart
from fashion_tui.tui.train.chart_screen import ChartScreen
from fashion_tui.tui.train.pane import TrainPane
from fashion_tui.tui.train.run_view import RunView
from fashion_tui.tui.train.save_chart import suggested_name
from tests.runs.parts import make_run, started
from tests.tui.pilots import app_on, screen_text, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]

STEPS, PER_EPOCH = 4000, 1000
LOSSES = [2 / math.sqrt(step) + math.sin(step) / 10 for step in range(1, STEPS + 1)]
RATES = [0.001 + step * 1e-7 for step in range(1, STEPS + 1)]


def write_steps(run: Run, first: int, last: int) -> None:
    metrics: dict[str, list[JsonFloat | None]] = {
        "loss": [*LOSSES[first - 1 : last]],
        "accuracy": [0.5] * (last + 1 - first),
        "learning_rate": [*RATES[first - 1 : last]],
    }
    writer = run.event_writer()
    writer.write(StepChunk(time=run.config.created + last / 40, first_step=first, metrics=metrics))
    writer.close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose log ends after three of four epochs."""
    run = make_run(tmp_path / "runs", name="guide")
    writer = run.event_writer()
    writer.write(started(run.id, epochs=4, steps_per_epoch=PER_EPOCH))
    writer.close()
    run.write_status(msgspec.structs.replace(run.read_status(), steps_per_epoch=PER_EPOCH, epochs=4))
    for epoch in (1, 2, 3):
        write_steps(run, (epoch - 1) * PER_EPOCH + 1, epoch * PER_EPOCH)
        writer = run.event_writer()
        writer.write(
            EpochEnd(
                time=0.0, epoch=epoch, step=epoch * PER_EPOCH, train_loss=0.5, train_accuracy=0.8,
                validation_loss=epoch / 8, validation_accuracy=0.9, seconds=1.0,
            )
        )  # fmt: skip
        writer.close()
    return run


def values(app: FashionApp) -> dict[str, str]:
    """Return the table's row of the only run, by the titles of the columns."""
    screen = app.screen
    assert isinstance(screen, ChartScreen)
    heading, row = (screen.table.render_line(line).text.split() for line in (0, 1))
    return dict(zip(["run", *heading], row, strict=True))


def steps_of(app: FashionApp) -> tuple[int, int]:
    """Return the first and the last step at the crosshair."""
    row = values(app)
    first, _, last = row.get("steps", row.get("step", "")).replace(",", "").partition("–")
    return int(first), int(last or first)


def last_step(app: FashionApp) -> int:
    """Return the last step of the run in the chart on the whole screen."""
    assert isinstance(app.screen, ChartScreen)
    return app.screen.inspector.chart.runs[0].last_step


def is_open(app: FashionApp) -> bool:
    return isinstance(app.screen, ChartScreen) and "lr" in screen_text(app)


async def test_keys_and_mouse_find_the_values_of_single_steps(run: Run) -> None:
    async with app_on(run.path.parent) as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: "validation 0.375" in screen_text(app), "the charts")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: is_open(app), "the chart on the whole screen")
        assert steps_of(app)[1] == 3000
        assert (values(app)["epoch"], values(app)["validation"], values(app)["time"]) == ("3.00", "0.375", "1:15")
        first, last = steps_of(app)
        inside = LOSSES[first - 1 : last]
        assert float(values(app)["mean"]) == pytest.approx(sum(inside) / len(inside), rel=1e-4)
        assert float(values(app)["lowest"]) == pytest.approx(min(inside), rel=1e-4)
        await pilot.press("left")
        assert steps_of(app)[1] < first
        before = steps_of(app)[0]
        await pilot.press("shift+left")
        assert 200 < before - steps_of(app)[0] < 400
        await pilot.press(*["up"] * 4)
        await until(pilot, lambda: "step" in values(app), "single steps")
        (step, _), row = steps_of(app), values(app)
        assert float(row["value"]) == pytest.approx(LOSSES[step - 1], rel=1e-4)
        assert float(row["lr"]) == pytest.approx(RATES[step - 1], rel=0.01)
        assert row["validation"] == "0.25"
        await pilot.press("right")
        assert step < steps_of(app)[0] < step + 20
        visible = app.screen.query_one("#plot")
        await pilot.click(visible, offset=(visible.size.width // 2, 5))
        clicked = steps_of(app)[0]
        await pilot.mouse_down(visible, offset=(60, 5))
        await pilot.hover(visible, offset=(30, 5))
        await pilot.mouse_up(visible, offset=(30, 5))
        await until(pilot, lambda: "value" in values(app), "the details of the dragged chart")
        assert isinstance(app.screen, ChartScreen)
        axis = app.screen.inspector.drawing.x
        assert axis.low <= steps_of(app)[0] <= axis.high
        assert steps_of(app)[0] >= clicked
        await pilot._post_mouse_events([MouseScrollUp], visible, offset=(60, 5))
        zoomed = app.screen.inspector.drawing.x
        assert zoomed.high - zoomed.low == pytest.approx((axis.high - axis.low) / 1.25)
        await pilot.press("pagedown")
        assert app.screen.inspector.drawing.x.low == pytest.approx(zoomed.low + (zoomed.high - zoomed.low) / 2)
        await pilot.press("z", "home")
        assert steps_of(app)[0] == 1
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ChartScreen), "the Train pane")
        assert isinstance(app.focused, GridChart)


async def test_the_suggested_name_of_a_picture_is_a_safe_file_name() -> None:
    names = {
        suggested_name(Chart(title, (ChartRun(run),)), "now")
        for title, run in (
            ("gradient norm/conv1", "guide-a1b2"),
            ("../../etc", "名前"),
            ("", "."),
            ("x" * 300, "y" * 300),
        )
    }
    assert names == {
        "gradient-norm-conv1-guide-a1b2-now.svg",
        "etc-名前-now.svg",
        "chart-now.svg",
        f"{'x' * 60}-{'y' * 60}-now.svg",
    }


async def test_the_options_help_and_panes_are_available(run: Run) -> None:
    async with app_on(run.path.parent, (80, 24)) as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: "validation 0.375" in screen_text(app), "the charts")
        await pilot.press("F")
        await until(pilot, lambda: is_open(app), "the chart on the whole screen")
        await pilot.press("+")
        await until(pilot, lambda: "smoothed over 128 steps" in screen_text(app), "a longer half-life")
        await pilot.press("X", "X")
        await until(pilot, lambda: re.search(r"^ +0 +1 +2 +3$", screen_text(app), re.MULTILINE), "an axis of epochs")
        await pilot.press(".")
        await until(pilot, lambda: "accuracy 50.0 %" in screen_text(app), "the next metric")
        await until(pilot, lambda: values(app).get("mean") == "50", "its values")
        await pilot.press(",", "?")
        await until(pilot, lambda: isinstance(app.screen, HelpDialog), "the help")
        assert "Full-screen chart" in screen_text(app)
        await pilot.press("escape", "2")
        await until(pilot, lambda: app.current_pane.PANE == "data" and len(app.screen_stack) == 1, "the Data pane")
        await pilot.press("f5")
        await until(pilot, lambda: "accuracy 50.0 %" in screen_text(app) or "loss" in screen_text(app), "charts")


async def test_a_growing_run_moves_the_crosshair(run: Run) -> None:
    async with app_on(run.path.parent) as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: "validation 0.375" in screen_text(app), "the charts")
        await pilot.press("F")
        await until(pilot, lambda: is_open(app), "the chart on the whole screen")
        await pilot.press("up", "up")
        write_steps(run, 3001, 3500)
        await until(pilot, lambda: steps_of(app)[1] == 3500, "the new steps")
        await until(pilot, lambda: steps_of(app)[0] >= 3499, "details of the new steps")
        await pilot.press("left")
        moved = steps_of(app)
        write_steps(run, 3501, 4000)
        await until(pilot, lambda: last_step(app) == 4000, "the new steps")
        assert steps_of(app)[0] <= moved[0] <= steps_of(app)[1]


async def test_the_picture_and_the_data_are_saved_without_overwriting_silently(run: Run, tmp_path: Path) -> None:
    async with app_on(run.path.parent) as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: "validation 0.375" in screen_text(app), "the charts")
        await pilot.press("F")
        await until(pilot, lambda: is_open(app), "the chart on the whole screen")

        async def save_as(path: Path) -> None:
            await pilot.press("ctrl+s")
            await until(pilot, lambda: isinstance(app.screen, SaveDialog), "the dialog")
            app.screen.query_one(Input).value = str(path)
            await pilot.press("enter")

        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SaveDialog), "the dialog")
        suggested = Path(app.screen.query_one(Input).value)
        assert suggested.parent == Path.cwd()
        assert suggested.name.startswith("loss-guide-")
        assert suggested.suffix == ".svg"
        await pilot.press("escape")
        picture, table = tmp_path / "chart.svg", tmp_path / "chart.csv"
        table.write_text("my own data")
        await save_as(picture)
        await until(pilot, lambda: "chart.csv exists" in screen_text(app), "the question")
        assert table.read_text() == "my own data"
        assert not picture.exists()
        await pilot.press("enter")
        await until(pilot, lambda: "Saved" in screen_text(app), "the message")
        assert "chart.csv" in screen_text(app)
        root = ET.fromstring(picture.read_text())
        assert any("validation 0.375" in "".join(element.itertext()) for element in root)
        rows = list(csv.DictReader(io.StringIO(table.read_text())))
        assert (rows[0]["first_step"], rows[-1]["last_step"]) == ("1", "3000")
        size = int(rows[0]["last_step"])
        assert float(rows[1]["mean"]) == pytest.approx(sum(LOSSES[size : 2 * size]) / size)
        await save_as(tmp_path / "chart.png")
        await until(pilot, lambda: "chart.csv exists" in screen_text(app), "the question")
        await pilot.press("enter")
        await until(pilot, (tmp_path / "chart.png").exists, "the picture")
        assert Image.open(tmp_path / "chart.png").size == (2 * svg.WIDTH, 2 * svg.HEIGHT)
        await until(pilot, lambda: isinstance(app.screen, ChartScreen), "the chart")
        await save_as(Path("/proc/chart.svg"))
        await until(pilot, lambda: "can't write /proc/chart.svg" in screen_text(app), "the problem")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ChartScreen), "the chart")


async def test_a_change_behind_a_dialog_is_painted_once_and_behind_a_chart_not_at_all(run: Run) -> None:
    async with app_on(run.path.parent) as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: "validation 0.375" in screen_text(app), "the charts")
        main = app.screen_stack[0]
        await pilot.press("?")
        await until(pilot, lambda: isinstance(app.screen, HelpDialog), "the help")
        assert app._background_screens == [main]
        main._compositor.update_widgets({app.screen_stack[0].query_one(RunView).summary})
        main._compositor_refresh()
        assert not main._repaint_required
        await pilot.press("escape", "F")
        await until(pilot, lambda: is_open(app), "the chart on the whole screen")
        assert app._background_screens == []


async def test_a_full_screen_chart_keeps_its_run_if_that_run_is_hidden_or_deleted(run: Run) -> None:
    other = make_run(run.path.parent, name="other").id
    async with app_on(run.path.parent) as (app, pilot):
        await pilot.press("f5")
        pane = app.current_pane
        assert isinstance(pane, TrainPane)
        await until(pilot, lambda: len(pane.run_list.runs) == 2, "the runs")
        pane.run_list.choose(run.id)
        await until(pilot, lambda: "validation 0.375" in screen_text(app), "the charts")
        await pilot.press("F")
        await until(pilot, lambda: is_open(app), "the chart on the whole screen")
        pane.table.input.value = "nothing-matches"
        await until(pilot, lambda: not pane.run_list.runs, "an empty list")
        await pilot.press(*["up"] * 4)
        await until(pilot, lambda: "step" in values(app), "single steps of the hidden run")
        await pilot.press("escape", "F")
        assert not isinstance(app.screen, ChartScreen)
        pane.table.input.value = ""
        await until(pilot, lambda: len(pane.run_list.runs) == 2, "the runs")
        pane.run_list.choose(run.id)
        await pilot.press("F")
        await until(pilot, lambda: is_open(app) and "validation 0.375" in screen_text(app), "the chart of the run")
        shutil.rmtree(run.path)
        await until(pilot, lambda: "the run was deleted" in screen_text(app), "the message")
        await until(pilot, lambda: values(app).get("validation") == "0.375", "the values of the deleted run")
        app.clear_notifications()  # one says that the other run has no trainer
        await until(pilot, lambda: short_name(other) not in screen_text(app), "no other run")
        await pilot.press("escape")
        await until(pilot, lambda: pane.view.snapshot and pane.view.snapshot.run == other, "the other run")
