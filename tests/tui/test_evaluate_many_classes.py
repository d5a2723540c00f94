"""The Evaluate pane with a run of 100 classes in a small terminal."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fashion_tui.lab.data.datasets import load
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.trained_run import TrainedRun
from fashion_tui.tui.evaluate.explanation_screen import ExplanationScreen
from fashion_tui.tui.evaluate.pane import EvaluatePane
from fashion_tui.tui.lab_app import Settings
from tests.tui.apps import AppLauncher
from tests.tui.pilots import screen_text, until
from tests.tui.shared_engines import create_app

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]

CLASSES = 100


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two steps on random images: one training image and two test images of each class."""
    folder, generator = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for split, count in (("train", 1), ("test", 2)):
        for label in range(CLASSES):
            (folder / split / f"{label:02d} kind").mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(0, 256, (28, 28), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / f"{label:02d} kind" / f"{index}.png")
    launcher = AppLauncher(tmp_path_factory.mktemp("classes") / "app")
    return launcher.finished_run("--dataset", str(folder), batch_size=50)


async def test_the_matrix_and_the_table_of_100_classes_scroll(run: Path) -> None:
    with TrainedRun.open(run, "final") as trained:
        recipe, network = trained.config.recipe, trained.network().eval()
        test = load(trained.config.dataset).test
    with torch.no_grad():
        predicted = network(normalise(test.pixels, recipe.mean, recipe.std)).argmax(1)
    app = create_app(Settings(run.parent, dataset="synthetic"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("f6")
        pane = app.query_one(EvaluatePane)
        await until(pilot, lambda: pane.evaluation is not None, "the evaluation")
        assert "accuracy on 200 test images" in screen_text(app)
        await until(pilot, lambda: "00 kind" in screen_text(app), "the first class")
        await pilot.press(*["pagedown"] * 12)
        await until(pilot, lambda: "weighted mean" in screen_text(app), "the end of the table")
        assert "99 kind" in screen_text(app)

        await pilot.press("tab", *["pagedown"] * 12)
        await until(pilot, lambda: "–100 prediction" in screen_text(app), "the last rows")
        truth, start = pane.matrix.labels
        assert truth == CLASSES - 1
        images = (test.labels == truth).nonzero().flatten()
        column = int(predicted[images[0]])
        await pilot.press(*["right" if column > start else "left"] * abs(column - start))
        await until(pilot, lambda: f"99 kind → {column:02d} kind" in screen_text(app), "the classes of the cell")
        await until(pilot, lambda: pane.browser.page is not None, "the images of the cell")
        page = pane.browser.page
        assert page is not None
        assert sorted(each.index for each in page.predictions) == images[predicted[images] == column].tolist()
        await pilot.press(*["left"] * (column + 1))
        await until(pilot, lambda: "prediction → 1–" in screen_text(app), "the first columns")
        count = int(((predicted == 0) & (test.labels == truth)).sum())
        assert f"{count} image" in screen_text(app)


async def test_the_file_of_an_image_is_named_beside_it_and_in_the_explanation(run: Path) -> None:
    app = create_app(Settings(run.parent, dataset="synthetic"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("f6")
        pane = app.query_one(EvaluatePane)
        await until(pilot, lambda: pane.evaluation is not None and pane.run_images.notes.paths, "the files")
        await pilot.press("shift+tab")
        await until(pilot, lambda: pane.images.current is not None, "the images")
        assert pane.images.current is not None
        path = pane.run_images.notes.paths["test", pane.images.current.index]
        assert path.startswith(f"test/{pane.images.current.truth:02d} kind/")
        await pilot.press("enter")
        await until(pilot, lambda: path in screen_text(app), "the file beside the enlarged image")
        await pilot.press("W")
        await until(pilot, lambda: isinstance(app.screen, ExplanationScreen), "the explanation")
        await until(pilot, lambda: path in screen_text(app).splitlines()[0], "the file in its title")
