"""Predictions for image files in the app, with a run that has known weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fashion_tui.data.sources import SYNTHETIC, SYNTHETIC_INFO
from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.schema.errors import UserError
from fashion_tui.tui.lab_app import Settings
from fashion_tui.tui.predict.path_dialog import PathDialog, complete_path, existing_file
from fashion_tui.tui.predict.screen import PredictionScreen
from fashion_tui.tui.widgets.image_tiles import ImageTiles
from tests.runs.parts import make_run
from tests.tui.pilots import screen_text, until
from tests.tui.shared_engines import create_app


def test_paths_are_completed_with_the_first_name(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "shirt b.png").touch()
    (tmp_path / "images" / "shirt a.png").touch()
    (tmp_path / "images" / "shirt\x1b.png").touch()
    assert complete_path(f"{tmp_path}/im") == f"{tmp_path}/images/"
    assert complete_path(f"{tmp_path}/images/sh") == f"{tmp_path}/images/shirt a.png"
    assert complete_path(f"{tmp_path}/images/x") is None
    assert complete_path(f"{tmp_path}/images/") is None
    assert complete_path(f"{tmp_path}/missing/x\0") is None


def test_only_existing_files_are_accepted(tmp_path: Path) -> None:
    for text, reason in (("", "enter"), (str(tmp_path), "is a folder"), (str(tmp_path / "no.png"), "doesn't exist")):
        with pytest.raises(UserError, match=reason):
            existing_file(text)
    file = tmp_path / "a.png"
    file.touch()
    assert existing_file(f" {file} ") == file


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.usefixtures("engines", "no_kernel")
@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_file_is_predicted_with_its_steps(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = GuideNet().eval()
    with make_run(tmp_path / "runs", dataset=SYNTHETIC) as run:
        run.checkpoints.save(lambda file: write_checkpoint(file, {"model": network.state_dict()}, {}), step=1, epoch=0)
    pixels = np.random.default_rng(0).integers(0, 100, (28, 28), dtype=np.uint8)
    file = tmp_path / "[b]noise.png"
    Image.fromarray(pixels).save(file)
    tensor = torch.from_numpy(pixels).to(torch.float32).div(255).sub(0.5).div(0.5)[None, None]
    with torch.no_grad():
        expected, labels = network(tensor).softmax(1)[0].topk(5)
    app = create_app(Settings(tmp_path / "runs", dataset="synthetic"))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.dataset is not None and app.runs, "the data set and the run")
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.focused, ImageTiles), "the pane")
        await pilot.press("at")
        await until(pilot, lambda: isinstance(app.screen, PathDialog), "the dialog")
        await pilot.press(*"missing.png", "enter")
        await until(pilot, lambda: "doesn't exist" in screen_text(app), "the reason")
        await pilot.press("ctrl+u", *file.name[:-6])
        await until(pilot, lambda: app.screen.query_one("Input")._suggestion, "a suggestion")  # type: ignore[attr-defined]
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, PredictionScreen), "the screen")
        await until(pilot, lambda: "normalised" in screen_text(app) and "%" in screen_text(app), "the prediction")
        text = screen_text(app)
        for probability, label in zip(expected.tolist(), labels.tolist(), strict=True):
            line = next(line for line in text.splitlines() if line.lstrip().startswith(SYNTHETIC_INFO.classes[label]))
            assert f"{probability * 100:.1f} %" in line
        assert "nearest" in text, "the distance to the training images is shown"
        assert "noise.png" in text
        tiles = app.screen.query_one(ImageTiles)
        await until(pilot, lambda: len(tiles.tiles) == 5, "the pictures of the steps")
        assert tiles.tiles[0].picture.pixels == pixels.tobytes()
        file.write_bytes(b"not an image")
        await pilot.press("enter")
        await until(pilot, lambda: "try again" in screen_text(app), "the reason why the file can't be read")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, PredictionScreen), "the pane")
