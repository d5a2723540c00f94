"""The learning rate range test in the form of a new run, with real engines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from fashion_tui.data.sources import SYNTHETIC_INFO
from fashion_tui.engine.client import Engine
from fashion_tui.runs.run import Run
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import GetBuiltinSource, GetDevices
from fashion_tui.schema.run import RunConfig
from fashion_tui.tui.lab_app import NetworkChoice
from fashion_tui.tui.sandbox_engine import SandboxEngine
from fashion_tui.tui.theme import THEME
from fashion_tui.tui.train.form.range_test import RangeTestDialog
from fashion_tui.tui.train.form.run_form import RunForm
from tests.tui.pilots import app_on, screen_text, until
from tests.tui.shared_engines import Engines

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("no_kernel")]

NET = """
from torch import nn
from fashion_tui.data.sources import SYNTHETIC_INFO

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)

    def forward(self, x):
        {line}
        return self.fc(x.flatten(1)){factor}
"""


class FormApp(App[None]):
    """An app that contains only the form and the engines that the form uses."""

    def __init__(self, engine: Engine, sandbox: SandboxEngine) -> None:
        super().__init__()
        self.engine, self.sandbox = engine, sandbox
        self.register_theme(THEME)
        self.theme = THEME.name


@asynccontextmanager
async def form(
    engines: Engines, line: str = "pass", factor: str = "", size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[RunForm, Pilot[None]]]:
    """Show the form for a custom model whose `forward` contains a line and whose output is multiplied by a factor."""
    app = FormApp(engines.engine, engines.sandbox)
    network = CustomModel(source=NET.format(line=line, factor=factor), class_name="Net")
    async with app.run_test(size=size) as pilot:
        run_form = RunForm(SYNTHETIC_INFO, NetworkChoice("Net", network))
        await app.push_screen(run_form)
        await until(pilot, lambda: app.focused is run_form.rows["epochs"].editor, "the form")
        yield run_form, pilot


async def open_dialog(pilot: Pilot[None]) -> RangeTestDialog:
    await pilot.press("ctrl+l")
    await until(pilot, lambda: isinstance(pilot.app.screen, RangeTestDialog), "the dialog")
    dialog = pilot.app.screen
    assert isinstance(dialog, RangeTestDialog)
    return dialog


async def test_the_suggestion_is_taken_over_and_stored_with_the_run(engines: Engines, tmp_path: Path) -> None:
    def config() -> RunConfig:
        with Run(Path(app.runs[0].path)) as run:
            assert isinstance(run.config, RunConfig)
            return run.config

    async with app_on(tmp_path / "runs", (80, 24)) as (app, pilot):
        await pilot.press("f5", "n")
        await until(pilot, lambda: isinstance(app.screen, RunForm) and isinstance(app.focused, Input), "the form")
        run_form = app.screen
        assert isinstance(run_form, RunForm)
        dialog = await open_dialog(pilot)
        assert {"guide", "synthetic"} <= set(screen_text(app).replace(",", " ").split())
        await until(pilot, lambda: dialog.result.has_ended, "the result")
        suggestion = dialog.result.suggestion
        assert suggestion is not None
        assert 1e-3 < suggestion < 1e-2
        await until(pilot, lambda: f"use {suggestion:g}" in screen_text(app), "the suggestion")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is run_form, "the form")
        assert run_form.rows["learning_rate"].value() == suggestion
        assert app.focused is run_form.rows["learning_rate"].editor
        run_form.rows["learning_rate"].set_value(0.5)
        run_form.rows["epochs"].set_value(1000)
        await pilot.press("enter")
        await until(pilot, lambda: app.runs, "the run")
        assert config().suggested_learning_rate == suggestion
        assert config().recipe.learning_rate == 0.5


async def test_the_suggestion_is_stored_even_if_it_is_not_taken_over_but_not_if_the_test_would_differ(
    engines: Engines,
) -> None:
    async with form(engines) as (run_form, pilot):
        dialog = await open_dialog(pilot)
        await until(pilot, lambda: dialog.result.has_ended, "the result")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is run_form, "the form")
        assert not run_form.rows["learning_rate"].is_changed
        for name, value, is_stored in (("schedule", "cosine", True), ("epochs", 9, True), ("batch_size", 64, False)):
            run_form.rows[name].set_value(value)
            assert (run_form._choices().suggested_learning_rate is not None) == is_stored


async def test_escape_cancels_a_test_in_an_endless_loop(engines: Engines, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    loop = f"open({str(marker)!r}, 'w').close(); exec('while True: pass')"
    async with form(engines, loop) as (run_form, pilot):
        await open_dialog(pilot)
        await until(pilot, marker.exists, "the endless loop")
        assert await engines.engine.ask(GetDevices(), tuple[Device, ...]), "the app's engine isn't affected"
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is run_form, "the form")
        assert not run_form.rows["learning_rate"].is_changed
        assert await engines.sandbox.ask(GetBuiltinSource(model="guide"), CustomModel, 60.0)


@pytest.mark.parametrize(
    ("line", "factor", "words"),
    [("pass", " * 0", "doesn't fall"), ("raise ValueError('bad [luck]')", "", "bad [luck]")],
    ids=["constant output", "error"],
)
async def test_a_test_without_a_suggestion_says_why(line: str, factor: str, words: str, engines: Engines) -> None:
    async with form(engines, line, factor) as (run_form, pilot):
        dialog = await open_dialog(pilot)
        await until(pilot, lambda: words in screen_text(pilot.app), "the reason")
        await pilot.press("enter")
        assert pilot.app.screen is dialog, "there is nothing to take over"
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is run_form, "the form")
        assert not run_form.rows["learning_rate"].is_changed


async def test_an_invalid_field_is_focused_instead_of_testing(engines: Engines) -> None:
    async with form(engines) as (run_form, pilot):
        run_form.query_one("#batch_size", Input).value = "0"
        await pilot.press("ctrl+l")
        assert pilot.app.screen is run_form
        assert pilot.app.focused is run_form.rows["batch_size"].editor
