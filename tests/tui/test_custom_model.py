"""Custom models in the app: training the edited source, and asking before code of unknown origin is executed."""

import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from fashion_tui.data import files
from fashion_tui.lab.networks.build import build_trainable
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.runs.run import Run
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.dialogs.choice import ChoiceDialog
from fashion_tui.tui.dialogs.trust import TrustDialog
from fashion_tui.tui.model.editor import CodeEditor
from fashion_tui.tui.model.pane import ModelPane
from fashion_tui.tui.train.form.run_form import RunForm
from tests.custom_models import custom_model, forget_trust, model_in_several_files, source_that_writes
from tests.runs.parts import make_run
from tests.tui.pilots import app_on, screen_text, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]


@pytest.fixture
def unknown(tmp_path: Path, state_home: Path) -> Path:
    """A run with a checkpoint, whose untrusted model writes a file when it is executed."""
    network = custom_model(source_that_writes(tmp_path / "mark"), width=8)
    run = make_run(tmp_path / "runs", dataset=files.verify(files.find("synthetic", None)), network=network)
    state = {"model": build_trainable(network).network.state_dict()}
    run.checkpoints.save(lambda file: write_checkpoint(file, state, {}), step=10, epoch=0)
    (tmp_path / "mark").unlink()
    forget_trust(state_home)
    return run.path


async def trust_dialog(app: FashionApp, pilot: Pilot[None]) -> TrustDialog:
    await until(pilot, lambda: isinstance(app.screen, TrustDialog) and app.screen.query(TextArea), "the dialog")
    assert isinstance(app.screen, TrustDialog)
    return app.screen


async def test_inexact_resume_is_confirmed(unknown: Path, tmp_path: Path) -> None:
    run = Run(unknown)
    run.trust_model()
    run.checkpoints.save(lambda _file: None, step=20, epoch=0, unsaved=("calls (count)",))
    (unknown / "checkpoints" / "step-10.pt").unlink()  # without a readable checkpoint, the trainer starts over
    async with app_on(tmp_path / "runs") as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: "r resume" in screen_text(app).split("\n")[-2], "the key")
        await pilot.press("r")
        await until(pilot, lambda: "calls (count)" in screen_text(app), "the question")
        await pilot.press("n")
        await until(pilot, lambda: "Not resumed" in screen_text(app), "the refusal")
        assert not (tmp_path / "mark").exists()
        await pilot.press("r")
        await until(pilot, lambda: "calls (count)" in screen_text(app), "the question")
        await pilot.press("y")
        await until(pilot, (tmp_path / "mark").exists, "the trainer")


async def test_edited_source_is_trained_and_stored_with_the_run(tmp_path: Path) -> None:
    async with app_on(tmp_path / "runs") as (app, pilot):
        await pilot.press("f4")
        await until(pilot, lambda: app.query(ModelPane) and "fc2" in screen_text(app), "the table")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, RunForm), "the form for the built-in network")
        assert "built in" in screen_text(app)
        await pilot.press("escape", "f4", "i")
        editor = app.query_one(CodeEditor)
        await until(pilot, lambda: app.focused is editor and editor.text and "✓" in screen_text(app), "the editor")
        edited = editor.text.replace("GuideNet", "Mine").replace("200", "30")
        editor.replace(edited, (0, 0), editor.document.end)
        await until(pilot, lambda: "Mine  edited" in screen_text(app), "its name")
        await pilot.press("escape", "t")
        await until(pilot, lambda: isinstance(app.screen, RunForm), "the form")
        await until(
            pilot, lambda: "Mine" in screen_text(app) and "edited" in screen_text(app), "the class name in the form"
        )
        for name, value in (("epochs", "1"), ("batch_size", "500")):
            app.screen.query_one(f"#{name}", Input).value = value
        await pilot.press("enter")
        await until(pilot, lambda: app.runs and app.runs[0].state == "finished", "the run's end")
        path = Path(app.runs[0].path)
        assert (path / "model.py").read_text() == edited
        source = Run(path).config.source
        assert source is not None
        assert source.class_name == "Mine"
        await pilot.press("e")
        await until(pilot, lambda: "top-2" in screen_text(app), "its evaluation, without a question")


