"""The Train pane, with real trainers."""

import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest
import torch
import torchvision
from PIL import Image
from rich.text import Text
from textual.pilot import Pilot
from textual.widgets import Input

from fashion_tui.data import datasets, files
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.runs import on_end, store
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import CPU_RECIPES, QUICK, RECIPES, STRONG
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import GetDevices
from fashion_tui.schema.run import RunSummary
from fashion_tui.settings import UserSettings
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.lab_app import NetworkChoice, Settings
from fashion_tui.tui.train import run_lines
from fashion_tui.tui.train.follow import SnapshotTaken
from fashion_tui.tui.train.form.run_form import RunForm
from fashion_tui.tui.train.pane import TrainPane
from fashion_tui.tui.train.run_lines import run_line
from fashion_tui.tui.widgets.cycle import Cycle
from tests.runs.parts import make_run
from tests.tui.pilots import AppAndPilot, app_on, footer, screen_text, until
from tests.tui.shared_engines import create_app

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]


@asynccontextmanager
async def train_pane(
    runs: Path, size: tuple[int, int] = (120, 40), *, spare_trainer: bool = False
) -> AsyncIterator[AppAndPilot]:
    """Run the app on synthetic data with the Train pane open, and stop its runs at the end."""
    async with app_on(runs, size, spare_trainer=spare_trainer) as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: isinstance(app.focused, TrainPane) or app.query(TrainPane), "the pane")
        yield app, pilot


async def fill(pilot: Pilot[None], **values: str) -> None:
    """Open the form and fill in values."""
    await pilot.press("n")
    await until(
        pilot, lambda: isinstance(pilot.app.screen, RunForm) and isinstance(pilot.app.focused, Input), "the form"
    )
    for name, value in values.items():
        pilot.app.screen.query_one(f"#{name}", Input).value = value
    await pilot.pause()


async def test_empty_pane_shows_how_to_start_a_run(tmp_path: Path) -> None:
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await until(pilot, lambda: "Press n to train" in screen_text(app), "the hint")
        await until(pilot, lambda: footer(app).startswith(" n new run  ? help "), "no keys that do nothing")


