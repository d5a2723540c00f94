"""Titles, tags and notes of runs, deleted runs and restored ones in the Train pane."""

import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from fashion_tui.runs.notes import read_notes, tag
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import list_runs
from fashion_tui.runs.trash import trash_folder
from fashion_tui.schema.run import short_name
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.dialogs.choice import ChoiceDialog
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.dialogs.text import TextDialog
from fashion_tui.tui.train.pane import TrainPane
from tests.runs.parts import make_run
from tests.tui.pilots import AppAndPilot, app_on, footer, screen_text, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]


def ended_run(folder: Path, name: str) -> Path:
    with make_run(folder, name=name) as run:
        run.write_status(msgspec.structs.replace(run.read_status(), state="stopped"))
        return run.path


@asynccontextmanager
async def pane_on(runs: Path) -> AsyncIterator[AppAndPilot]:
    """Show all runs in the Train pane, with the cursor on the first one."""
    count = len(list_runs(runs))
    async with app_on(runs) as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: app.query(TrainPane), "the pane")
        run_list = app.query_one(TrainPane).run_list
        await until(pilot, lambda: len(run_list.runs) == count, "all runs")
        await pilot.press("home")  # a run that was read first isn't the first one if others began in the same second
        yield app, pilot


async def test_title_tags_and_note_are_stored_and_listed(tmp_path: Path) -> None:
    path = ended_run(tmp_path, "one")
    async with pane_on(tmp_path) as (app, pilot):
        await pilot.press("equals_sign")
        await until(pilot, lambda: "Mark two or more runs by space" in screen_text(app), "how to compare runs")
        for key, text in (("T", "wider"), ("number_sign", "paper old"), ("number_sign", "paper new")):
            await answer(app, pilot, key, text)
        await pilot.press("N")
        await until(pilot, lambda: isinstance(app.screen, TextDialog) and app.focused, "the dialog")
        app.screen.query_one(TextArea).text = "first\nsecond"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.runs[0].note == "first\nsecond", "the note in the list")
        assert app.runs[0].tags == ("paper", "new")
        await until(pilot, lambda: "wider" in screen_text(app), "the title")
    with Run(path) as run:
        notes = read_notes(run.folder)
    assert (notes.title, notes.tags, notes.note) == ("wider", ("paper", "new"), "first\nsecond")


async def test_an_invalid_tag_is_reported_in_the_dialog(tmp_path: Path) -> None:
    path = ended_run(tmp_path, "one")
    async with pane_on(tmp_path) as (app, pilot):
        await pilot.press("number_sign")
        await until(pilot, lambda: isinstance(app.screen, TextDialog) and app.focused, "the dialog")
        app.screen.query_one(Input).value = "a,b"
        await pilot.press("enter")
        await until(pilot, lambda: "'a,b' isn't a tag" in screen_text(app), "the reason")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, TextDialog), "the pane")
    assert not (path / "notes.json").exists()


async def test_a_run_is_deleted_after_asking_and_restored(tmp_path: Path) -> None:
    older, newer = ended_run(tmp_path, "one"), ended_run(tmp_path, "two")
    async with pane_on(tmp_path) as (app, pilot):
        for answer in ("n", "y"):
            await pilot.press("D")
            await until(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question")
            assert newer.name[-8:] in screen_text(app)
            await pilot.press(answer)
            await until(pilot, lambda: not isinstance(app.screen, ConfirmDialog), "the pane")
            assert answer == "y" or newer.exists()
        await until(pilot, lambda: [run.run for run in app.runs] == [older.name], "the other run")
        assert (trash_folder(tmp_path) / newer.name).is_dir()
        await pilot.press("U")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog) and app.focused, "the deleted runs")
        await pilot.press("enter")
        await until(pilot, lambda: app.query_one(TrainPane).run_list.chosen == newer.name, "the restored run")
        assert newer.is_dir()


async def test_a_live_run_cannot_be_deleted(tmp_path: Path) -> None:
    with make_run(tmp_path) as run, ExitStack() as stack:
        stack.enter_context(run.lock())
        run.write_status(msgspec.structs.replace(run.read_status(), state="running", heartbeat=time.time()))
        async with pane_on(tmp_path) as (app, pilot):
            await pilot.press("D")
            await until(pilot, lambda: "is running; stop it by s first" in screen_text(app), "why it can't be deleted")
            assert not isinstance(app.screen, ConfirmDialog)
            run.write_status(msgspec.structs.replace(run.read_status(), state="stopped"))
            stack.close()
            await until(pilot, lambda: app.query_one(TrainPane).run_list.runs[0].state == "stopped", "its end")
            await pilot.press("D")
            await until(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question")


async def answer(app: FashionApp, pilot: Pilot[None], key: str, text: str) -> str:
    """Press a key that opens a dialog, replace the text in it, and return what the dialog showed."""
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, TextDialog) and app.focused, "the dialog")
    shown = screen_text(app)
    app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await until(pilot, lambda: not isinstance(app.screen, TextDialog), "the pane")
    return shown