async def test_evaluate_shows_the_untrusted_source_and_asks(unknown: Path, tmp_path: Path) -> None:
    async with app_on(tmp_path / "runs", (80, 24)) as (app, pilot):
        await pilot.press("f6")
        dialog = await trust_dialog(app, pilot)
        await until(pilot, lambda: "class Net(nn.Module)" in screen_text(app), "the source")
        assert "haven't run before" in screen_text(app)
        assert "trust and run" in screen_text(app)
        assert "Net(width=8)" in dialog.query_one(TextArea).text
        await pilot.press("enter")
        assert app.screen is dialog
        await pilot.press("n")
        await until(pilot, lambda: "ot executed" in screen_text(app), "the refusal")
        assert not (tmp_path / "mark").exists()
        await pilot.press("e")
        await trust_dialog(app, pilot)
        await pilot.press("y")
        await until(pilot, lambda: "2,000" in screen_text(app) and (tmp_path / "mark").exists(), "its evaluation")


async def test_the_question_shows_all_files_of_a_model(tmp_path: Path, state_home: Path) -> None:
    """Its weights are shown, and its source can be edited, without the folder that it came from."""
    network = model_in_several_files(width=8)
    run = make_run(tmp_path / "runs", dataset=files.verify(files.find("synthetic", None)), network=network)
    state = {"model": build_trainable(network).network.state_dict()}
    run.checkpoints.save(lambda file: write_checkpoint(file, state, {}), step=10, epoch=0)
    forget_trust(state_home)
    async with app_on(tmp_path / "runs", (80, 24)) as (app, pilot):
        await until(pilot, lambda: app.runs, "the run")
        await pilot.press("f6")
        dialog = await trust_dialog(app, pilot)
        await until(pilot, lambda: "6 files" in screen_text(app), "the list of files")
        text = dialog.query_one(TextArea).text
        assert network.modules is not None
        assert all(source in text for source in (network.source, *network.modules.sources.values()))
        assert "project/models/blocks.py, project/models/scaling.py" in " ".join(screen_text(app).split())
        await pilot.press("y")
        await until(pilot, lambda: "2,000" in screen_text(app), "its evaluation")
        await pilot.press("f4")
        await until(pilot, lambda: app.query(ModelPane) and "fc2" in screen_text(app), "the table")
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog), "the runs")
        await pilot.press("enter")
        await until(pilot, lambda: "weights of net-" in screen_text(app), "its network")
        await pilot.press("i")
        editor = app.query_one(CodeEditor)
        await until(pilot, lambda: app.focused is editor and ".blocks" in editor.text, "the editor")
        await until(pilot, lambda: "✓" in screen_text(app), "its shapes")


async def test_weights_and_feature_maps_are_shown_after_asking(unknown: Path, tmp_path: Path) -> None:
    async with app_on(tmp_path / "runs") as (app, pilot):
        await until(pilot, lambda: app.runs, "the run")
        await pilot.press("f4")
        await until(pilot, lambda: app.query(ModelPane) and "fc2" in screen_text(app), "the table")
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog), "the runs")
        await pilot.press("enter")
        await trust_dialog(app, pilot)
        assert not (tmp_path / "mark").exists()
        await pilot.press("y")
        await until(pilot, lambda: "weights of net-" in screen_text(app), "its network")
        await until(pilot, lambda: "image 0:" in screen_text(app), "its maps")


async def test_resume_asks_again_if_the_source_has_changed(unknown: Path, tmp_path: Path, state_home: Path) -> None:
    async with app_on(tmp_path / "runs") as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: [run.state for run in app.runs] == ["lost"], "the state in the list")
        await until(pilot, lambda: "r resume" in screen_text(app).split("\n")[-2], "the key")
        await pilot.press("r")
        await trust_dialog(app, pilot)
        other = make_run(
            tmp_path / "other",
            dataset=Run(unknown).config.dataset,
            network=custom_model(source_that_writes(tmp_path / "other-mark")),
        )
        forget_trust(state_home)
        for name in ("model.py", "config.json"):
            shutil.copy(other.path / name, unknown / name)
        await pilot.press("y")
        await until(pilot, lambda: "other-mark" in screen_text(app), "the other source")
        await trust_dialog(app, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "ot executed" in screen_text(app), "the refusal")
        assert not (tmp_path / "mark").exists()
        assert not (tmp_path / "other-mark").exists()
