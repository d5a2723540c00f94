"""The Data pane, with a real engine."""

import http.server
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from textual.pilot import Pilot

from fashion_tui.data.sources import FASHION_MNIST, SYNTHETIC
from fashion_tui.lab.data.datasets import Dataset, load
from fashion_tui.schema.dataset import ImagePage
from fashion_tui.tui import data as data_package
from fashion_tui.tui.actions import IN_PANE
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.data import pane as pane_module
from fashion_tui.tui.data.enlarged_view import EnlargedView
from fashion_tui.tui.data.pane import DataPane
from fashion_tui.tui.dialogs.choice import ChoiceDialog
from fashion_tui.tui.lab_app import Settings
from fashion_tui.tui.pane_actions import MOVING, TURNING
from fashion_tui.tui.widgets.image_tiles import ImageTiles
from tests.tui.pilots import app_on, screen_text, until
from tests.tui.shared_engines import create_app

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]

Size = tuple[int, int]


@asynccontextmanager
async def data_pane(
    folder: Path, size: Size = (120, 40), data: Path | None = None
) -> AsyncIterator[tuple[FashionApp, Pilot[None], DataPane]]:
    """Run the app on synthetic data and wait for the first page of the Data pane."""
    app = create_app(Settings(folder / "runs", data, dataset="synthetic"))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.dataset is not None, "the data set")
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.focused, ImageTiles), "the pane")
        pane = app.query_one(DataPane)
        await until(pilot, lambda: pane.query_one(ImageTiles).tiles and "Coat" in screen_text(app), "images")
        yield app, pilot, pane


def labels(pane: DataPane) -> list[str]:
    return [tile.labels[0].plain for tile in pane.query_one(ImageTiles).tiles]


@cache
def synthetic() -> Dataset:
    return load(SYNTHETIC)


def images(offset: int, count: int, split: Literal["train", "test"] = "train", label: int | None = None) -> ImagePage:
    """Return the page that the pane should show, drawn again."""
    drawn = getattr(synthetic(), split)
    indices = torch.arange(len(drawn)) if label is None else (drawn.labels == label).nonzero().flatten()
    chosen = indices[offset : offset + count]
    return ImagePage(
        indices=tuple(chosen.tolist()),
        labels=tuple(drawn.labels[chosen].tolist()),
        image_shape=(1, 28, 28),
        pixels=drawn.pixels[chosen].numpy().tobytes(),
        total=len(indices),
    )


async def test_keys_move_through_all_images(tmp_path: Path) -> None:
    async with data_pane(tmp_path) as (app, pilot, pane):
        grid = pane.query_one(ImageTiles)
        count = grid.tile_layout.columns * grid.tile_layout.rows
        assert count >= 12
        assert "synthetic garments (not Fashion-MNIST)" in screen_text(app)
        assert f"training set · 12,000 images · page 1/{12_000 // count:,}" in screen_text(app)
        assert screen_text(app).count("1,200") == 10  # the number of images of each class

        await pilot.press("space")
        await until(pilot, lambda: "page 2/" in screen_text(app), "the second page")
        expected = images(count, count)
        await until(pilot, lambda: grid.tiles[0].picture.pixels == expected.image(0), "its images")
        assert [tile.picture.pixels for tile in grid.tiles] == [expected.image(position) for position in range(count)]
        assert [int(label.split()[-1].replace(",", "")) for label in labels(pane)] == list(expected.indices)

        await pilot.press("left")  # back to the previous page
        await until(pilot, lambda: "page 1/" in screen_text(app), "the first page again")
        await pilot.press("G")
        await until(pilot, lambda: "11,999" in labels(pane)[-1], "the last page")
        await pilot.press("v")
        await until(pilot, lambda: "test set · 2,000 images · page 1/" in screen_text(app), "the test set")
        expected = images(0, count, "test")
        await until(pilot, lambda: grid.tiles[0].picture.pixels == expected.image(0), "its first image")


async def test_modules_of_the_pane_are_imported_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_package, "pane", pane_module)  # the app replaces the module
    monkeypatch.delitem(sys.modules, DataPane.__module__)
    async with app_on(tmp_path) as (app, pilot):
        await until(pilot, lambda: DataPane.__module__ in sys.modules, "the modules")
        assert app.current_pane.PANE == "playground"


OPENED = {
    "next_view": "SHA-256",
    "previous_view": "SHA-256",
    "open": "pixel values",
    "filter": "Class, index of an image, or file name",
    "transforms": "ToTensor",
    "predict": "No run has a checkpoint",
    "audit": "label audit",
}
"""Text that is shown once the view, the screen or the dialog of an action is open."""


async def test_each_key_opens_what_its_title_names(tmp_path: Path) -> None:
    others = {action.id for action in (*MOVING, *TURNING)} | {"other_split", "sort", "shuffle", "download", "back"}
    assert {action.id for action in IN_PANE["data"]} == {*OPENED, *others}
    async with data_pane(tmp_path) as (app, pilot, pane):
        for action in IN_PANE["data"]:
            if (text := OPENED.get(action.id)) is not None:
                assert text not in screen_text(app)
                await pilot.press(action.keys.split(",")[0])
                await until(pilot, lambda text=text: text in screen_text(app), action.title)  # type: ignore[misc]
                while app.screen is not app.screen_stack[0] or pane.view is not pane.images:
                    await pilot.press("escape")
                    await pilot.pause()
                await until(pilot, lambda: isinstance(app.focused, ImageTiles), "the images again")


