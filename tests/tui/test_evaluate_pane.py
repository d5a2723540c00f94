"""The Evaluate pane, with a real engine and a real run."""

import csv
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from textual.pilot import Pilot
from textual.widgets import Input

from fashion_tui.data.marks import read_marks, remove_marks
from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.report.glyphs import UNICODE
from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.evaluation import Evaluation, PredictionOrder, PredictionPage
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import Evaluate, GetBaselines, GetDevices, GetPredictions
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.dialogs.choice import ChoiceDialog
from fashion_tui.tui.dialogs.save import SaveDialog
from fashion_tui.tui.evaluate.explanation_screen import ExplanationScreen
from fashion_tui.tui.evaluate.pane import EvaluatePane
from fashion_tui.tui.evaluate.prediction_dialog import PredictionDialog
from fashion_tui.tui.evaluate.predictions import format_confidence
from fashion_tui.tui.evaluate.robustness_screen import RobustnessScreen
from fashion_tui.tui.lab_app import Settings
from fashion_tui.tui.predict.path_dialog import PathDialog
from fashion_tui.tui.predict.screen import PredictionScreen
from fashion_tui.tui.widgets.image_tiles import ImageTiles
from fashion_tui.tui.widgets.large_number import large_number
from tests.runs.parts import make_run
from tests.suspension import suspend, suspended
from tests.tui.pilots import footer, screen_text, until
from tests.tui.shared_engines import create_app

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]

Size = tuple[int, int]


@pytest.fixture
def runs(finished: Path, tmp_path: Path) -> Path:
    """A runs directory with a copy of the finished run."""
    # Temporary files are ignored, since the trainer may still be replacing its status.
    shutil.copytree(finished, tmp_path / "runs" / finished.name, ignore=shutil.ignore_patterns(".*"))
    return tmp_path / "runs"


@asynccontextmanager
async def evaluate_pane(
    runs: Path, size: Size = (120, 40)
) -> AsyncIterator[tuple[FashionApp, Pilot[None], EvaluatePane]]:
    app = create_app(Settings(runs, dataset="synthetic"))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.dataset is not None, "the data set")
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.focused, EvaluatePane), "the pane")
        yield app, pilot, app.query_one(EvaluatePane)


def labels(pane: EvaluatePane) -> list[tuple[str, str]]:
    return [(tile.labels[0].plain, tile.labels[1].plain) for tile in pane.query_one(ImageTiles).tiles]


async def evaluation_of(app: FashionApp, run: Path) -> Evaluation:
    return await app.engine.ask(Evaluate(run_path=str(run), checkpoint="final"), Evaluation)


async def predictions_of(
    app: FashionApp, run: Path, count: int, *, wrong: bool, truth: int | None = None
) -> PredictionPage:
    request = GetPredictions(
        run_path=str(run), checkpoint="final", outcome="wrong" if wrong else "all", truth=truth, predicted=None,
        sort="loss" if wrong else "index", offset=0, limit=count,
    )  # fmt: skip
    return await app.engine.ask(request, PredictionPage)


async def test_all_metrics_of_a_finished_run_are_shown(runs: Path, finished: Path) -> None:
    async with evaluate_pane(runs) as (app, pilot, pane):
        await until(pilot, lambda: labels(pane), "predictions")
        truth = await evaluation_of(app, runs / finished.name)
        screen = screen_text(app)
        assert all(line in screen for line in large_number(f"{truth.accuracy * 100:.1f}", UNICODE))
        assert "accuracy on 2,000 synthetic garments" in screen
        low, high = (end * 100 for end in truth.interval)
        assert f"{low:.1f}–{high:.1f} % (95 % interval)" in screen
        for metric in (f"top-2 {truth.top2 * 100:.1f} %", f"loss {truth.loss:.3f}", f"ECE {truth.ece * 100:.1f} %"):
            assert metric in screen
        for report in truth.per_class:
            values = (report.precision, report.recall, report.f1)
            pattern = re.escape(report.name) + "".join(rf" +{value * 100:.1f}" for value in values)
            assert re.search(pattern, screen)
        for report, counts in zip(truth.per_class, truth.confusion, strict=True):
            pattern = re.escape(report.name) + "".join(rf" +\[?{count or '·'}\]?" for count in counts)
            assert re.search(pattern, screen)


