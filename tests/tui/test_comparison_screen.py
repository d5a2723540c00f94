"""The screen that compares the predictions of two runs, with a real engine and real runs."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from fashion_tui.data.marks import read_marks
from fashion_tui.data.sources import SYNTHETIC_INFO
from fashion_tui.lab.data.datasets import load
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.schema.requests import CompareRuns
from fashion_tui.trained_run import TrainedRun
from fashion_tui.tui.dialogs.image import ImageDialog
from fashion_tui.tui.evaluate.comparison_screen import ComparisonScreen
from fashion_tui.tui.evaluate.explanation_screen import ExplanationScreen
from fashion_tui.tui.evaluate.pane import EvaluatePane
from fashion_tui.tui.lab_app import Settings
from tests.tui.apps import AppLauncher
from tests.tui.pilots import screen_text, until
from tests.tui.shared_engines import create_app

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two finished runs of 24 steps with different seeds, on synthetic data."""
    launcher = AppLauncher(tmp_path_factory.mktemp("compare") / "app")
    return [launcher.finished_run("--dataset", "synthetic", "--seed", seed) for seed in ("0", "1")]


def predictions(path: Path) -> tuple[Tensor, Tensor]:
    """Return the predicted and the true labels of the test images, computed with torch alone."""
    with TrainedRun.open(path, "final") as trained:
        recipe, network = trained.config.recipe, trained.network().eval()
        test = load(trained.config.dataset).test
    with torch.no_grad():
        return network(normalise(test.pixels, recipe.mean, recipe.std)).argmax(1), test.labels


async def test_all_views_agree_with_the_predictions(pair: list[Path]) -> None:
    (first, labels), (second, _) = map(predictions, pair)
    broken = ((first == labels) & (second != labels)).nonzero().flatten().tolist()
    fixed = ((first != labels) & (second == labels)).nonzero().flatten().tolist()
    names = SYNTHETIC_INFO.classes
    app = create_app(Settings(pair[0].parent, dataset="synthetic"))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = ComparisonScreen(CompareRuns(run_path=str(pair[0]), other_path=str(pair[1])))
        await app.push_screen(screen)
        await until(pilot, lambda: "McNemar" in screen_text(app), "the test")
        text = screen_text(app)
        accuracies = [float((predicted == labels).double().mean()) for predicted in (first, second)]
        assert all(f"{accuracy * 100:.1f} %" in text for accuracy in accuracies)
        assert f"correct for {len(broken):,}, only" in text
        assert "seed" in text

        await pilot.press("tab")
        await until(pilot, lambda: screen.browser.page is not None, "images that b classifies wrongly")
        assert f"{len(broken):,} images that a classifies correctly and b doesn't" in screen_text(app)
        shown = screen.browser.page
        assert shown is not None
        assert [each.index for each in shown.first.predictions] == broken[: len(shown.first.predictions)]
        expected = second[broken][: len(shown.second.predictions)].tolist()
        assert [each.predicted for each in shown.second.predictions] == expected
        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(app.screen, ImageDialog), "the enlarged image")
        assert f"image {broken[1]:,} of the test set" in screen_text(app)
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "marked as mislabelled" in screen_text(app), "the mark beside the image")
        assert ("test", broken[1]) in {mark.key for mark in read_marks(SYNTHETIC_INFO.ref)}
        assert "test images" in screen_text(app), "what the mark of a test image changes"
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "marked as mislabelled" not in screen_text(app), "no mark")
        await pilot.press("W")
        await until(pilot, lambda: isinstance(app.screen, ExplanationScreen), "the explanation")
        await until(pilot, lambda: f"image {broken[1]:,} of the test set" in screen_text(app), "the same image")
        predicted = names[int(second[broken[1]])]
        await until(pilot, lambda: f"for {predicted}" in screen_text(app), "the prediction of b")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ImageDialog), "the enlarged image again")
        await pilot.press("escape", "tab")

        await until(pilot, lambda: f"{len(fixed):,} images that b classifies" in screen_text(app), "the opposite")
        await until(pilot, lambda: screen.browser.page is not None, "its images")
        await pilot.press("tab")
        await until(pilot, lambda: "rows: true class" in screen_text(app), "the confusion matrices")
        change = int(((second == 0) & (labels == 0)).sum() - ((first == 0) & (labels == 0)).sum())
        lines = map(str.strip, screen_text(app).splitlines())
        row = next(line for line in lines if line.startswith(names[0]))
        cell = row.removeprefix(names[0]).split()[0]
        assert cell.replace("−", "-") == (f"{change:+}" if change else "·")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen, "the pane")


async def test_long_names_of_runs_leave_space_for_both_accuracies(pair: list[Path]) -> None:
    renamed = pair[0].with_name("20261201-000000-a-network-with-a-long-name-aaaa")
    renamed.symlink_to(pair[0])
    app = create_app(Settings(pair[0].parent, dataset="synthetic"))
    try:
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await app.push_screen(ComparisonScreen(CompareRuns(run_path=str(renamed), other_path=str(pair[1]))))
            await until(pilot, lambda: "McNemar" in screen_text(app), "the test")
            assert screen_text(app).splitlines()[0].count(" %") == 2
            await pilot.press("tab")
            await until(pilot, lambda: "2/4" in screen_text(app), "the next view")
            assert screen_text(app).splitlines()[0].count(" %") == 2
    finally:
        renamed.unlink()


async def test_a_problem_is_one_sentence_that_wraps(pair: list[Path]) -> None:
    app = create_app(Settings(pair[0].parent, dataset="synthetic"))
    async with app.run_test(size=(40, 24), notifications=True) as pilot:
        request = CompareRuns(run_path=str(pair[0]), other_path=str(pair[1]), split="validation")
        await app.push_screen(ComparisonScreen(request))
        problem = "held out no images; evaluate it on the test set, or train with --validation N"
        await until(pilot, lambda: problem in " ".join(screen_text(app).split()), "the whole problem")
        assert "try again" in screen_text(app)


async def test_the_checkpoint_of_the_other_run_is_chosen(pair: list[Path]) -> None:
    app = create_app(Settings(pair[0].parent, dataset="synthetic"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("f6")
        pane = app.query_one(EvaluatePane)
        await until(pilot, lambda: pane.evaluation is not None, "the evaluation of a run")
        await until(pilot, lambda: len(app.runs) == len(pair), "both runs")
        await pilot.press("equals_sign")
        await until(pilot, lambda: "Compare with run" in screen_text(app), "the list of runs")
        await pilot.press("enter")
        await until(pilot, lambda: "Compare with checkpoint" in screen_text(app), "the list of checkpoints")
        await pilot.press(*"step", "enter")
        await until(pilot, lambda: "McNemar" in screen_text(app), "the comparison")
        assert "checkpoints: a step 24 · b step 24" in screen_text(app)
        await pilot.press("escape", "equals_sign")
        await until(pilot, lambda: "Compare with run" in screen_text(app), "the list of runs again")
        await pilot.press("enter")
        await until(pilot, lambda: "Compare with checkpoint" in screen_text(app), "the list of checkpoints again")
        await pilot.press("enter")
        await until(pilot, lambda: "checkpoints: a step 24 · b final" in screen_text(app), "its final checkpoint")
