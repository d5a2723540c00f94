"""Queued runs in the Train pane: their places, and the keys that move and remove them."""

from pathlib import Path

import pytest
from textual.widgets import Input

from fashion_tui.data.marks import mark_images, remove_marks
from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.runs.launch import launch
from fashion_tui.runs.queue import QueueEntry
from fashion_tui.runs.run import Run
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.train.form.run_form import RunForm
from tests.runs.parts import make_run

from .pilots import app_on, footer, screen_text, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]


def places(app: FashionApp) -> dict[str, int | None]:
    """Return the places of all runs by name."""
    return {run.run.split("-")[2]: run.queue_place for run in app.runs}


async def test_the_order_of_the_queue_is_changed_by_key(tmp_path: Path) -> None:
    device = QueueEntry(tmp_path / "20261130-120000-held-abcd", "cpu", waits=False)
    for name in ("first", "second"):
        with make_run(tmp_path, name=name) as run:
            launch(run, queue=True)
    async with app_on(tmp_path) as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: places(app) == {"second": 2, "first": 1}, "the places")
        await until(pilot, lambda: "2 of 2 in the queue for the CPU, in use by held-abcd" in screen_text(app), "note")
        assert all(text in screen_text(app) for text in ("queued 1", "queued 2"))
        assert " move in queue " in footer(app)
        assert " p pause " not in footer(app)
        await pilot.press("shift+up")
        await until(pilot, lambda: places(app) == {"second": 1, "first": 2}, "the exchange")
        await until(pilot, lambda: "1 of 2 in the queue" in screen_text(app), "the note")
        await pilot.press("shift+down")
        await until(pilot, lambda: places(app) == {"second": 2, "first": 1}, "the exchange")
        await pilot.press("p")
        await until(pilot, lambda: "is queued; it can be stopped" in screen_text(app), "the reason")
        await pilot.press("s")
        await until(pilot, lambda: places(app) == {"second": None, "first": 1}, "the other run's place")
        await until(pilot, lambda: "left the queue" in screen_text(app), "the outcome")
        await until(pilot, lambda: " move in queue " not in footer(app), "the footer")
        await pilot.press("shift+up")
        await until(pilot, lambda: "is stopped; only a queued" in screen_text(app), "the reason")

        mark_images(SYNTHETIC, [("train", 5), ("test", 6)], "mislabelled")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, RunForm) and isinstance(app.focused, Input), "the form")
        assert isinstance(app.screen, RunForm)
        app.screen.rows["without_marked"].set_value(value=True)
        await pilot.press("enter")
        await until(pilot, lambda: places(app) == {"second": None, "first": 1, "guide": 2}, "a place for the new run")
        await until(pilot, lambda: "It will start even if you quit" in screen_text(app), "the outcome")
        new = next(run for run in app.runs if "-guide-" in run.run)
        with Run(Path(new.path)) as run:
            assert run.config.left_out == (5,)
    remove_marks(SYNTHETIC, [("train", 5), ("test", 6)])
    device.remove()
