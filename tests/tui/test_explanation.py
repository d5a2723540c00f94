"""The screen that explains predictions, with a real engine and a real run."""

import math
from array import array
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import torch
from textual.pilot import Pilot

from fashion_tui.lab.data.datasets import load
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.schema.evaluation import PredictionPage
from fashion_tui.schema.requests import GetPredictions
from fashion_tui.trained_run import TrainedRun
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.dialogs.choice import ChoiceDialog
from fashion_tui.tui.evaluate.explanation_screen import ExplanationScreen
from fashion_tui.tui.lab_app import Settings
from fashion_tui.tui.model.feature_maps import FeatureMapsView
from fashion_tui.tui.widgets.image import ImageView
from fashion_tui.tui.widgets.image_tiles import ImageTiles
from tests.tui.pilots import screen_text, until
from tests.tui.shared_engines import create_app

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]

HOSTILE = ["\x1b[31mred", "[bold]x[/bold]", *(f"class {index}" for index in range(8))]


def wrong_predictions(run: Path) -> GetPredictions:
    return GetPredictions(
        run_path=str(run), checkpoint="final", outcome="wrong", truth=None, predicted=None, sort="loss", offset=0,
        limit=5,
    )  # fmt: skip


@asynccontextmanager
async def explanation(
    run: Path, names: list[str] | None = None, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[FashionApp, Pilot[None], ExplanationScreen, PredictionPage]]:
    """Open the screen of the wrong prediction with the highest loss. Yield it with the first five predictions."""
    app = create_app(Settings(run.parent, dataset="synthetic"))
    async with app.run_test(size=size, notifications=True) as pilot:
        page = await app.engine.ask(wrong_predictions(run), PredictionPage)
        classes = names or [f"class {index}" for index in range(10)]
        screen = ExplanationScreen(wrong_predictions(run), 0, page.total, classes)
        await app.push_screen(screen)
        yield app, pilot, screen, page


def heat_on(screen: ExplanationScreen) -> list[int]:
    """Return the heat map on the screen, from -127 to 127, or an empty list if there is none."""
    shown = screen.query_one(ImageView).picture
    return [] if shown is None else array("b", shown.heat).tolist()


def gradient_times_input(run: Path, index: int, target: int) -> list[int]:
    """Compute the map with torch alone, scaled to 127."""
    with TrainedRun.open(run, "final") as trained:
        recipe, network = trained.config.recipe, trained.network().eval()
        pixels = load(trained.config.dataset).test.pixels[index : index + 1]
    image = normalise(pixels, recipe.mean, recipe.std).requires_grad_()
    network(image)[0, target].backward()
    assert image.grad is not None
    values = (image.grad * image).detach()[0].sum(0)
    return torch.round(127 * values / values.abs().max()).int().flatten().tolist()


async def test_the_heat_map_of_the_predicted_and_of_another_class_is_shown(finished: Path) -> None:
    async with explanation(finished) as (app, pilot, screen, page):
        first = page.predictions[0]
        await until(pilot, lambda: heat_on(screen), "a heat map")
        text = screen_text(app)
        assert f"image {first.index:,} of the test set" in text
        assert f"true class {first.truth}" in text
        assert first.predicted is not None
        assert f"explanation of class {first.predicted}" in text
        expected = gradient_times_input(finished, first.index, first.predicted)
        assert max(abs(a - b) for a, b in zip(heat_on(screen), expected, strict=True)) <= 1

        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog), "the list of classes")
        await pilot.press(*f"class {first.truth}", "enter")
        await until(pilot, lambda: f"for class {first.truth}" in screen_text(app), "the other class")
        expected = gradient_times_input(finished, first.index, first.truth)
        assert max(abs(a - b) for a, b in zip(heat_on(screen), expected, strict=True)) <= 1

        await pilot.press("right")
        second = page.predictions[1]
        await until(pilot, lambda: f"image {second.index:,} of" in screen_text(app) and heat_on(screen), "the next one")
        assert f"explanation of class {second.predicted}" in screen_text(app)


async def test_keys_choose_the_method_and_the_layer_of_grad_cam(finished: Path) -> None:
    async with explanation(finished, size=(80, 24)) as (app, pilot, screen, _):
        await pilot.press("down", "down")
        await until(pilot, lambda: "Grad-CAM of conv2" in screen_text(app), "Grad-CAM of the last convolution")
        last = heat_on(screen)
        assert min(last) >= 0
        assert max(last) == 127
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog), "the list of layers")
        await pilot.press(*"conv1", "enter")
        await until(pilot, lambda: "Grad-CAM of conv1" in screen_text(app), "Grad-CAM of the first convolution")
        assert heat_on(screen) != last
        await pilot.press("up")
        await until(pilot, lambda: "Grad-CAM of" not in screen_text(app) and heat_on(screen), "SmoothGrad")
        assert min(heat_on(screen)) >= 0


