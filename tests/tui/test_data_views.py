"""The views of the Data pane on a folder of images, with a real engine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot

from fashion_tui.data.datasets import find, open_prepared
from fashion_tui.data.pages import Listing, listed_indices
from fashion_tui.data.stored import StoredDataset
from fashion_tui.schema.recipe import adapt, recipe_named
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.data.pane import DataPane
from fashion_tui.tui.data.set_view import SetView
from fashion_tui.tui.lab_app import Settings
from fashion_tui.tui.widgets.image_tiles import ImageTiles
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


def stored(folder: Path) -> StoredDataset:
    dataset = open_prepared(find(str(folder), image_size=8))
    assert dataset is not None
    return dataset


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
        assert f"1,234 {train.labels[1_234]}" in screen_text(app)
        await pilot.press("slash", "7", "enter")  # the class comes before the image
        await until(pilot, lambda: "only 7" in screen_text(app), "class 7")
        other = int(np.flatnonzero(train.labels != 7)[-1])
        await pilot.press("slash", *str(other), "enter")
        await until(pilot, lambda: (image := pane.images.selected) is not None and image.index == other, "that image")
        assert "only 7" not in screen_text(app), "the filter would hide the image"


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
        assert "skipped 1 file" in screen_text(app)
        await until(pilot, lambda: len(pane.view.query_one(ImageTiles).tiles) == 4, "mean images")
