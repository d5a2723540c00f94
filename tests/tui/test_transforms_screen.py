"""What happens to an image, in the Data pane, with a real engine and a small folder of colour images."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.data.pane import DataPane
from fashion_tui.tui.data.transforms_screen import TransformsScreen
from fashion_tui.tui.lab_app import Settings
from fashion_tui.tui.widgets.image import ImageView
from fashion_tui.tui.widgets.image_tiles import ImageTiles
from tests.tui.pilots import screen_text, until
from tests.tui.shared_engines import create_app

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]


def write_colour_images(folder: Path) -> None:
    """Write 40 random images of 32×32 pixels in two classes, one with a hostile name."""
    generator = np.random.default_rng(0)
    for name in ("[b]red", "blue"):
        (folder / name).mkdir(parents=True)
        for number in range(20):
            pixels = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


NROW = {(120, 40): 4, (80, 24): 2}
"""Number of images in each row of the grid at first, for each size of the terminal."""


def is_shown(app: FashionApp, text: str) -> bool:
    return text in screen_text(app)


@pytest.mark.parametrize("size", NROW)
async def test_steps_batch_and_grid_of_colour_images(tmp_path: Path, size: tuple[int, int]) -> None:
    write_colour_images(tmp_path / "colours")
    app = create_app(Settings(tmp_path / "runs", dataset=str(tmp_path / "colours")))
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: app.dataset is not None and app.query(DataPane), "the data set")
        pane = app.query_one(DataPane)
        await until(pilot, lambda: pane.images.selected is not None, "the images")
        assert pane.images.selected is not None
        pixels = np.frombuffer(pane.images.selected.picture.pixels, np.uint8)
        await pilot.press("Z")
        await until(pilot, lambda: isinstance(app.screen, TransformsScreen), "the screen")
        await until(pilot, lambda: "ToTensor" in screen_text(app) and "32×32×3" in screen_text(app), "the steps")
        lines = [line.strip() for line in screen_text(app).splitlines()]
        image = next(line for line in lines if line.startswith("image") and "uint8" in line).split()
        assert image[1:3] == ["uint8", "32×32×3"]
        assert [float(value) for value in image[3:]] == pytest.approx(
            [pixels.min(), pixels.mean(), pixels.std(), pixels.max()], rel=0.01
        )
        scaled = next(line for line in lines if line.startswith("ToTensor") and "float32" in line).split()
        assert float(scaled[4]) == pytest.approx(pixels.mean() / 255, rel=0.01)
        tiles = app.screen.query_one(ImageTiles)
        await until(pilot, lambda: len(tiles.tiles) == 4, "the pictures")
        assert tiles.tiles[0].picture.pixels == pixels.tobytes()
        first = {tiles.tiles[3].picture.pixels}
        await pilot.press("space")
        await until(pilot, lambda: "draw 1" in screen_text(app), "another draw")
        await until(pilot, lambda: tiles.tiles[3].picture.pixels not in first, "another augmentation")

        await pilot.press("c", *"guide", "enter")
        await until(pilot, lambda: "none in the recipe guide" in screen_text(app), "the recipe without augmentation")
        await pilot.press("tab")
        images = app.dataset.info.train_size if app.dataset is not None else 0
        batch = min(images, 32)
        await until(pilot, lambda: f"{batch}×3×32×32" in screen_text(app), "the batch")
        for nrow in (NROW[size], NROW[size] + 1):
            grid = f"nrow={nrow})  3×{min(nrow, -(-batch // nrow)) * 34 + 2}×{nrow * 34 + 2}"
            await until(pilot, partial(is_shown, app, grid), "the grid")
            await pilot.press("plus")
        assert app.screen.query_one(ImageView).size.area > 0
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, TransformsScreen), "the pane")
