"""Commands for a run whose data set was moved or changed, or is named by an option."""

import csv
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from fashion_tui.data.folder import import_folder
from fashion_tui.engine.server.cache import Cache
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.runs.create import create_run
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.dataset import DatasetInfo, DatasetRef
from fashion_tui.schema.recipe import adapt
from tests.engine.in_process import EngineInProcess

from .conftest import Call, Result, assert_error


def fill(folder: Path, seed: int) -> Path:
    """Write 20 random images of two classes."""
    rng = np.random.default_rng(seed)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for index in range(10):
            Image.fromarray(rng.integers(0, 256, (12, 12), np.uint8)).save(folder / name / f"{index}.png")
    return folder


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetInfo:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = fill(tmp_path / "photos", 0)
    ref = DatasetRef(name="folder", directory=str(folder), sha256="", image_size=12, fit="crop")
    return import_folder(ref, lambda _done, _total: None, lambda: False).info


@pytest.fixture
def run(photos: DatasetInfo, tmp_path: Path) -> Path:
    """A run on the photos with a checkpoint of initial weights."""
    torch.manual_seed(0)
    state = {"model": build("guide", photos.task).state_dict()}
    created: Run = create_run(
        tmp_path / "runs", recipe=msgspec.structs.replace(adapt(GUIDE, photos), batch_size=4), dataset=photos, seed=0,
        device="cpu", threads=1, deterministic=False, validation=0, checkpoint_every=30.0,
    )  # fmt: skip
    with created:
        created.checkpoints.save(lambda file: write_checkpoint(file, state, {}), step=1, epoch=0)
        return created.path


@pytest.fixture
def command(call_in_process: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """A function that calls a command, whose engine has no data set in memory yet."""

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(EngineInProcess, "_cache", Cache())
        return call_in_process(*arguments)

    return call


@pytest.mark.covers("eval --dataset", "eval --image-size", "eval --fit")
def test_a_run_is_pointed_to_the_folder_that_was_moved(
    command: Call, run: Path, photos: DatasetInfo, tmp_path: Path
) -> None:
    evaluation = command("eval", run, "--json", "--predictions", tmp_path / "predictions.csv").json
    assert evaluation["n"] == photos.test_size
    rows = [*csv.DictReader((tmp_path / "predictions.csv").open(newline=""))]
    assert len({row["file"] for row in rows}) == photos.test_size
    assert all((tmp_path / "photos" / row["file"]).parent.name == row["truth"] for row in rows)
    folder = tmp_path / "photos"
    moved = folder.rename(tmp_path / "moved")
    for result in (command("eval", run), command("eval", run, "--data", tmp_path)):
        assert_error(result, 1, f"{folder} no longer exists", "--dataset FOLDER --image-size 12 --fit crop")
    other = fill(tmp_path / "other", 1)
    for name, words in ((other, (photos.ref.sha256, str(other))), ("mnist", ("photos, not on mnist",))):
        assert_error(command("eval", run, "--dataset", name), 1, f"{run.name} was trained on", *words)
    for option in (("--image-size", 16), ("--fit", "pad")):
        result = command("eval", run, "--dataset", moved, *option)
        assert_error(result, 1, "--image-size 12 --fit crop")
    assert command("eval", run, "--dataset", moved, "--json").json == evaluation
    assert command("eval", run, "--json").json == evaluation, "the folder is known from now on"


@pytest.mark.covers(
    "predict --dataset", "export --dataset", "verify --dataset", "compare --dataset", "resume --dataset"
)
def test_no_command_takes_other_images_for_those_of_the_run(
    command: Call, run: Path, photos: DatasetInfo, tmp_path: Path
) -> None:
    other = fill(tmp_path / "other", 1)
    for arguments in (
        ("predict", other / "cat" / "0.png", "--run", run),
        ("export", run, "-o", tmp_path / "weights.safetensors"),
        ("verify", run),
        ("resume", run),
    ):
        result = command(*arguments, "--dataset", other)
        assert_error(result, 1, f"{run.name} was trained on other images", photos.ref.sha256)
    assert not (tmp_path / "weights.safetensors").exists()
    not_compared = command("compare", run, run, "--dataset", other, "--json").json["not_compared"]
    assert f"{run.name} was trained on other images" in not_compared


def test_a_changed_folder_is_reported_and_an_unchanged_copy_is_used(command: Call, run: Path, tmp_path: Path) -> None:
    original = command("eval", run, "--json").json
    copy = shutil.copytree(tmp_path / "photos", tmp_path / "copy")
    (tmp_path / "photos" / "cat" / "0.png").unlink()
    assert_error(command("eval", run), 1, f"{run.name} was trained on other images", "--dataset FOLDER")
    assert command("eval", run, "--dataset", copy, "--json").json == original
    assert command("eval", run, "--json").json == original
