"""The views of the Data pane on a folder of images, with a real engine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest
from textual.pilot import Pilot

from fashion_tui.data.datasets import find, image_files, open_prepared
from fashion_tui.data.pages import Listing, listed_indices
from fashion_tui.data.sources import SYNTHETIC_INFO
from fashion_tui.data.stored import StoredDataset
from fashion_tui.engine.client import Engine
from fashion_tui.schema.builtin_recipes import RECIPES, recipe_named
from fashion_tui.schema.dataset import DatasetInfo
from fashion_tui.schema.recipe import adapt
from fashion_tui.schema.run import short_name
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.data.neighbours_panel import NeighboursPanel
from fashion_tui.tui.data.open_dataset import OpenDataset
from fashion_tui.tui.data.pane import DataPane
from fashion_tui.tui.data.set_texts import facts, mirroring
from fashion_tui.tui.data.set_view import SetView
from fashion_tui.tui.lab_app import DatasetState, Settings
from fashion_tui.tui.widgets.image_tiles import ImageTiles
from fashion_tui.tui.widgets.lines import Lines
from tests.tui.apps import AppLauncher
from tests.tui.pilots import screen_text, until
from tests.tui.shared_engines import create_app

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]


@asynccontextmanager
async def data_pane(
    runs: Path, folder: Path, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[FashionApp, Pilot[None], DataPane]]:
    """Run the app on a folder of images, and wait for its first page."""
    app = create_app(Settings(runs, dataset=str(folder), image_size=8))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.dataset is not None, "the data set")
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.focused, ImageTiles), "the pane")
        pane = app.query_one(DataPane)
        await until(pilot, lambda: pane.browser.grid.tiles, "images")
        yield app, pilot, pane


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory: pytest.TempPathFactory, digits_folder: Path) -> Path:
    """A finished run of a few steps on the digits."""
    launcher = AppLauncher(tmp_path_factory.mktemp("digits-run") / "app")
    return launcher.finished_run("--dataset", str(digits_folder), "--image-size", "8")


def stored(folder: Path) -> StoredDataset:
    dataset = open_prepared(find(str(folder), image_size=8))
    assert dataset is not None
    return dataset


def text_of(lines: Lines) -> str:
    """Return the text of a widget on one line."""
    return " ".join(strip.text.strip() for strip in lines._strips)


def shown(pane: DataPane) -> list[bytes]:
    return [tile.picture.pixels for tile in pane.browser.grid.tiles]


async def test_images_in_each_order_and_an_image_found_by_its_index(tmp_path: Path, digits_folder: Path) -> None:
    async with data_pane(tmp_path, digits_folder) as (app, pilot, pane):
        train = stored(digits_folder).train
        for key, title, listing in (
            ("S", "by class", Listing(order="class")),
            ("S", "random order, seed 0", Listing(order="random")),
            ("R", "random order, seed 1", Listing(order="random", seed=1)),
        ):
            await pilot.press(key)
            await until(pilot, lambda title=title: title in screen_text(app), title)  # type: ignore[misc]
            first = listed_indices(train, listing)[0]
            pixels = train.pixels[first].tobytes()
            await until(pilot, lambda pixels=pixels: shown(pane)[0] == pixels, "its first image")  # type: ignore[misc]
        await pilot.press("slash", *"1234", "enter")
        await until(pilot, lambda: (image := pane.images.selected) is not None and image.index == 1_234, "image 1,234")
        assert f"image 1,234: {train.labels[1_234]}" in screen_text(app)
        await pilot.press("slash", "7", "enter")  # the class comes before the image
        await until(pilot, lambda: "only 7" in screen_text(app), "class 7")
        other = int(np.flatnonzero(train.labels != 7)[-1])
        await pilot.press("slash", *str(other), "enter")
        await until(pilot, lambda: (image := pane.images.selected) is not None and image.index == other, "that image")
        assert "only 7" not in screen_text(app), "the filter would hide the image"
        (_, index), path = next(
            item for item in image_files(stored(digits_folder).info.ref).items() if item[0][0] == "train"
        )
        await pilot.press("slash", *path)
        await until(pilot, lambda: screen_text(app).count(path) > 1, "the file in the list")
        await pilot.press("enter")
        await until(pilot, lambda: (image := pane.images.selected) is not None and image.index == index, "that file")


async def test_the_data_set_as_a_whole(tmp_path: Path, digits_folder: Path) -> None:
    async with data_pane(tmp_path, digits_folder) as (app, pilot, pane):
        dataset = stored(digits_folder)
        await pilot.press("tab")
        await until(pilot, lambda: isinstance(pane.view, SetView), "the view")
        await until(pilot, lambda: pane.view.query_one(ImageTiles).tiles, "mean images")
        text = screen_text(app)
        assert str(digits_folder)[-20:] in text
        assert dataset.info.ref.sha256[:50] in text
        for name, labels in (("train", dataset.train.labels), ("test", dataset.test.labels)):
            for count in np.bincount(labels):
                assert f"{count:,}" in text, name
        scaled = dataset.train.pixels / 255
        recipe = adapt(recipe_named("quick"), dataset.info)
        for mean, std in ((scaled.mean(), scaled.std()), (0.5, 0.5), (recipe.mean[0], recipe.std[0])):
            assert f"{mean:.3f}    {std:.3f}" in text
        tiles = pane.view.query_one(ImageTiles).tiles
        for label, tile in enumerate(tiles):
            mean = dataset.train.pixels[dataset.train.labels == label].astype(float).mean(axis=0)
            assert np.abs(np.frombuffer(tile.picture.pixels, np.uint8) - mean.ravel()).max() <= 0.5
        await pilot.press("K")
        await until(pilot, lambda: "nothing has changed" in screen_text(app), "the verification")
        await pilot.press("escape")
        await until(pilot, lambda: pane.view is pane.images, "the images")


@pytest.mark.parametrize("width", [20, 80])
async def test_a_published_data_set_says_how_to_open_a_folder_of_images(digits_folder: Path, width: int) -> None:
    def words(info: DatasetInfo) -> str:
        lines = facts(OpenDataset(DatasetState(info), no_engine), width)
        assert all(line.cell_len <= width for line in lines)
        return " ".join(str(line) for line in lines)

    assert "--dataset FOLDER" in words(SYNTHETIC_INFO)
    assert "--dataset FOLDER" not in words(msgspec.structs.replace(SYNTHETIC_INFO, ref=find(str(digits_folder))))
    assert "--dataset FOLDER" in DataPane.HELP


def no_engine() -> Engine:
    raise AssertionError("the texts don't need the engine")


async def test_an_enlarged_image_with_its_file_and_its_neighbours(
    tmp_path: Path, digits_folder: Path, digits_run: Path
) -> None:
    async with data_pane(digits_run.parent, digits_folder) as (app, pilot, pane):
        train = stored(digits_folder).train
        await pilot.press("right", "right", "enter")
        await until(pilot, lambda: "pixel values" in screen_text(app), "the enlarged image")
        path = image_files(stored(digits_folder).info.ref)["train", 2]
        await until(pilot, lambda: path in screen_text(app), "its file")
        shown = [line[-40:].split() for line in screen_text(app).splitlines()]
        for number, row in enumerate(train.pixels[2, 0].tolist()):
            assert any(line[-9:] == [str(number), *map(str, row)] for line in shown), number

        await pilot.press("n")
        panel = pane.view.query_one(NeighboursPanel)
        await until(pilot, lambda: panel.tiles.tiles, "neighbours")
        assert "nearest training images by pixel values" in text_of(panel.heading)
        distances = np.sqrt(((train.pixels / 255 - train.pixels[2] / 255) ** 2).sum(axis=(1, 2, 3)))
        nearest = np.argsort(distances, kind="stable")[1 : len(panel.tiles.tiles) + 1]
        assert [tile.picture.pixels for tile in panel.tiles.tiles] == [
            train.pixels[index].tobytes() for index in nearest
        ]
        assert panel.tiles.tiles[0].labels[1].plain == f"{distances[nearest[0]]:.2f}  {nearest[0]:,}"
        await pilot.press("right")
        await until(pilot, lambda: "image 3 of the training set" in screen_text(app), "the next image")

        await pilot.press("o", *short_name(digits_run.name), "enter")
        name = short_name(digits_run.name)
        await until(pilot, lambda: f"embedding of {name}, 200 values" in text_of(panel.heading), "the embedding")
        await until(pilot, lambda: panel.tiles.tiles, "neighbours")
        await pilot.press("escape")
        await until(pilot, lambda: "pixel values" in screen_text(app), "the pixel values again")
        await pilot.press("escape")
        await until(pilot, lambda: pane.view is pane.images, "the images")


async def test_notices_name_the_data_set_that_synthetic_images_replace(tmp_path: Path) -> None:
    app = create_app(Settings(tmp_path / "runs", tmp_path / "none", dataset="cifar10"))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.dataset is not None, "the data set")
        await pilot.press("f3")
        await until(pilot, lambda: "synthetic garments (not CIFAR-10)" in screen_text(app), "the title")
        assert "drawn by code: not CIFAR-10" in screen_text(app)
        assert "not Fashion-MNIST" not in screen_text(app)


async def test_the_recipes_that_mirror_images_are_named() -> None:
    text = mirroring(SYNTHETIC_INFO)
    assert "--no-flip" in text
    assert {name for name in RECIPES if name in text} == {"strong", "best", "max"}
    assert "--no-flip" not in mirroring(msgspec.structs.replace(SYNTHETIC_INFO, flips=False))


async def test_a_folder_with_hostile_names_and_a_damaged_file(tmp_path: Path, digits_folder: Path) -> None:
    folder = tmp_path / "photos"
    names = ["x" * 200, "evil\x1b[2J\x07", "\u202ebackwards", "猫" * 60]
    for name in names:
        (folder / name).mkdir(parents=True)
        for index in range(3):
            (folder / name / f"{index}.png").write_bytes((digits_folder / "0" / "0.png").read_bytes())
    (folder / names[0] / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    async with data_pane(tmp_path / "runs", folder, (80, 24)) as (app, pilot, pane):
        for keys in (["tab"], ["K"], ["space"], ["escape"], ["enter"], ["escape"], ["slash"], ["escape"]):
            await pilot.press(*keys)
            await pilot.pause(0.1)
            assert all(line.isprintable() for line in screen_text(app).splitlines())
        await pilot.press("tab", "space")
        await until(pilot, lambda: "damaged.jpg" in screen_text(app), "the skipped file")
        assert "skipped 1 file or folder" in screen_text(app)
        await until(pilot, lambda: len(pane.view.query_one(ImageTiles).tiles) == 4, "mean images")