async def test_filter_and_enlarged_image(tmp_path: Path) -> None:
    async with data_pane(tmp_path, (80, 24)) as (app, pilot, pane):
        assert len(labels(pane)) >= 8
        await pilot.press("slash", *"shi")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog), "the classes")
        await pilot.press("enter")
        await until(pilot, lambda: {label.split()[0] for label in labels(pane)} == {"Shirt"}, "shirts only")
        await until(pilot, lambda: "only Shirt" in screen_text(app), "the filter")

        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(pane.view, EnlargedView), "the enlarged image")
        shirts = images(0, 3, label=6)
        for position in (1, 2):
            pixels = shirts.image(position)
            mean = f"mean {np.frombuffer(pixels, np.uint8).mean():.1f}"
            await until(pilot, lambda mean=mean: mean in screen_text(app), mean)  # type: ignore[misc]
            assert f"image {shirts.indices[position]:,} of the training set" in screen_text(app)
            assert f"min {min(pixels)}" in screen_text(app)
            assert f"max {max(pixels)}" in screen_text(app)
            await pilot.press("right")
        await pilot.press("escape")
        await until(pilot, lambda: pane.view is pane.images, "the images")
        assert pane.browser.cursor.index == 3
        await pilot.press("escape")
        await until(pilot, lambda: len({label.split()[0] for label in labels(pane)}) > 1, "all classes again")


async def test_cursor_stays_on_its_image_after_a_resize(tmp_path: Path) -> None:
    async with data_pane(tmp_path, (200, 50)) as (_, pilot, pane):
        await pilot.press("space", "right", "down")
        index = pane.browser.cursor.index
        grid = pane.query_one(ImageTiles)

        async def assert_page_under_cursor() -> None:
            await until(pilot, lambda: len(grid.tiles) == pane.browser.cursor.page_size, "a page of the new size")
            assert pane.browser.cursor.index == index
            expected = images(pane.browser.cursor.offset, 1)
            await until(pilot, lambda: grid.tiles[0].picture.pixels == expected.image(0), "the page under the cursor")

        for size in ((80, 24), (60, 20), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.1)
            await assert_page_under_cursor()


@contextmanager
def server(chunk: bytes | None) -> Iterator[str]:
    """Yield the address of a server that sends `chunk` again and again, or answers 404 if it is None."""
    closed = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if chunk is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", "26421880")
            self.end_headers()
            while not closed.wait(0.02):
                self.wfile.write(chunk)

        def log_message(self, *_: object) -> None:
            pass

    http_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http_server.daemon_threads = True
    threading.Thread(target=http_server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{http_server.server_port}/"
    finally:
        closed.set()
        http_server.shutdown()
        http_server.server_close()


async def test_download_shows_progress_and_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(bytes(64 * 1024)) as address:
        monkeypatch.setattr(pane_module, "FASHION_MNIST", replace(FASHION_MNIST, mirrors=(address,)))
        async with data_pane(tmp_path, data=tmp_path / "data") as (app, pilot, _pane):
            await pilot.press("d")
            await until(pilot, lambda: "downloading Fashion-MNIST" in screen_text(app), "the progress")
            await until(pilot, lambda: "0.0 / 30.9 MB" not in screen_text(app), "some of it")
            await pilot.press("space")
            await until(pilot, lambda: "page 2/" in screen_text(app), "pages during the download")
            await pilot.press("escape")
            await until(pilot, lambda: "ownload cancelled" in screen_text(app), "the end")
            assert "downloading" not in screen_text(app)
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []


async def test_failed_download_shows_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(None) as address:
        monkeypatch.setattr(pane_module, "FASHION_MNIST", replace(FASHION_MNIST, mirrors=(address,)))
        async with data_pane(tmp_path, data=tmp_path / "data") as (app, pilot, _pane):
            await pilot.press("d")
            await until(pilot, lambda: "404" in screen_text(app), "the reason")
            assert "not Fashion-MNIST" in screen_text(app)


@pytest.mark.real_data
async def test_downloaded_data_set_is_shown_immediately(tmp_path: Path, real_data: Path) -> None:
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file in (real_data / "FashionMNIST" / "raw").iterdir():
        (raw / file.name).symlink_to(file)  # intact files aren't downloaded again
    async with data_pane(tmp_path, data=tmp_path / "data") as (app, pilot, pane):
        await pilot.press("d")
        await until(pilot, lambda: "60,000 images" in screen_text(app), "Fashion-MNIST")
        await until(pilot, lambda: labels(pane)[:1] == ["Ankle boot         0"], "its first picture")
        assert "synthetic" not in screen_text(app)
        assert not pane.check_action("download", ())
