"""Grids of images of different shapes."""

import random
from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from rich.style import Style
from rich.text import Text
from textual.app import App, ComposeResult

from fashion_tui.machine.terminal import unicode_obstacle
from fashion_tui.report.pixels import BLOCKS
from fashion_tui.schema.dataset import ImageShape
from fashion_tui.schema.picture import Picture
from fashion_tui.tui.widgets.image_tiles import MIN_TILE_WIDTH, ImageTiles, Tile, TileLayout, arrange
from tests.tui.pilots import until


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((3, 32, 32), (80, 17), ((7, 14), 5, 2)),
        ((3, 32, 32), (50, 18), ((7, 14), 3, 2)),
        ((3, 32, 32), (80, 36), ((11, 22), 3, 3)),
        ((3, 32, 32), (200, 55), ((16, 32), 6, 3)),
        ((3, 224, 224), (200, 55), ((16, 32), 6, 3)),
        ((3, 64, 64), (50, 18), ((7, 14), 3, 2)),
        ((3, 8, 8), (200, 55), ((16, 32), 6, 3)),
        ((3, 512, 128), (80, 36), ((16, 8), 5, 2)),
        ((3, 128, 512), (80, 36), ((4, 32), 2, 7)),
    ],
)
def test_images_of_any_shape_are_arranged(
    shape: ImageShape, size: tuple[int, int], expected: tuple[tuple[int, int], int, int]
) -> None:
    layout = arrange(*size, shape, label_lines=1, min_tiles=9)
    assert (layout.image_size, layout.columns, layout.rows) == expected
    assert layout.width == max(layout.image_size[1], MIN_TILE_WIDTH)
    last = layout.region(layout.columns * layout.rows - 1)
    assert last.right <= size[0]
    assert last.bottom <= size[1]


class TilesApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.layouts: list[TileLayout] = []

    def compose(self) -> ComposeResult:
        yield ImageTiles(min_tiles=4)

    def on_image_tiles_layout_changed(self, message: ImageTiles.LayoutChanged) -> None:
        self.layouts.append(message.layout)


def tile(shape: ImageShape, seed: int) -> Tile:
    channels, height, width = shape
    pixels = random.Random(seed).randbytes(channels * height * width)
    return Tile(Picture(pixels, shape), (Text(f"image {seed}"),))


@pytest.fixture(autouse=True)
def truecolor_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("NO_COLOR", "LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}.items():
        monkeypatch.setenv(name, value)
    unicode_obstacle.cache_clear()
    yield
    unicode_obstacle.cache_clear()


async def test_colour_tiles_show_every_pixel() -> None:
    app = TilesApp()
    async with app.run_test(size=(100, 40)) as pilot:
        grid = app.query_one(ImageTiles)
        tiles = [tile((3, 32, 32), seed) for seed in range(4)]
        grid.show(tiles)
        await until(pilot, lambda: app.layouts[-1].image_size == (16, 32), "the layout for this shape")
        grid.show(tiles)
        layout = grid.tile_layout
        for position, y, x in product(range(4), range(32), range(32)):
            region = layout.region(position)
            character, style = cell(grid, region.x + x, region.y + y // 2)
            assert style is not None
            assert style.bgcolor is not None
            is_ink = bool(BLOCKS.index(character) & (1 if y % 2 == 0 else 4))
            colour = style.color if is_ink and style.color is not None else style.bgcolor
            expected = np.frombuffer(tiles[position].picture.pixels, np.uint8).reshape(3, 32, 32)[:, y, x]
            assert colour.get_truecolor() == tuple(expected)
        text = grid.render_line(16).text
        assert text[layout.region(0).x :].startswith("image 0")
        assert text[layout.region(1).x :].startswith("image 1")


async def test_narrow_images_are_centred_in_their_tiles() -> None:
    app = TilesApp()
    async with app.run_test(size=(100, 40)) as pilot:
        grid = app.query_one(ImageTiles)
        grid.show([tile((3, 64, 16), 0)])
        await until(pilot, lambda: grid.tile_layout.image_size == (16, 8), "the layout for this shape")
        line = grid.render_line(3).text
        assert grid.tile_layout.width == 14
        assert set(line[:3] + line[11:14]) == {" "}
        assert set(line[3:11]) <= set(BLOCKS)


@pytest.mark.parametrize("height", [1, 6, 12, 17])
async def test_labels_fit_below_a_tall_image(height: int) -> None:
    for label_lines in (1, 3):
        layout = arrange(80, height, (3, 90, 64), label_lines, min_tiles=5)
        assert layout.rows * layout.row_pitch <= max(height, label_lines + 1)
        assert layout.image_size[0] >= 1


def cell(grid: ImageTiles, x: int, y: int) -> tuple[str, Style | None]:
    """Return the character and the style of a cell."""
    ((character, style, _control),) = grid.render_line(y).crop(x, x + 1)
    return character, style


async def test_labels_keep_their_style() -> None:
    app = TilesApp()
    async with app.run_test(size=(40, 20)):
        grid = app.query_one(ImageTiles)
        label = Text("Coat", "#d7af5f")
        grid.show([Tile(tile((1, 28, 28), 0).picture, (label,))])
        line = grid.render_line(grid.tile_layout.image_size[0])
        (segment,) = (part for part in line if part.text.startswith("Coat"))
        assert segment.style is not None
        assert segment.style.color == Style.parse("#d7af5f").color
