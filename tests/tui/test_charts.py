"""The charts of the Train pane, by keys: pages, options, search, and several runs."""

import re
from pathlib import Path

import msgspec
import pytest

from fashion_tui.report.charts.chart import Chart
from fashion_tui.report.charts.colours import LETTERS
from fashion_tui.report.charts.drawing import draw_chart
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.runs.notes import rename
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import list_runs
from fashion_tui.schema.events import EpochEnd, Finished, StepChunk
from fashion_tui.schema.floats import JsonFloat
from fashion_tui.schema.run import short_name
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.train import run_view
from fashion_tui.tui.train.chart_grid import ChartGrid, GridChart
from fashion_tui.tui.train.run_list import RunList
from tests.runs.parts import make_run, started
from tests.tui.pilots import app_on, footer, screen_text, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]

STEPS = 90
OTHERS = ("images_per_second", "gradient_norm", "gradient_norm/conv1", "memory/cpu")


def ended_run(folder: Path, name: str, loss: float) -> None:
    """Write a finished run of three epochs of 30 steps. Its loss is constant, and its held-out loss is 1, 2, 3."""
    with make_run(folder, name=name) as run:
        writer = run.event_writer()
        writer.write(started(run.id, epochs=3, steps_per_epoch=30))
        metrics = {"loss": loss, "accuracy": 0.5, "learning_rate": 0.001}
        columns: dict[str, list[JsonFloat | None]] = {key: [value] * STEPS for key, value in metrics.items()}
        writer.write(StepChunk(time=run.config.created + 60, first_step=1, metrics=columns))
        writer.write(StepChunk(time=run.config.created + 60, steps=[STEPS], metrics={other: [2.0] for other in OTHERS}))
        for epoch in (1, 2, 3):
            writer.write(
                EpochEnd(
                    time=0.0, epoch=epoch, step=30 * epoch, train_loss=0.5, train_accuracy=0.8,
                    validation_loss=float(epoch), validation_accuracy=0.9, seconds=1.0,
                )
            )  # fmt: skip
        writer.write(
            Finished(
                time=0.0, run=run.id, path=str(run.path), step=STEPS, epochs=3, test_accuracy=0.9, test_loss=0.3,
                test_accuracy_flipped=None, train_seconds=1.0, images_per_second=1.0,
            )
        )  # fmt: skip
        writer.close()
        status = msgspec.structs.replace(
            run.read_status(), state="finished", step=STEPS, steps_per_epoch=30, epoch=3, epochs=3
        )
        run.write_status(status)


def titles(app: FashionApp) -> list[str]:
    """Return the first line of each visible chart."""
    return [chart.render_line(0).text.strip() for chart in app.query(GridChart) if chart.display]


async def test_keys_change_the_charts(tmp_path: Path) -> None:
    ended_run(tmp_path / "runs", "guide", 0.25)
    async with app_on(tmp_path / "runs") as (app, pilot):
        await pilot.press("f5")
        loss = "loss 0.250 · validation 3.000"
        await until(pilot, lambda: "1–4 of 10" in screen_text(app), "the charts")
        accuracy = "accuracy 50.0 % · validation 90.0 %"
        expected = [loss, accuracy, "learning rate 0.001", "gradient norm 2 · smoothed over 8 steps"]
        await until(pilot, lambda: titles(app) == expected, "all charts of the page")
        await pilot.press(".")
        await until(pilot, lambda: titles(app)[-1].startswith("layers: gradient norm  1 "), "the heat strip")
        strip = [chart for chart in app.query(GridChart) if chart.display][-1]
        assert re.fullmatch(r"conv1 +\S +2 *", strip.render_line(1).text), "one measurement"
        strip.focus()
        await pilot.press("enter")
        await until(pilot, lambda: len(titles(app)) == 1, "enter enlarges it")
        await pilot.press("escape")
        await until(pilot, lambda: "5–8 of 10" in screen_text(app), "the page again")
        app.query_one("#runs").focus()
        await pilot.press(".")
        await until(pilot, lambda: "9–10 of 10" in screen_text(app), "the last page")
        await until(pilot, lambda: titles(app)[-1] == "gradient norm conv1 2 · smoothed", "its chart")
        await pilot.press(".", "+", "+", "[")
        best = "loss 0.250 · validation 3.000 (best 1.000 at epoch 1) · smoothed over 32 steps"
        await until(pilot, lambda: titles(app)[:1] == [best], "one column of charts, smoothed more")
        assert len(titles(app)) == 2
        await pilot.press("0", "X", "V", "H", "f")  # X skips `so far`, which is the same for an ended run
        await until(pilot, lambda: len(titles(app)) == 1, "one large chart")
        assert titles(app) == ["loss 0.250 · validation 3.000 (best 1.000 at epoch 1)"]
        assert re.search(r"x: epochs, log · y: linear", screen_text(app))
        await pilot.press("escape", "M", *"conv1")
        await until(pilot, lambda: titles(app) == ["gradient norm conv1 2"], "the found chart")
        assert "/ filter" not in screen_text(app)  # while typing, the slash is text
        await pilot.press("enter")
        await until(pilot, lambda: "found 'conv1'" in screen_text(app), "the search text")
        assert app.focused is not None
        assert app.focused.id == "runs"
        await pilot.press("escape", "tab", "down")
        await until(pilot, lambda: app.focused is list(app.query(GridChart))[1], "the focus on the second chart")
        cursor = terminal_glyphs().cursor
        await until(
            pilot,
            lambda: [title.startswith(cursor) for title in titles(app)] == [False, True],
            "the mark of the focused chart",
        )
        assert titles(app)[1].endswith(f"{accuracy} (best 90.0 % at epoch 1)")