async def test_run_trains_and_shows_its_test_accuracy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its end, the command in the settings file is run."""
    command = f"echo $FASHION_TUI_NAME > {tmp_path}/ended"
    monkeypatch.setattr(on_end, "user_settings", lambda: UserSettings(on_end=command))
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await fill(pilot, epochs="1", batch_size="500")
        await pilot.press("enter")
        await until(pilot, lambda: app.runs and app.runs[0].state == "finished", "the run's end")
        await until(pilot, lambda: "test accuracy" in screen_text(app), "its accuracy on the screen")
        run = app.runs[0]
        assert run.step == 24
        assert run.test_accuracy is not None
        accuracy = f"{run.test_accuracy * 100:.2f} %"
        await until(pilot, lambda: accuracy in screen_text(app), "its accuracy in the list")
        assert "synthetic" in screen_text(app)
        await until(pilot, lambda: " e evaluate " in footer(app) and " p pause " not in footer(app), "the footer")
        await until(pilot, (tmp_path / "ended").exists, "the command")
        assert (tmp_path / "ended").read_text().strip() in run.run


async def test_list_is_read_again_once_the_view_shows_another_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost_run(tmp_path / "runs")
    async with train_pane(tmp_path / "runs") as (app, pilot):
        pane = app.query_one(TrainPane)
        await until(pilot, lambda: pane.view.snapshot is not None, "the run")
        snapshot = pane.view.snapshot
        assert snapshot is not None
        assert snapshot.state == app.runs[0].state
        refreshed = list[bool]()
        monkeypatch.setattr(app, "refresh_runs", lambda: refreshed.append(True))
        pane.post_message(SnapshotTaken(snapshot))
        await pilot.pause()
        assert not refreshed
        status = msgspec.structs.replace(snapshot.status, state="finished")
        pane.post_message(SnapshotTaken(replace(snapshot, status=status)))
        await until(pilot, lambda: refreshed, "the refresh")


async def test_small_terminal_shows_the_whole_reason_of_a_failure(tmp_path: Path) -> None:
    async with train_pane(tmp_path / "runs", (80, 24)) as (app, pilot):
        await fill(pilot, learning_rate="1e30")
        await until(pilot, lambda: "far above" in screen_text(app), "the warning")
        await pilot.press("enter")
        await until(pilot, lambda: app.runs and app.runs[0].state == "failed", "the failure")
        reason = app.runs[0].message or ""
        assert "1e+30" in reason
        assert "0.001" in reason
        await until(pilot, lambda: reason in " ".join(screen_text(app).split()), "all of the reason")
        assert app.runs[0].step > 0
        app.clear_notifications()  # the one about the failure may cover the keys
        await until(pilot, lambda: " n new" in footer(app), "the footer")
        assert " e evaluate " not in footer(app), "the run has no checkpoint"


async def test_pause_resume_checkpoint_and_stop_by_key(tmp_path: Path) -> None:
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await fill(pilot, epochs="500", batch_size="500")
        await pilot.press("enter")
        await until(pilot, lambda: app.runs and app.runs[0].step > 0, "the first steps")
        await pilot.press("p")
        await until(pilot, lambda: app.runs[0].state == "paused", "the pause")
        await until(pilot, lambda: "press p to resume" in screen_text(app), "the hint")
        await until(pilot, lambda: " p resume " in footer(app), "the footer")
        paused_at = app.runs[0].step
        await pilot.press("p")
        await until(pilot, lambda: app.runs[0].state == "running" and app.runs[0].step > paused_at, "more steps")
        await until(pilot, lambda: " p pause " in footer(app), "the footer")
        await pilot.press("c")
        await until(pilot, lambda: any(Path(app.runs[0].path, "checkpoints").glob("step-*.pt")), "a checkpoint")
        await pilot.press("s")
        await until(pilot, lambda: app.runs[0].state == "stopped", "the end")
        await until(pilot, lambda: "press r to resume" in screen_text(app), "the hint")
        await until(pilot, lambda: " r resume " in footer(app), "the footer")
        stopped_at = app.runs[0].step
        await pilot.press("r")
        await until(pilot, lambda: app.runs[0].state == "running" and app.runs[0].step > stopped_at, "more steps")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("epochs", "0", "epochs is 0"),
        ("epochs", "-3", "epochs is -3"),
        ("epochs", "", "'' is not a whole number"),
        ("batch_size", "0", "batch size is 0"),
        ("batch_size", "12001", "12,000 images"),
        ("learning_rate", "nan", "learning rate is nan"),
        ("learning_rate", "fast", "'fast' is not a number"),
        ("seed", "-1", "seed is -1"),
        ("validation", "12000", "only 12,000"),
        ("validation", "[bold]x", "'[bold]x' is not a whole number"),
    ],
)
async def test_invalid_value_is_reported_at_its_field_and_starts_nothing(
    tmp_path: Path, field: str, value: str, message: str
) -> None:
    async with train_pane(tmp_path / "runs", size=(120, 70)) as (app, pilot):
        await fill(pilot, **{field: value})
        await until(pilot, lambda: message in screen_text(app), "the reason")
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is app.screen.query_one(f"#{field}"), "the focus at the field")
        assert isinstance(app.screen, RunForm)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, RunForm), "the pane again")
        assert not store.list_runs(tmp_path / "runs")


async def test_fine_tuning_starts_from_the_form_once_its_values_are_valid(tmp_path: Path) -> None:
    """Until then, the form stays open with what the user has typed."""
    name = "shufflenet_v2_x0_5"
    weights = tmp_path / "weights.pth"
    torch.save(torchvision.models.get_model(name, num_classes=3).state_dict(), weights)
    async with train_pane(tmp_path / "runs", (120, 70)) as (app, pilot):
        app.query_one(TrainPane).new_run(NetworkChoice(f"torchvision:{name}"))
        await until(pilot, lambda: isinstance(app.screen, RunForm) and isinstance(app.focused, Input), "the form")
        form = app.screen
        missing = str(tmp_path / "missing.pth")
        values = {"epochs": "1", "batch_size": "3000", "weights": missing, "freeze": "conv*,stag", "input_size": "32"}
        for field, value in values.items():
            form.query_one(f"#{field}", Input).value = value
        await pilot.press("enter")
        await until(pilot, lambda: "matches 'stag'" in screen_text(app), "the wrong pattern")
        assert app.focused is form.query_one("#freeze")
        form.query_one("#freeze", Input).value = "conv*,stage*"
        await until(pilot, lambda: "matches 'stag'" not in screen_text(app), "no error")
        await pilot.press("enter")
        await until(pilot, lambda: "can't use the weights" in screen_text(app), "the missing file")
        assert app.focused is form.query_one("#weights")
        assert form.query_one("#epochs", Input).value == "1"
        form.query_one("#weights", Input).value = str(weights)
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: app.runs, "the run")
        with Run(Path(app.runs[0].path)) as run:
            config = run.config
    recipe = config.recipe
    assert (recipe.model, recipe.weights, recipe.freeze) == (f"torchvision:{name}", str(weights), "conv*,stage*")
    assert (recipe.epochs, recipe.batch_size, recipe.input_size) == (1, 3000, 32)
    assert config.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()


async def test_batch_size_and_validation_are_checked_together(tmp_path: Path) -> None:
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await fill(pilot, batch_size="6000", validation="10000")
        await pilot.press("enter")
        await until(pilot, lambda: "batch size is 6000" in screen_text(app), "the reason")
        assert app.focused is app.screen.query_one("#batch_size")
        form = app.screen
        form.query_one("#batch_size", Input).value = "10"
        form.query_one("#validation", Input).value = "11980"  # leaves fewer images than the recipe's batch size
        await until(pilot, lambda: "batch size is" not in screen_text(app), "the hint")
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, RunForm), "the run")


@pytest.mark.covers("recipe.summary")
async def test_recipe_sets_the_values_of_the_run(tmp_path: Path) -> None:
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await fill(pilot)
        app.screen.query_one("#recipe").focus()
        await pilot.press("right")
        await until(pilot, lambda: QUICK.summary in screen_text(app), "the summary")
        assert app.screen.query_one("#batch_size", Input).value == str(QUICK.batch_size)
        assert app.screen.query_one("#precision", Cycle).value == QUICK.precision
        await pilot.press("enter")
        await until(pilot, lambda: app.runs and app.runs[0].state == "finished", "the run's end")
        assert Run(Path(app.runs[0].path)).config.recipe == QUICK
        assert app.runs[0].test_accuracy is not None


async def test_a_recipe_keeps_what_was_typed(tmp_path: Path) -> None:
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await fill(pilot, learning_rate="0.05", seed="7", validation="100")
        form = app.screen
        form.query_one("#recipe", Cycle).value = "strong"
        await until(pilot, lambda: STRONG.summary in screen_text(app), "the summary")
        assert form.query_one("#epochs", Input).value == str(STRONG.epochs)
        assert form.query_one("#batch_size", Input).value == str(STRONG.batch_size)
        assert form.query_one("#learning_rate", Input).value == "0.05"
        assert form.query_one("#seed", Input).value == "7"
        assert form.query_one("#validation", Input).value == "100"
        precision = form.query_one("#precision", Cycle)
        assert precision.value == STRONG.precision == QUICK.precision == "bf16"
        precision.value = "fp32"
        form.query_one("#recipe", Cycle).value = "quick"
        await until(pilot, lambda: QUICK.summary in screen_text(app), "the summary")
        assert precision.value == "fp32"
        assert form.query_one("#batch_size", Input).value == str(QUICK.batch_size)


async def test_form_warns_that_batch_norm_sees_micro_batches(tmp_path: Path) -> None:
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await fill(pilot, batch_size="257")
        await until(pilot, lambda: "micro-batches of 256" in screen_text(app), "the warning")
        app.screen.query_one("#batch_size", Input).value = "256"
        await until(pilot, lambda: "BatchNorm" not in screen_text(app), "no warning")


@pytest.mark.parametrize("has_gpu", [False, True])
async def test_max_is_offered_if_there_is_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_gpu: bool
) -> None:
    monkeypatch.setattr("fashion_tui.tui.train.form.run_form.has_gpu_driver", lambda: has_gpu)
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await fill(pilot)
        assert app.screen.query_one("#recipe", Cycle).values == (tuple(RECIPES) if has_gpu else CPU_RECIPES)


@pytest.mark.parametrize("has_gpu", [False, True])
async def test_deterministic_algorithms_are_offered_if_there_is_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_gpu: bool
) -> None:
    monkeypatch.setattr("fashion_tui.tui.train.form.run_form.has_gpu_driver", lambda: has_gpu)
    async with train_pane(tmp_path / "runs", size=(80, 24)) as (app, pilot):
        await fill(pilot, epochs="1", batch_size="500")
        field, row = app.screen.query_one("#deterministic"), app.screen.query_one("#deterministic-row")
        await until(pilot, lambda: row.display == has_gpu, "the field")
        if has_gpu:
            field.focus()
            await until(pilot, partial(shows, app, "may be slower"), "its help")
            await pilot.press("right")
            await until(pilot, partial(shows, app, "‹ yes ›"), "the choice")
        await pilot.press("enter")
        await until(pilot, lambda: app.runs, "the run")
        assert Run(Path(app.runs[0].path)).config.deterministic == has_gpu


CPU = Device(name="cpu", description="two cores", memory=2**34)


def shows(app: FashionApp, text: str) -> bool:
    return text in screen_text(app)


@pytest.mark.covers("recipe.summary")
async def test_summary_of_each_recipe_fits_a_small_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fashion_tui.tui.train.form.run_form.has_gpu_driver", lambda: True)
    async with train_pane(tmp_path / "runs", size=(80, 24)) as (app, pilot):
        await fill(pilot)
        app.screen.query_one("#recipe").focus()
        for recipe in RECIPES.values():
            await until(pilot, partial(shows, app, recipe.summary), recipe.summary)
            await pilot.press("right")


async def test_waiting_trainer_takes_the_next_run(tmp_path: Path) -> None:
    async with train_pane(tmp_path / "runs", spare_trainer=True) as (app, pilot):
        await fill(pilot, epochs="1", batch_size="500")
        await until(pilot, lambda: app.spare_trainer.pid, "the waiting trainer")
        waiting = app.spare_trainer.pid
        await pilot.press("enter")
        await until(pilot, lambda: app.runs and app.runs[0].pid == waiting, "the run's trainer")
        await until(pilot, lambda: app.runs[0].state == "finished", "the run's end")


async def test_form_lists_the_devices_of_the_machine(tmp_path: Path) -> None:
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await fill(pilot)
        app.screen.query_one("#device").focus()
        await pilot.pause()
        await until(pilot, lambda: "cpu" in getattr(app.screen.query_one("#device"), "values", ()), "the devices")
        await pilot.press("right")
        await until(pilot, lambda: "‹ cpu ›" in screen_text(app), "the choice")
        await until(pilot, lambda: "% busy" in screen_text(app) and "used" in screen_text(app), "its load")


async def test_form_says_why_a_gpu_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = "NVIDIA GeForce RTX 3090 can't be used: the driver is too old; update the driver to 580 or newer"
    unusable = Device(name="cuda", description="", memory=None, problem=problem)
    monkeypatch.setattr("fashion_tui.tui.train.form.run_form.has_gpu_driver", lambda: True)
    async with train_pane(tmp_path / "runs") as (app, pilot):

        async def devices(*_: object) -> tuple[Device, ...]:
            return (CPU, unusable)

        monkeypatch.setattr(app.engine, "ask", devices)
        await fill(pilot)
        await until(pilot, lambda: "RTX 3090" in screen_text(app) and "580" in screen_text(app), "the reason")
        assert app.screen.query_one("#device", Cycle).values == ("auto", "cpu")


async def test_form_can_be_closed_before_the_devices_are_known(tmp_path: Path) -> None:
    """The engine takes seconds to list the devices, because it has to import torch first."""
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await fill(pilot)
        app.screen.query_one("#device").focus()
        await pilot.pause()
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, RunForm), "the pane again")
        # The engine answers this request after the form's request.
        assert await app.engine.ask(GetDevices(), tuple[Device, ...])
        await fill(pilot, epochs="1")
        assert isinstance(app.screen, RunForm)


async def test_unwritable_runs_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file instead of a directory")
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await fill(pilot, epochs="1")
        await pilot.press("enter")
        await until(pilot, lambda: "can't create a run" in screen_text(app), "the reason")


async def test_damaged_run_is_listed_with_the_others(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    dataset = files.verify(files.find("synthetic", None))
    created = [make_run(runs, dataset=dataset, seed=seed, name=f"run{seed}") for seed in (1, 2)]
    os.truncate(created[0].path / "config.json", 20)
    async with train_pane(runs) as (app, pilot):
        await until(pilot, lambda: "damaged" in screen_text(app), "the damaged run")
        assert "run2" in screen_text(app)


def lost_run(runs: Path) -> Path:
    """Create a run whose status is `running` although its trainer was killed, with two checkpoints."""
    with make_run(runs, dataset=files.verify(files.find("synthetic", None)), seed=1, name="gone") as run:
        run.write_status(msgspec.structs.replace(run.read_status(), state="running", heartbeat=0.0))

        def write(file: BinaryIO) -> None:
            file.write(b"x" * 5000)

        for step in (1, 2):
            run.checkpoints.save(write, step=step, epoch=0)
        return run.path


async def test_of_many_runs_only_the_visible_lines_are_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lost_run(tmp_path / "runs")
    (first / "status.json").write_bytes((first / "status.json").read_bytes().replace(b'"running"', b'"stopped"'))
    for number in range(400):
        shutil.copytree(first, first.with_name(f"20250101-{number:06d}-copy-{number:04d}"))
    computed: list[str] = []

    def run_line_and_count(run: RunSummary, name: str, width: int, glyphs: Glyphs) -> Text:
        computed.append(run.run)
        return run_line(run, name, width, glyphs)

    monkeypatch.setattr(run_lines, "run_line", run_line_and_count)
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await until(pilot, lambda: len(app.runs) == 401, "all runs")
        await until(pilot, lambda: "copy-0399" in screen_text(app), "the newest ones")
        await pilot.press("end")
        await until(pilot, lambda: "copy-0000" in screen_text(app), "the oldest ones")
        assert len(set(computed)) < 200


async def test_lost_run_is_reported_when_the_app_opens(tmp_path: Path) -> None:
    lost_run(tmp_path / "runs")
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await until(pilot, lambda: "Trainer lost" in screen_text(app), "the message")
        await until(pilot, lambda: "press r to resume" in screen_text(app), "the run itself")


async def test_old_checkpoints_are_deleted_after_asking(tmp_path: Path) -> None:
    folder = lost_run(tmp_path / "runs") / "checkpoints"
    async with train_pane(tmp_path / "runs") as (app, pilot):
        await until(pilot, lambda: app.runs, "the run")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question")
        assert "old checkpoints of 1 run" in screen_text(app)
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(app.screen, ConfirmDialog), "the pane again")
        assert len(list(folder.glob("*.pt"))) == 2
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question")
        await pilot.press("y")
        await until(pilot, lambda: [path.name for path in folder.glob("*.pt")] == ["step-2.pt"], "the removal")


async def test_a_run_is_repeated_with_its_own_folder_of_images(tmp_path: Path) -> None:
    """The app shows another folder of the same name."""
    folders = [tmp_path / parent / "pets" for parent in ("a", "b")]
    for shade, folder in enumerate(folders):
        for index in range(20):
            path = folder / ("cats", "dogs")[index % 2] / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (28, 28), 10 * index + shade).save(path)
    own, shown = (datasets.prepare(datasets.find(str(folder))).info.ref for folder in folders)
    with make_run(tmp_path / "runs", recipe=QUICK, dataset=own) as run:
        run.write_status(msgspec.structs.replace(run.read_status(), state="stopped"))
    app = create_app(Settings(tmp_path / "runs", dataset=str(folders[1])))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.dataset is not None and app.dataset.ref == shown, "the data set")
        await pilot.press("f5")
        await until(pilot, lambda: app.query(TrainPane) and app.query_one(TrainPane).run_list.chosen_run, "the run")
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, RunForm) and isinstance(app.focused, Input), "the form")
        assert isinstance(app.screen, RunForm)
        assert app.screen.dataset.ref == own


async def test_a_run_is_repeated_with_a_change(tmp_path: Path) -> None:
    recipe = msgspec.structs.replace(QUICK, epochs=1, batch_size=600, crop=1)
    dataset = files.verify(files.find("synthetic", None))
    with make_run(tmp_path, recipe=recipe, dataset=dataset, seed=7, validation=600, checkpoint_every=77.0) as run:
        run.write_status(msgspec.structs.replace(run.read_status(), state="stopped"))
    async with train_pane(tmp_path) as (app, pilot):
        await until(pilot, lambda: app.query_one(TrainPane).run_list.chosen_run, "the run")
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, RunForm) and isinstance(app.focused, Input), "the form")
        assert app.screen.query_one("#device", Cycle).value == "cpu"
        assert app.screen.query_one("#seed", Input).value == "7"
        app.screen.query_one("#learning_rate", Input).value = "0.002"
        await pilot.press("enter")
        await until(pilot, lambda: len(app.runs) == 2 and app.runs[0].state == "finished", "the end of the new run")
        with Run(Path(app.runs[0].path)) as new:
            config = new.config
    assert config.recipe == msgspec.structs.replace(recipe, learning_rate=0.002)
    assert (config.seed, config.validation, config.checkpoint_every, config.device) == (7, 600, 77.0, "cpu")
