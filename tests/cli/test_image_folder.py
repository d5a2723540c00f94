"""Commands with a folder of the user's images as their data set."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion_tui.cli.commands import train
from fashion_tui.cli.options import CommonOptions
from fashion_tui.data.folder import import_folder
from fashion_tui.runs.run import Run
from fashion_tui.schema.dataset import DatasetRef, Fit
from fashion_tui.schema.run import RunConfig
from tests.runs.parts import make_run

from .conftest import Call, assert_error


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A folder with wide images of two classes. They look different if they are cropped."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for index in range(12):
            image = Image.fromarray(rng.integers(0, 256, (8, 12), np.uint8))
            image.save(tmp_path / "pets" / name / f"{index}.png")
    return tmp_path / "pets"


@pytest.fixture
def created_run(call_in_process: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., RunConfig]:
    """A function that calls `train` with options, and returns the configuration of the run without training it."""

    def call(*arguments: object) -> RunConfig:
        created: list[RunConfig] = []

        def launch(run: Run, **_: object) -> int:
            created.append(run.config)
            return 0

        monkeypatch.setattr(train, "launch", launch)
        result = call_in_process(*arguments, "--device", "cpu", "--runs", tmp_path / "runs", "--detach")
        assert result.status == 0, result.err
        (config,) = created
        return config

    return call


def sha256(folder: Path, size: int, fit: Fit) -> str:
    ref = DatasetRef(name="folder", directory=str(folder), sha256="", image_size=size, fit=fit)
    return import_folder(ref, lambda _done, _total: None, lambda: False).info.ref.sha256


@pytest.mark.covers("train --image-size", "train --fit", "train --dataset")
def test_a_run_is_trained_on_images_of_the_given_size_and_fit(
    created_run: Callable[..., RunConfig], pets: Path
) -> None:
    config = created_run("train", "--dataset", pets, "--image-size", 16, "--fit", "crop", "--batch-size", 4)
    assert config.classes == ("cat", "dog")
    assert config.image_shape == (1, 16, 16)
    hashes = {sha256(pets, 16, "crop"), sha256(pets, 16, "pad"), sha256(pets, 32, "pad")}
    assert len(hashes) == 3
    assert config.dataset.sha256 == sha256(pets, 16, "crop")
    default = created_run("train", "--dataset", pets, "--batch-size", 4)
    assert default.dataset.sha256 == sha256(pets, 32, "pad")


@pytest.mark.covers("train --no-flip")
def test_images_are_not_mirrored_with_no_flip(created_run: Callable[..., RunConfig], pets: Path) -> None:
    options = ("train", "--dataset", pets, "--recipe", "strong", "--batch-size", 4)
    assert created_run(*options).recipe.flip != "none"
    assert created_run(*options, "--no-flip").recipe.flip == "none"


@pytest.mark.covers("fashion-tui --image-size", "fashion-tui --fit", "attach --image-size", "attach --fit")
def test_the_app_opens_with_the_given_size_and_fit(
    call_in_process: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[CommonOptions] = []

    def open_app(common: CommonOptions, **_: object) -> None:
        opened.append(common)

    for module in ("main", "commands.attach"):
        monkeypatch.setattr(import_module(f"fashion_tui.cli.{module}"), "open_app", open_app)
    run = make_run(tmp_path, name="first")
    options = ("--dataset", tmp_path, "--image-size", 16, "--fit", "crop")
    assert call_in_process(*options).status == 0
    assert call_in_process("attach", run.path, *options).status == 0
    assert [(common.image_size, common.fit) for common in opened] == [(16, "crop")] * 2


@pytest.mark.covers("lr-find --image-size", "lr-find --fit", "bench --image-size", "bench --fit")
@pytest.mark.parametrize("command", ["lr-find", "bench", "train"])
def test_only_the_images_of_a_folder_are_resized(call_in_process: Call, command: str) -> None:
    for option, value in (("--image-size", 16), ("--fit", "crop")):
        result = call_in_process(command, "--dataset", "synthetic", option, value)
        assert_error(result, 2, option, "synthetic", "folder")


def test_an_impossible_size_or_fit_is_refused(call_in_process: Call, pets: Path) -> None:
    for size in (0, -1, 100_000):
        assert_error(call_in_process("train", "--dataset", pets, "--image-size", size), 2, "--image-size", str(size))
    assert_error(call_in_process("train", "--dataset", pets, "--fit", "stretch"), 2, "stretch", "pad", "crop")
    runs = pets.with_name("runs")
    result = call_in_process("train", "--dataset", pets, "--image-size", 7, "--recipe", "strong", "--runs", runs)
    assert_error(result, 2, "strong needs images of at least 8×8 pixels; these are 7×7")
    assert not runs.exists()


def test_skipped_files_are_a_warning(call_in_process: Call, pets: Path) -> None:
    (pets / "cat" / "bad\x1b[31m.png").write_text("not an image")
    (pets / "cat" / "notes.txt").write_text("notes")
    result = call_in_process("train", "--dataset", pets, "--validation", 1000)
    assert "validation is 1000" in result.err
    assert "cat/notes.txt" in result.err
    assert "1 more" in result.err
    assert "\x1b" not in result.err