async def test_title_tags_and_deletion_apply_to_all_marked_runs(tmp_path: Path) -> None:
    for name, tags in (("one", ["old", "all"]), ("two", ["all", "mine"]), ("three", ["old"])):
        with Run(ended_run(tmp_path, name)) as run:
            tag(run.folder, add=tags)
    async with pane_on(tmp_path) as (app, pilot):
        await pilot.press("down", "space", "down", "space", "up", "up")
        await until(pilot, lambda: " = compare " in footer(app), "two marked runs")
        assert "the 2 marked runs" in await answer(app, pilot, "T", "wider")
        assert "all" in await answer(app, pilot, "number_sign", "paper")
        found = {run.run.split("-")[2]: (run.title, set(run.tags)) for run in list_runs(tmp_path)}
        assert found == {
            "one": ("wider", {"old", "paper"}),
            "two": ("wider", {"mine", "paper"}),
            "three": ("", {"old"}),
        }
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question")
        assert isinstance(app.screen, ConfirmDialog)
        question = app.screen.question
        assert "the 2 marked runs" in question
        listed = [f"wider ({short_name(run.run)})" in question for run in app.runs]
        assert listed == [False, True, True]
        assert "one at a time" in question
        await pilot.press("y")
        await until(pilot, lambda: [run.run.split("-")[2] for run in app.runs] == ["three"], "the other run")
        await until(pilot, lambda: "Deleted the 2 marked runs" in screen_text(app), "the outcome")


async def test_no_marked_run_is_deleted_if_one_is_live(tmp_path: Path) -> None:
    with make_run(tmp_path, name="live") as run, ExitStack() as stack:
        stack.enter_context(run.lock())
        run.write_status(msgspec.structs.replace(run.read_status(), state="running", heartbeat=time.time()))
        ended = ended_run(tmp_path, "ended")
        async with pane_on(tmp_path) as (app, pilot):
            await pilot.press("space", "down", "space", "up")
            await until(pilot, lambda: " = compare " in footer(app), "two marked runs")
            await pilot.press("D")
            await until(pilot, lambda: f"{short_name(run.id)} is running; stop it" in screen_text(app), "the reason")
            assert not isinstance(app.screen, ConfirmDialog)
            run.write_status(msgspec.structs.replace(run.read_status(), state="stopped"))
            stack.close()
            await until(pilot, lambda: {run.state for run in app.runs} == {"stopped"}, "the end of the run")
    assert ended.is_dir()


async def test_old_deleted_runs_are_removed_when_the_app_opens(tmp_path: Path) -> None:
    ended_run(tmp_path, "kept")
    old = trash_folder(tmp_path) / "20250101-000000-old-abcd"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    async with pane_on(tmp_path) as (_, pilot):
        await until(pilot, lambda: not old.exists(), "the removal")


def shows_once(app: FashionApp, words: str) -> bool:
    return screen_text(app).count(words) == 1


async def test_a_key_that_the_state_of_the_run_forbids_says_why(tmp_path: Path) -> None:
    ended_run(tmp_path, "one")
    async with pane_on(tmp_path) as (app, pilot):
        for key, words in (("p", "only a live run can be paused"), ("e", "no checkpoint to evaluate")):
            await pilot.press(key, key)
            await until(pilot, partial(shows_once, app, words), "the reason, once")
            assert f" {key} " not in footer(app)


async def test_without_a_listed_run_its_view_is_empty_and_its_keys_do_nothing(tmp_path: Path) -> None:
    ended_run(tmp_path, "one")
    async with pane_on(tmp_path) as (app, pilot):
        await until(pilot, lambda: "learning rate" in screen_text(app), "the charts")
        await pilot.press("slash", *"zzz", "enter")
        await until(pilot, lambda: "0 of 1 runs" in screen_text(app), "no run")
        await until(
            pilot, lambda: "learning rate" not in screen_text(app) and "on disk" not in screen_text(app), "no view"
        )
        await pilot.press("T", "number_sign", "N", "D", "F", "up", "P")
        assert len(app.screen_stack) == 1
        await pilot.press("escape")
        await until(pilot, lambda: "learning rate" in screen_text(app), "the charts")
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, TextDialog), "the dialog")


async def test_the_footer_shows_how_to_compare_and_unmark_runs_and_to_remove_the_filter(tmp_path: Path) -> None:
    ended_run(tmp_path, "one")
    ended_run(tmp_path, "two")
    async with pane_on(tmp_path) as (app, pilot):
        await pilot.press("space")
        await until(pilot, lambda: " esc unmark all " in footer(app), "how to unmark the run")
        assert " = compare " not in footer(app), "a single run is marked"
        await pilot.press("down", "space")
        await until(pilot, lambda: " = compare " in footer(app), "how to compare the runs")
        await pilot.press("slash", *"one", "enter")
        await until(pilot, lambda: " esc remove filter " in footer(app), "how to remove the filter")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: " esc " not in footer(app), "neither a filter nor marks")
        assert " F full screen " in footer(app)


async def test_a_small_terminal_shows_four_runs_beside_the_run_and_all_in_the_list_alone(tmp_path: Path) -> None:
    for number in range(6):
        ended_run(tmp_path, f"run{number}")
    async with app_on(tmp_path, (80, 24)) as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: len(re.findall("0/3 +stopped", screen_text(app))) == 4, "four runs")
        await pilot.press("L")
        await until(pilot, lambda: screen_text(app).count("guide") == 6, "all runs, each with its recipe")
