"""Marks in the list of runs of the Train pane."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual import on
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from fashion_tui.schema.run import RunSummary
from fashion_tui.tui.train.arrangement import Arrangement
from fashion_tui.tui.train.run_list import RunList

from .pilots import screen_text


def summary(name: str, **fields: Any) -> RunSummary:
    values: dict[str, Any] = {
        "path": f"/runs/{name}", "state": "finished", "recipe": "guide", "dataset": "synthetic", "epoch": 3,
        "epochs": 3, "step": 30, "total_steps": 30, "test_accuracy": None, "pid": None, "created": 0.0, "loss": 0.5,
        "images_per_second": 1.0, "train_seconds": 60.0, "message": None, "damage": None,
    }  # fmt: skip
    return RunSummary(run=name, **(values | fields))


class ListApp(App[None]):
    """Shows ten runs, `run-0` to `run-9`."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[str, ...]] = []

    def compose(self) -> ComposeResult:
        yield RunList()

    def on_mount(self) -> None:
        self.show(tuple(summary(f"run-{number}") for number in range(10)))

    def show(self, runs: tuple[RunSummary, ...]) -> None:
        self.run_list.update_runs(runs)
        self.run_list.show(Arrangement(runs=runs, total=len(runs)))

    @property
    def run_list(self) -> RunList:
        return self.query_one(RunList)

    @on(RunList.MarksChanged)
    def _marks_changed(self, message: RunList.MarksChanged) -> None:
        self.messages.append(message.marked)

    def rows(self) -> list[str]:
        return [line[1:].rstrip() for line in screen_text(self).splitlines() if "run-" in line]


@asynccontextmanager
async def list_app() -> AsyncIterator[tuple[ListApp, Pilot[None]]]:
    app = ListApp()
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.pause()
        yield app, pilot


async def test_marked_runs_have_letters_in_the_order_in_which_they_were_marked() -> None:
    async with list_app() as (app, pilot):
        assert app.rows()[0].startswith("✓ run-0"), "without marks, there is no column for them"
        for run in ("run-3", "run-1"):
            app.run_list.choose(run)
            assert app.run_list.toggle_mark()
        await pilot.pause()
        assert list(app.run_list.marked) == ["run-3", "run-1"]
        assert app.messages == [("run-3",), ("run-3", "run-1")]
        app.run_list.show_letters(app.run_list.marked)
        await pilot.pause()
        assert [row[:7] for row in app.rows()[:4]] == ["  ✓ run", "b ✓ run", "  ✓ run", "a ✓ run"]
        app.run_list.choose("run-3")
        assert app.run_list.toggle_mark()
        assert list(app.run_list.marked) == ["run-1"]
        app.run_list.unmark_all()
        app.run_list.show_letters(())
        await pilot.pause()
        assert app.messages[2:] == [("run-1",), ()]
        assert app.rows()[1].startswith("✓ run-1")


async def test_at_most_eight_runs_are_marked() -> None:
    async with list_app() as (app, pilot):
        for number in range(8):
            app.run_list.choose(f"run-{number}")
            assert app.run_list.toggle_mark()
        app.run_list.choose("run-8")
        assert not app.run_list.toggle_mark()
        await pilot.pause()
        assert app.run_list.marked == tuple(f"run-{number}" for number in range(8))
        assert len(app.messages) == 8


async def test_a_deleted_run_is_no_longer_marked() -> None:
    async with list_app() as (app, pilot):
        app.run_list.choose("run-2")
        app.run_list.toggle_mark()
        app.show(tuple(run for run in app.run_list.runs if run.run != "run-2"))
        await pilot.pause()
        assert app.run_list.marked == ()
        assert app.messages == [("run-2",), ()]


async def test_a_run_that_a_filter_hides_stays_marked() -> None:
    async with list_app() as (app, pilot):
        app.run_list.choose("run-2")
        app.run_list.toggle_mark()
        runs = app.run_list.runs
        app.run_list.show(Arrangement(runs=runs[5:], total=10))
        await pilot.pause()
        assert app.run_list.marked == ("run-2",)


async def test_the_chosen_run_has_its_newest_state_before_its_row_shows_it() -> None:
    async with list_app() as (app, _):
        app.run_list.choose("run-2")
        app.run_list.update_runs([summary("run-2", state="paused")])
        chosen = app.run_list.chosen_run
        assert chosen is not None
        assert chosen.state == "paused"