async def test_wrong_predictions_come_first_and_a_key_shows_all(runs: Path, finished: Path) -> None:
    async with evaluate_pane(runs) as (app, pilot, pane):
        await until(pilot, lambda: len(labels(pane)) == pane.browser.cursor.page_size >= 8, "a page of predictions")
        count = pane.browser.cursor.page_size
        names = [report.name for report in (await evaluation_of(app, runs / finished.name)).per_class]

        wrong = await predictions_of(app, runs / finished.name, count, wrong=True)
        assert pane.browser.cursor.total == wrong.total
        for (first, second), prediction in zip(labels(pane), wrong.predictions, strict=True):
            assert first == f"✕ {names[prediction.truth]}"
            assert prediction.predicted is not None
            beginning, _, end = second.removeprefix("→").partition(" ")[0].partition("…")
            assert beginning
            assert names[prediction.predicted].startswith(beginning)
            assert names[prediction.predicted].endswith(end)
            assert second.endswith(format_confidence(prediction.confidence))

        await pilot.press("w")
        await until(pilot, lambda: "of 2,000" in screen_text(app), "all predictions")
        all_predictions = await predictions_of(app, runs / finished.name, count, wrong=False)
        marks = ["✓" if prediction.predicted == prediction.truth else "✕" for prediction in all_predictions.predictions]
        await until(pilot, lambda: [first[0] for first, _ in labels(pane)] == marks, "their marks")

        await pilot.press("slash", *"boot", "enter")
        await until(pilot, lambda: {first[2:] for first, _ in labels(pane)} == {"Ankle boot"}, "boots only")
        await pilot.press("enter")
        boot = (await predictions_of(app, runs / finished.name, 1, wrong=False, truth=9)).predictions[0]
        await until(pilot, lambda: f"image {boot.index:,} of the test set" in screen_text(app), "the first boot")
        for name, share in zip(names, boot.probabilities, strict=True):
            assert re.search(rf"{re.escape(name)} .* {share * 100:.1f}", screen_text(app))


async def test_small_terminal_shows_one_part_at_a_time(runs: Path, finished: Path) -> None:
    """The matrix is beside the images of the cell under the cursor."""
    async with evaluate_pane(runs, (80, 24)) as (app, pilot, pane):
        await until(pilot, lambda: "recall" in screen_text(app), "metrics")
        assert "truth ↓ prediction →" not in screen_text(app)
        evaluation = await evaluation_of(app, runs / finished.name)
        names = [report.name for report in evaluation.per_class]
        confusion = np.array(evaluation.confusion)

        await pilot.press("tab")
        await until(pilot, lambda: "truth ↓ prediction →" in screen_text(app), "the matrix")
        np.fill_diagonal(largest := confusion.copy(), 0)
        row, column = np.unravel_index(largest.argmax(), largest.shape)
        await until(pilot, lambda: pane.browser.cursor.total == confusion[row, column], "the largest confusion")
        assert f"{names[row]} → {names[column]}" in screen_text(app)
        assert f"{largest.max()} images" in screen_text(app)
        assert f"{largest.max() / confusion[row].sum() * 100:.1f} % of the class" in screen_text(app)
        assert f"{largest.max() / confusion[:, column].sum() * 100:.1f} % of the prediction" in screen_text(app)

        await pilot.press(*["up"] * 10, *["left"] * 10)
        await until(pilot, lambda: pane.browser.cursor.total == confusion[0, 0], "the first cell")
        await pilot.press("right")
        await until(pilot, lambda: pane.browser.cursor.total == confusion[0, 1], "the second cell")
        await pilot.press("left", "enter")
        await until(pilot, lambda: pane.part == "images" and len(labels(pane)) >= 8, "the images of the cell")
        assert f"{names[0]} → {names[0]}, highest loss first" in screen_text(app)
        shown = [pane.images.current]
        assert shown[0] is not None
        assert (shown[0].truth, shown[0].predicted) == (0, 0)
        await pilot.press("escape")
        await until(pilot, lambda: pane.part == "matrix", "the matrix again")

        await pilot.press("tab")
        await until(pilot, lambda: "wrong predictions, highest loss first" in screen_text(app), "the mistakes")
        await pilot.press("tab")
        await until(pilot, lambda: "recall" in screen_text(app), "the metrics again")
        await pilot.press("w")
        await until(pilot, lambda: "all predictions" in screen_text(app), "the images")
        await pilot.resize_terminal(200, 50)
        await until(
            pilot, lambda: "recall" in screen_text(app) and "truth ↓ prediction" in screen_text(app), "all parts"
        )