async def test_marked_runs_and_the_baseline_share_the_charts(tmp_path: Path) -> None:
    for name, loss in (("first", 4.0), ("second", 2.0), ("third", 1.0)):
        ended_run(tmp_path / "runs", name, loss)

    def legend(app: FashionApp) -> list[list[str]]:
        chart = next(iter(app.query(GridChart)))
        lines = [chart.render_line(line).text.split() for line in range(1, 4)]
        entries = [words for words in lines if words and words[0] in {"a", "b", "c"}]
        return [[letter, name.split("-")[0], value, rest[-1]] for letter, name, value, *rest in entries]

    def listed(app: FashionApp) -> list[list[str]]:
        run_list = app.query_one(RunList)
        cursor = terminal_glyphs().cursor
        rows = [run_list.render_line(y).text.removeprefix(cursor).split() for y in range(run_list.size.height)]
        return sorted([row[0], row[2].split("-")[0]] for row in rows if row and row[0] in LETTERS)

    async with app_on(tmp_path / "runs", (80, 24)) as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: titles(app) and titles(app)[0].startswith("loss 1.000"), "the newest run")
        assert listed(app) == []
        await pilot.press("P", "down", "space")
        expected = [["a", "second", "2.000", "1"], ["b", "third", "1.000", "baseline"]]
        await until(pilot, lambda: legend(app) == expected, "two runs")
        assert listed(app) == [["a", "second"], ["b", "third"]], "the baseline has the letter of the legend, too"
        assert " space unmark " in footer(app)
        await pilot.press("down")
        await until(pilot, lambda: listed(app)[-1] == ["c", "first"], "the letter of the run under the cursor")
        assert " space mark " in footer(app)
        await pilot.press("space")
        expected = [expected[0], ["b", "first", "4.000", "1"], ["c", "third", "1.000", "baseline"]]
        await until(pilot, lambda: legend(app) == expected, "three runs; the marked ones keep their letters")
        await pilot.press("space", "up", "space", "up", "P")
        await until(pilot, lambda: titles(app)[0].startswith("loss 1.000"), "a single run")
        assert legend(app) == []
        await until(pilot, lambda: listed(app) == [], "no letters")


async def test_a_title_is_shown_with_the_short_name_above_the_charts_and_in_the_legend(tmp_path: Path) -> None:
    for name in ("first", "second"):
        ended_run(tmp_path / "runs", name, 1.0)
    second, first = list_runs(tmp_path / "runs")
    async with app_on(tmp_path / "runs") as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: titles(app) and titles(app)[0].startswith("loss"), "the charts")
        await pilot.press("space")
        with Run(Path(first.path)) as run:
            rename(run.folder, "wider")
        await until(pilot, lambda: any(run.title for run in app.runs), "the title")
        await pilot.press("down")
        name = f"wider ({short_name(first.run)})"
        await until(pilot, lambda: screen_text(app).count(name) > 1, "the title in the heading and in the legend")
        assert f"a {short_name(second.run)} " in screen_text(app)


async def test_charts_of_another_page_are_shown_as_soon_as_their_curves_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"metric_{number:02}" for number in range(40)]
    with make_run(tmp_path / "runs") as run:
        writer = run.event_writer()
        writer.write(started(run.id, epochs=1, steps_per_epoch=9))
        metrics: dict[str, list[JsonFloat | None]] = {name: [1.0] * 9 for name in names}
        writer.write(StepChunk(time=run.config.created, first_step=1, metrics=metrics))
        writer.close()
        run.write_status(msgspec.structs.replace(run.read_status(), state="stopped", step=9))
    monkeypatch.setattr(run_view, "CHART_INTERVAL", 1e6)
    async with app_on(tmp_path / "runs") as (app, pilot):
        await pilot.press("f5")
        for first in (0, 36, 20):
            expected = [f"{name} 1" for name in names[first : first + 4]]
            await until(pilot, lambda expected=expected: titles(app) == expected, "the charts of the page")  # type: ignore[misc]
            await pilot.press(*"," * (1 if first == 0 else 4))


async def test_charts_are_drawn_in_their_size_even_without_a_resize_event(tmp_path: Path) -> None:
    """Textual sends none if it arranges the widgets between two layouts, for example to find a widget's region."""
    ended_run(tmp_path / "runs", "guide", 0.25)
    async with app_on(tmp_path / "runs") as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: len(titles(app)) == 4 and all(titles(app)), "the charts")
        loss = app.query(GridChart).first()
        width = loss.size.width
        app.query_one(ChartGrid).add_columns(1)
        compositor = app.screen._compositor
        compositor._full_map_invalidated = True
        assert compositor.full_map
        await until(pilot, lambda: len(titles(app)) == 6 and loss.size.width < width, "the layout")
        assert isinstance(loss.chart, Chart)
        lines = [line.plain.rstrip() for line in draw_chart(loss.chart, *loss.size, terminal_glyphs()).lines]
        await until(pilot, lambda: [loss.render_line(y).text.rstrip() for y in range(len(lines))] == lines, "its lines")
