"""The table of what differs between marked runs."""

import re
from pathlib import Path

import msgspec
from textual.app import App

from fashion_tui.runs.notes import rename
from fashion_tui.runs.store import list_runs
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.run import short_name
from fashion_tui.tui.train.comparison import ComparisonDialog, compare
from tests.runs.parts import make_run, steps, toy_loss

from .pilots import screen_text, until


async def test_differing_settings_and_metrics_are_compared(tmp_path: Path) -> None:
    for name, rate, count in (("one", 0.001, 4), ("two", 0.25, 9)):
        with make_run(tmp_path, name=name, recipe=msgspec.structs.replace(GUIDE, learning_rate=rate), seed=3) as run:
            writer = run.event_writer()
            writer.write(steps(1, count))
            writer.close()
            rename(run.folder, f"title {name}")
            status = msgspec.structs.replace(run.read_status(), state="finished", test_accuracy=0.875)
            run.write_status(status if name == "one" else msgspec.structs.replace(status, test_accuracy=None))
    app = App[None]()
    async with app.run_test(size=(80, 24)) as pilot:
        worker = app.run_worker(compare(app, list_runs(tmp_path)))
        await until(pilot, lambda: isinstance(app.screen, ComparisonDialog) and "loss" in screen_text(app), "the table")
        lines = [re.split(r"\s{2,}", line.strip()) for line in screen_text(app).splitlines()]
        rows = {name: values for name, *values in reversed(lines)}  # settings are above metrics of the same name
        runs = {run.title: run for run in list_runs(tmp_path)}
        names = [f"title {name} ({short_name(runs[f'title {name}'].run)})" for name in ("two", "one")]
        assert rows["setting"] == [f"a {names[0]}", f"b {names[1]}"]
        assert rows["learning_rate"] == ["0.25", "0.001"]
        assert "seed" not in rows
        assert rows["test_accuracy"] == ["–", "87.50 %"]
        losses = [[toy_loss(step) for step in range(1, count + 1)] for count in (9, 4)]
        expected = [f"{values[-1]:.4g} ({min(values):.4g})" for values in losses]
        assert rows["loss"] == expected
        await pilot.press("escape")
        await worker.wait()


async def test_a_run_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    with make_run(tmp_path):
        summaries = list_runs(tmp_path)
    app = App[None]()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        gone = msgspec.structs.replace(summaries[0], path=str(tmp_path / "gone"))
        await app.run_worker(compare(app, [summaries[0], gone])).wait()
        await until(pilot, lambda: "gone" in screen_text(app), "the reason")