async def test_only_runs_with_a_checkpoint_can_be_chosen(runs: Path, finished: Path, tmp_path: Path) -> None:
    other = runs / (finished.name[:-4] + "zzzz")
    without = runs / (finished.name[:-4] + "yyyy")
    for path in (other, without):
        shutil.copytree(finished, path, ignore=shutil.ignore_patterns(".*"))
        config = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps(config | {"run": path.name}))
    shutil.rmtree(without / "checkpoints")
    async with evaluate_pane(runs) as (app, pilot, pane):
        await until(pilot, lambda: labels(pane), "the newest run")
        await until(pilot, lambda: len(app.runs) == 3, "all runs")
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog), "the list")
        assert "yyyy" not in screen_text(app)
        await pilot.press(*"zzzz", "enter")
        await until(pilot, lambda: "guide-zzzz · epoch 1" in screen_text(app) and labels(pane), "the other run")

        image = tmp_path / "shirt.png"
        Image.new("L", (28, 28), 90).save(image)
        await pilot.press("at")
        await until(pilot, lambda: isinstance(app.screen, PathDialog), "the question for a file")
        app.screen.query_one(Input).value = str(image)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PredictionScreen), "the prediction with this run")
        await until(pilot, lambda: "run guide-zzzz" in screen_text(app), "the name of this run")


async def test_empty_pane_shows_how_to_start_a_run(tmp_path: Path) -> None:
    async with evaluate_pane(tmp_path / "runs") as (app, pilot, _pane):
        await until(pilot, lambda: "start a run" in screen_text(app), "the hint")
        await pilot.press("o")
        await until(pilot, lambda: "No run has a checkpoint yet" in screen_text(app), "the message")


async def test_damaged_checkpoint_is_reported_and_can_be_retried(runs: Path, finished: Path) -> None:
    for file in (runs / finished.name / "checkpoints").glob("*.pt"):
        file.write_bytes(file.read_bytes()[:1000])
    async with evaluate_pane(runs) as (app, pilot, _pane):
        await until(pilot, lambda: "o choose another run" in screen_text(app), "the problem")
        assert "no intact checkpoint" in " ".join(screen_text(app).split())
        assert "Traceback" not in screen_text(app)
        shutil.rmtree(runs / finished.name / "checkpoints")
        shutil.copytree(finished / "checkpoints", runs / finished.name / "checkpoints")
        await pilot.press("e")
        await until(pilot, lambda: "accuracy on" in screen_text(app), "the repaired run")


async def test_evaluation_can_be_cancelled_and_survives_the_engine(runs: Path) -> None:
    app = create_app(Settings(runs, dataset="synthetic"))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.dataset is not None, "the data set")
        await app.engine.ask(GetDevices(), tuple[Device, ...])  # starts the engine
        assert app.engine.pid is not None
        suspend(app.engine.pid)
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.focused, EvaluatePane), "the pane")
        await until(pilot, lambda: "evaluating guide" in screen_text(app), "the evaluation")
        await pilot.press("escape")
        await until(pilot, lambda: "valuation cancelled" in screen_text(app), "the end")
        await pilot.press("e")
        await until(pilot, lambda: "evaluating guide" in screen_text(app), "the evaluation again")
        os.kill(app.engine.pid, signal.SIGKILL)
        await until(pilot, lambda: "killed by SIGKILL" in screen_text(app), "the reason")
        await pilot.press("e")
        await until(pilot, lambda: "accuracy on" in screen_text(app), "the metrics, from a new engine")