async def test_the_nearest_training_images_and_their_labels_are_shown(finished: Path) -> None:
    async with explanation(finished, size=(80, 24)) as (app, pilot, screen, page):
        await pilot.press("tab")
        grid = screen.query_one("#neighbours ImageTiles", ImageTiles)
        await until(pilot, lambda: len(grid.tiles) > 1, "the nearest images")
        with TrainedRun.open(finished, "final") as trained:
            recipe, network = trained.config.recipe, trained.network().eval()
            dataset = load(trained.config.dataset)
        inputs: list[torch.Tensor] = []
        linear = [module for module in network.modules() if isinstance(module, torch.nn.Linear)][-1]
        linear.register_forward_hook(lambda _module, arguments, _output: inputs.append(arguments[0]))
        with torch.no_grad():
            network(normalise(dataset.train.pixels, recipe.mean, recipe.std))
            network(normalise(dataset.test.pixels[page.predictions[0].index][None], recipe.mean, recipe.std))
        distances, order = torch.cdist(inputs[1], inputs[0])[0].sort()
        shown = grid.tiles[1:]
        assert len(shown) >= 9
        for tile, distance, index in zip(shown, distances.tolist(), order.tolist(), strict=False):
            label = f"class {int(dataset.train.labels[index])}"
            is_same = int(dataset.train.labels[index]) == page.predictions[0].truth
            assert tile.labels[0].plain == f"{'✓' if is_same else ' '} {label}"
            assert math.isclose(float(tile.labels[1].plain.split()[-1]), distance, rel_tol=0.02)
        counts = Counter(int(dataset.train.labels[index]) for index in order[: len(shown)].tolist())
        most_common, count = counts.most_common(1)[0]
        assert f"{count} class {most_common}" in screen_text(app)
        assert f"{shown[0].labels[1].plain.strip()} " in screen_text(app), "the distance isn't cut"


async def test_the_feature_maps_of_each_layer_are_shown_for_the_image(finished: Path) -> None:
    async with explanation(finished) as (app, pilot, screen, page):
        first = page.predictions[0]
        await pilot.press("tab", "tab")
        maps = screen.query_one(FeatureMapsView)
        await until(pilot, lambda: maps.grid.tiles, "the maps of the first layer")
        assert "conv1" in screen_text(app)
        assert f"image {first.index:,}:" in screen_text(app)
        assert maps.grid.tiles[0].picture.pixels == first.pixels
        with TrainedRun.open(finished, "final") as trained:
            recipe, network = trained.config.recipe, trained.network().eval()
            pixels = load(trained.config.dataset).test.pixels[first.index][None]
        output = network.get_submodule("conv1")(normalise(pixels, recipe.mean, recipe.std))[0].detach()
        levels = (output[0] - output.min()) / (output.max() - output.min()) * 255
        shown = torch.frombuffer(bytearray(maps.grid.tiles[1].picture.pixels), dtype=torch.uint8).reshape(28, 28)
        assert (shown - levels).abs().max() <= 1

        await pilot.press("right", "down")
        second = page.predictions[1]
        await until(pilot, lambda: f"image {second.index:,}:" in screen_text(app), "the next image")
        await until(pilot, lambda: "conv1  " not in screen_text(app), "the next layer")


async def test_hostile_class_names_are_displayed_escaped(finished: Path) -> None:
    async with explanation(finished, HOSTILE, (80, 24)) as (app, pilot, screen, _):
        await until(pilot, lambda: heat_on(screen), "a heat map")
        assert "\x1b" not in screen_text(app)
        await pilot.press("tab")
        await until(
            pilot, lambda: len(screen.query_one("#neighbours ImageTiles", ImageTiles).tiles) > 1, "the nearest images"
        )
        assert "\x1b" not in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen, "the pane")


async def test_the_feature_maps_have_a_status_until_the_network_is_traced(finished: Path) -> None:
    async with explanation(finished, size=(80, 24)) as (app, pilot, screen, _):
        await pilot.press("tab")
        await until(pilot, lambda: "nearest images" in screen_text(app), "the nearest images")
        shown = screen_text(app).splitlines()[1].strip()
        await pilot.press("tab")
        await until(pilot, lambda: "feature maps" in screen_text(app), "the feature maps")
        assert shown
        assert screen_text(app).splitlines()[1].strip()
        await until(pilot, lambda: screen.layer_maps.is_traced, "the trace")
        await until(pilot, lambda: "maps of" in screen_text(app), "the feature maps")
        assert "…" not in screen_text(app).splitlines()[1]
