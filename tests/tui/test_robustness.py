"""The screen with accuracies on corrupted images, with a real engine and a real run."""

from pathlib import Path

import pytest
import torch

from fashion_tui.lab.data.datasets import load
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.schema.requests import MeasureRobustness
from fashion_tui.trained_run import TrainedRun
from fashion_tui.tui.evaluate.robustness_screen import RobustnessScreen
from fashion_tui.tui.lab_app import Settings
from tests.tui.pilots import screen_text, until
from tests.tui.shared_engines import create_app

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]


def accuracy(path: Path) -> float:
    """Return the accuracy on all test images, computed with torch alone."""
    with TrainedRun.open(path, "final") as trained:
        recipe, network = trained.config.recipe, trained.network().eval()
        test = load(trained.config.dataset).test
    with torch.no_grad():
        predicted = network(normalise(test.pixels, recipe.mean, recipe.std)).argmax(1)
    return int((predicted == test.labels).sum()) / len(test.labels)


async def test_a_cancelled_measurement_is_repeated_by_a_key_and_shows_all_curves(finished: Path) -> None:
    app = create_app(Settings(finished.parent, dataset="synthetic"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        # With all images, the accuracy without corruption is that of the test set. No other test has the same limit, so
        # no result is stored yet.
        screen = RobustnessScreen(MeasureRobustness(run_path=str(finished), checkpoint="final", max_images=2_500))
        await app.push_screen(screen)
        await pilot.press("escape")
        await until(pilot, lambda: "cancelled" in screen_text(app), "the end of the computation")
        assert app.screen is screen
        await pilot.press("enter")
        await until(pilot, lambda: "lowest accuracy" in screen_text(app), "all accuracies")
        text = screen_text(app)
        assert f"without corruption {accuracy(finished) * 100:.1f} %" in text
        assert "2,000 test images" in text
        for title in ("noise · standard deviation", "shift · pixels", "rotation · degrees", "blur · pixels"):
            assert title in text
        numbers = [line.split() for line in text.splitlines() if line.split()[:1] == ["%"]]
        assert [len([cell for cell in row if cell != "%"]) for row in numbers] == [12, 12]
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen, "the pane")


async def test_a_whole_problem_is_shown_on_a_narrow_screen(finished: Path) -> None:
    app = create_app(Settings(finished.parent, dataset="synthetic"))
    async with app.run_test(size=(40, 24), notifications=True) as pilot:
        await app.push_screen(RobustnessScreen(MeasureRobustness(run_path=str(finished), checkpoint="7000")))
        await until(pilot, lambda: "7000" in screen_text(app), "the problem")
        problem = " ".join(" ".join(screen_text(app).splitlines()[1:5]).split())
        assert "checkpoints: 24" in problem, "the end of the sentence is on the next line"


@pytest.mark.parametrize("size", [(61, 21), (60, 20), (75, 24)])
async def test_the_numbers_are_always_shown(finished: Path, size: tuple[int, int]) -> None:
    app = create_app(Settings(finished.parent, dataset="synthetic"))
    async with app.run_test(size=size, notifications=True) as pilot:
        await app.push_screen(RobustnessScreen(MeasureRobustness(run_path=str(finished), checkpoint="final")))
        await until(pilot, lambda: "lowest accuracy" in screen_text(app), "all accuracies")
        lines = [line.split() for line in screen_text(app).splitlines()]
        assert [len(line) for line in lines if line[:1] == ["%"]] == [7, 7, 7, 7]