HELD_OUT = 64


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs directory with a run that held out 64 images and has checkpoints of steps 1 and 2."""
    runs = tmp_path_factory.mktemp("held-out")
    with make_run(runs, dataset=SYNTHETIC, validation=HELD_OUT) as run:
        for step in (1, 2):
            torch.manual_seed(step)
            state = {"model": build("guide").state_dict()}
            run.checkpoints.save(lambda file, state=state: write_checkpoint(file, state, {}), step=step, epoch=0)  # type: ignore[misc]
    return runs


async def test_checkpoint_split_and_order_are_chosen_by_key(held_out: Path) -> None:
    path = next(held_out.iterdir())  # noqa: ASYNC240
    async with evaluate_pane(held_out) as (app, pilot, pane):

        async def expected(order: PredictionOrder, **more: Any) -> list[int]:
            fields: dict[str, Any] = {"truth": None, "predicted": None, **more}
            request = GetPredictions(
                run_path=str(path), checkpoint="1", split="validation", outcome="wrong", sort=order, offset=0,
                limit=pane.browser.cursor.page_size, **fields,
            )  # fmt: skip
            page = await app.engine.ask(request, PredictionPage)
            return [prediction.index for prediction in page.predictions]

        def shown() -> list[int]:
            return [] if pane.browser.page is None else [each.index for each in pane.browser.page.predictions]

        await until(pilot, lambda: "step 2 " in screen_text(app) and labels(pane), "the final weights")
        await pilot.press("O")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog), "the checkpoints")
        await pilot.press(*"step 1", "enter")
        await until(pilot, lambda: "step 1 " in screen_text(app), "the earlier weights")
        await pilot.press("v")
        await until(pilot, lambda: f"accuracy on {HELD_OUT} held-out garments" in screen_text(app), "them")
        for order in get_args(PredictionOrder)[1:]:
            indices = await expected(order)
            await until(pilot, lambda wanted=indices: shown() == wanted, order)  # type: ignore[misc]
            await pilot.press("S")
        await pilot.press("dollar_sign")
        await until(pilot, lambda: "points" in screen_text(app), "the verdict")
        request = GetBaselines(run_path=str(path), split="validation")
        baselines = await app.engine.ask(request, Baselines)
        assert f"5-nearest neighbours {baselines.nearest * 100:.1f} %" in " ".join(screen_text(app).split())
    async with evaluate_pane(held_out) as (app, pilot, pane):
        await until(pilot, lambda: labels(pane), "the test set")
        assert "points" not in screen_text(app), "the models were fitted for the held-out images only"
        await pilot.press("v")
        await until(pilot, lambda: "points" in screen_text(app), "the stored verdict")


async def test_active_part_is_the_first_one_of_the_layout_until_one_is_chosen(held_out: Path) -> None:
    async with evaluate_pane(held_out) as (_, pilot, pane):
        await until(pilot, lambda: labels(pane), "the mistakes")
        await until(pilot, lambda: pane.part == "images", "the first part of a large terminal")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: pane.part == "metrics", "the first part of a small terminal")
        await pilot.press("tab")
        await until(pilot, lambda: pane.part == "matrix", "the chosen part")
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: pane.query_one("#metrics").display, "the parts of a large terminal")
        await until(pilot, lambda: pane.part == "matrix", "the chosen part in a large terminal")


async def test_an_image_is_marked_as_mislabelled(held_out: Path) -> None:
    async with evaluate_pane(held_out) as (app, pilot, pane):
        await until(pilot, lambda: pane.part == "images" and pane.images.current, "the first mistake")
        assert app.dataset is not None
        ref = app.dataset.info.ref
        remove_marks(ref, [mark.key for mark in read_marks(ref)])  # those of other tests
        marked = pane.images.current
        assert marked is not None
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: labels(pane)[0][0].endswith(" !"), "the mark")
        assert [mark.key for mark in read_marks(ref)] == [("test", marked.index)]
        await pilot.press("enter")
        await until(pilot, lambda: "marked as mislabelled" in screen_text(app), "the mark beside the image")
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "marked as mislabelled" not in screen_text(app), "no mark beside the image")
        assert read_marks(ref) == ()

        await pilot.press("right")
        await until(pilot, lambda: pane.images.current not in {None, marked}, "the next image")
        second = pane.images.current
        assert second is not None
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: labels(pane)[1][0].endswith(" !"), "the mark of the next image")
        assert [mark.key for mark in read_marks(ref)] == [("test", second.index)]
        await pilot.press("W")
        await until(pilot, lambda: isinstance(app.screen, ExplanationScreen), "the explanation of the next image")
        await until(pilot, lambda: f"image {second.index:,} of the test set" in screen_text(app), "its title")
        await pilot.press("right")
        await until(pilot, lambda: f"image {second.index:,} of" not in screen_text(app), "the image after it")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, PredictionDialog), "the enlarged image")
        third = pane.images.current
        assert third is not None
        await until(pilot, lambda: f"image {third.index:,} of the test set" in screen_text(app), "the image after it")
        await pilot.press("left", "exclamation_mark")
        await until(pilot, lambda: not labels(pane)[1][0].endswith(" !"), "no marks")
        assert read_marks(ref) == ()


async def test_keys_change_what_the_pane_shows(runs: Path, finished: Path) -> None:
    async with evaluate_pane(runs, (150, 45)) as (app, pilot, pane):
        await until(pilot, lambda: labels(pane), "the mistakes")
        truth = await evaluation_of(app, runs / finished.name)
        names = [report.name for report in truth.per_class]
        await pilot.press("I")
        await until(pilot, lambda: "confidence  accuracy" in screen_text(app), "the diagram")
        surest = truth.reliability[-1]
        assert surest.confidence is not None
        assert surest.accuracy is not None
        assert f"{surest.confidence * 100:8.1f} %{surest.accuracy * 100:8.1f} %" in screen_text(app)
        await pilot.press("I", "percent_sign")
        total = sum(truth.confusion[0])
        await until(pilot, lambda: "% of the row" in screen_text(app), "shares")
        share = f"{truth.confusion[0][0] / total * 100:.1f}"
        assert re.search(rf"{re.escape(names[0])} +{share}", screen_text(app))
        await pilot.press("percent_sign", "percent_sign")
        await until(pilot, lambda: "· counts" in screen_text(app), "counts again")

        async def choose(typed: str) -> None:
            await pilot.press("slash")
            await until(pilot, lambda: isinstance(app.screen, ChoiceDialog), "the list of classes")
            app.screen.query_one(Input).value = typed
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.focused, EvaluatePane), "the pane")

        wrong = [sum(row) - row[label] for label, row in enumerate(truth.confusion)]
        columns = list(zip(*truth.confusion, strict=True))
        await choose(names[-1])
        await until(pilot, lambda: pane.images.selection.truth == len(names) - 1, "one true class")
        await until(pilot, lambda: pane.browser.cursor.total == wrong[-1], "its mistakes")
        largest = max(range(len(names)), key=lambda label: sum(columns[label]) - columns[label][label])
        await choose(f"predicted {names[largest]}")
        await until(pilot, lambda: pane.images.selection.predicted == largest, "one prediction")
        count = sum(columns[largest]) - columns[largest][largest]
        await until(pilot, lambda: pane.browser.cursor.total == count, "the mistakes with it")
        await choose("all classes")
        await until(pilot, lambda: pane.browser.cursor.total == sum(wrong), "all mistakes")


async def test_keys_open_and_cancel_what_is_computed(runs: Path, finished: Path) -> None:
    async with evaluate_pane(runs, (150, 45)) as (app, pilot, pane):
        await until(pilot, lambda: labels(pane), "the mistakes")
        truth = await evaluation_of(app, runs / finished.name)
        await pilot.press("W")
        await until(pilot, lambda: isinstance(app.screen, ExplanationScreen), "the explanation")
        await until(pilot, lambda: "gradient × input" in screen_text(app), "its methods")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.focused, EvaluatePane), "the pane after the explanation")
        await pilot.press("K")
        await until(pilot, lambda: isinstance(app.screen, RobustnessScreen), "the robustness")
        await until(pilot, lambda: "measuring" in screen_text(app), "its progress")
        await pilot.press("escape")
        await until(pilot, lambda: "cancelled" in screen_text(app), "the end of the computation")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.focused, EvaluatePane), "the pane after the robustness")

        await pilot.press("dollar_sign")
        await until(pilot, lambda: "fitting simple models" in screen_text(app), "the progress of the simple models")
        assert await evaluation_of(app, runs / finished.name) == truth
        await pilot.pause()
        assert "fitting simple models" in screen_text(app), "the app's engine doesn't wait for the simple models"
        await pilot.press("escape")
        await until(pilot, lambda: "fitting simple models" not in screen_text(app), "the pane without it")
        assert "points" not in screen_text(app)
        assert f"top-2 {truth.top2 * 100:.1f} %" in screen_text(app)


async def test_a_message_is_shown_while_predictions_are_read(held_out: Path) -> None:
    async with evaluate_pane(held_out) as (app, pilot, pane):
        await until(pilot, lambda: labels(pane), "the mistakes")
        assert app.engine.pid is not None
        with suspended(app.engine.pid):
            await pilot.press("w")
            await until(pilot, lambda: "reading the predictions" in screen_text(app), "the message")
        await until(pilot, lambda: "all predictions" in screen_text(app), "the predictions")
        assert "reading the predictions" not in screen_text(app)


async def save_as(app: FashionApp, pilot: Pilot[None], typed: str, path: Path) -> None:
    """Choose what to save by typing a part of its line, and save it at the path."""
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(app.screen, ChoiceDialog), "the list of files")
    await pilot.press(*typed.replace(" ", ""), "enter")
    await until(pilot, lambda: isinstance(app.screen, SaveDialog), "the question for a path")
    app.screen.query_one(Input).value = str(path)
    await pilot.press("enter")


async def test_a_report_the_predictions_and_the_weights_are_saved(held_out: Path, tmp_path: Path) -> None:
    """They belong to the checkpoint and the images that the pane shows."""
    run = next(held_out.iterdir())  # noqa: ASYNC240
    report, table, weights = tmp_path / "report.html", tmp_path / "all.csv", tmp_path / "net.safetensors"
    async with evaluate_pane(held_out) as (app, pilot, pane):
        await until(pilot, lambda: labels(pane), "the mistakes")
        await pilot.press("O")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog), "the checkpoints")
        await pilot.press(*"step 1", "enter")
        await until(pilot, lambda: "step 1 " in screen_text(app), "the earlier weights")
        await pilot.press("v")
        await until(pilot, lambda: f"{HELD_OUT} held-out" in screen_text(app), "the held-out images")
        evaluation = await app.engine.ask(Evaluate(run_path=str(run), checkpoint="1", split="validation"), Evaluation)

        await save_as(app, pilot, "HTML", report)
        await until(pilot, report.exists, "the report")
        await until(pilot, lambda: isinstance(app.focused, EvaluatePane), "the pane")
        assert f"{evaluation.accuracy * 100:.1f}" in report.read_text()
        await save_as(app, pilot, "CSV", table)
        await until(pilot, table.exists, "the predictions")
        await until(pilot, lambda: isinstance(app.focused, EvaluatePane), "the pane")
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == HELD_OUT
        assert sum(row["truth"] == row["predicted"] for row in rows) == round(evaluation.accuracy * HELD_OUT)
        weights.symlink_to(tmp_path / "target.safetensors")
        await save_as(app, pilot, "safetensors", weights)
        await until(pilot, weights.exists, "the weights")
        await until(pilot, lambda: "logits" in screen_text(app), "the check of the file")
        assert weights.is_symlink(), "the file that a link points to is written"
        torch.manual_seed(1)  # as in the checkpoint of step 1
        expected = build("guide").state_dict()
        saved = safetensors.torch.load_file(weights)
        assert saved.keys() == expected.keys()
        assert all(torch.equal(saved[name], expected[name]) for name in saved)


async def test_saving_can_be_cancelled_and_repeated_after_an_error(held_out: Path, tmp_path: Path) -> None:
    async with evaluate_pane(held_out) as (app, pilot, pane):
        await until(pilot, lambda: labels(pane), "the mistakes")
        assert app.engine.pid is not None
        with suspended(app.engine.pid):
            await save_as(app, pilot, "CSV", tmp_path / "all.csv")
            await until(pilot, lambda: "saving predictions" in screen_text(app), "the progress")
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.focused, EvaluatePane), "the pane")
        folder = tmp_path / "reports"
        (folder / "report-images").parent.mkdir()
        (folder / "report-images").touch()  # a file in the place of the folder with the report's images
        await save_as(app, pilot, "Markdown", folder / "report.md")
        await until(pilot, lambda: "can't create the folder" in " ".join(screen_text(app).split()), "the reason")
        assert isinstance(app.screen, SaveDialog)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.focused, EvaluatePane), "the pane")
        assert not (folder / "report.md").exists()
        assert not (tmp_path / "all.csv").exists()


def are_shown(app: FashionApp, keys: Iterable[str]) -> bool:
    return all(f" {key} " in f" {footer(app)}" for key in keys)


async def test_the_footer_of_a_small_terminal_shows_the_keys_of_each_part(held_out: Path) -> None:
    async with evaluate_pane(held_out, (80, 24)) as (app, pilot, pane):
        await until(pilot, lambda: pane.evaluation is not None, "the evaluation")
        shown = {
            "metrics": ("O", "v", "=", "K", "^s"),
            "matrix": ("↵", "W", "S", "%", "O", "v"),
            "images": ("↵", "W", "!", "w", "/", "S"),
        }
        for part, keys in shown.items():
            assert pane.part == part
            await until(pilot, partial(are_shown, app, ("tab", *keys, "?")), f"the keys of {part}")
            await pilot.press("tab")
