"""`train --like` repeats a run with the given changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fashion_tui.cli.commands import train
from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.runs.create import create_run
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import MAX, STRONG
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.run import adapt_like
from tests.custom_models import DROPOUT_NET
from tests.dataset_infos import info_for

from .conftest import Call, assert_error

Repeat = Callable[..., Run]


def original(folder: Path, network: CustomModel | None = None, dataset: DatasetRef = SYNTHETIC) -> Run:
    """Create a run in which every setting differs from the default of `train`."""
    recipe = msgspec.structs.replace(STRONG, learning_rate=0.125, epochs=4, batch_size=96, crop=1, flip="none")
    if network is not None:
        recipe = msgspec.structs.replace(recipe, model=network.class_name)
    return create_run(
        folder, recipe=recipe, dataset=info_for(dataset), seed=5, device="cpu", threads=1, deterministic=True,
        compiled=True, keep_going=True, validation=500, checkpoint_every=7.0, name="original", network=network,
    )  # fmt: skip


@pytest.fixture
def repeat(call_in_process: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repeat:
    """A function that calls `train --like original` with options, but doesn't start the trainer."""

    def repeat(*options: object) -> Run:
        monkeypatch.setattr(train, "launch", lambda _run, **_: 1)
        result = call_in_process("train", "--like", "original", "--detach", "--json", "--runs", tmp_path, *options)
        assert result.status == 0, result.err
        return Run(Path(result.json["path"]))

    return repeat


def settings(run: Run, **changes: Any) -> dict[str, Any]:
    """Return the configuration of a run without its identity, and with changes."""
    config: dict[str, Any] = msgspec.to_builtins(run.config)
    return {name: value for name, value in config.items() if name not in {"run", "created"}} | changes


@pytest.mark.covers("train --like")
def test_all_settings_are_repeated(repeat: Repeat, tmp_path: Path) -> None:
    first = original(tmp_path)
    second = repeat()
    assert second.id != first.id
    assert settings(second) == settings(first)


@pytest.mark.covers("train --like")
def test_given_options_change_the_settings(repeat: Repeat, tmp_path: Path) -> None:
    first = original(tmp_path)
    second = repeat("--lr", "0.5", "--seed", "0", "--no-deterministic", "--validation", "0", "--model", "quick")
    recipe = msgspec.to_builtins(first.config.recipe) | {"learning_rate": 0.5, "model": "quick"}
    assert settings(second) == settings(first, recipe=recipe, seed=0, deterministic=False, validation=0)


@pytest.mark.covers("train --trust", "train --like")
def test_the_custom_model_is_repeated_if_it_is_trusted(
    repeat: Repeat, call_in_process: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    first = original(tmp_path, CustomModel(source=DROPOUT_NET, class_name="Net"))
    assert settings(repeat()) == settings(first)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other user"))
    refused = call_in_process("train", "--like", "original", "--detach", "--runs", tmp_path)
    assert_error(refused, 1, "--trust")
    assert settings(repeat("--trust")) == settings(first)


def test_other_images_are_reported(call_in_process: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "launch", lambda _run, **_: 1)
    original(tmp_path, dataset=msgspec.structs.replace(SYNTHETIC, sha256="0" * 64))
    result = call_in_process("train", "--like", "original", "--detach", "--runs", tmp_path)
    assert result.status == 0
    assert "differ from those that" in result.err


def test_a_folder_of_images_that_is_gone_is_named(call_in_process: Call, tmp_path: Path) -> None:
    gone = tmp_path / "photos"
    original(
        tmp_path, dataset=DatasetRef(name="folder", directory=str(gone), sha256="3" * 64, image_size=48, fit="crop")
    )
    result = call_in_process("train", "--like", "original", "--detach", "--runs", tmp_path)
    assert_error(result, 1, str(gone), "--dataset FOLDER", "--image-size 48")


def test_contradictory_options_are_refused(call_in_process: Call, tmp_path: Path) -> None:
    first = original(tmp_path)
    assert_error(call_in_process("train", "--like", first.path, "--recipe", "quick"), 2, "--like and --recipe")
    assert_error(call_in_process("train", "--trust"), 2, "--like")
    assert_error(call_in_process("train", "--like", first.path, "--args", "{"), 2, "--args")


def test_the_recipe_of_the_run_is_adapted_only_to_another_data_set(tmp_path: Path) -> None:
    """Crop and erase of a run on 56×56 images aren't scaled again for the same images, and are halved for 28×28."""
    shape = {"image_shape": (1, 56, 56), "mean": (0.25,), "std": (0.125,)}
    large = msgspec.structs.replace(info_for(DatasetRef(name="folder", directory="/photos", sha256="1" * 64)), **shape)
    recipe = msgspec.structs.replace(MAX, crop=4, erase=20, mean=(0.25,), std=(0.125,))
    run = create_run(
        tmp_path, recipe=recipe, dataset=large, seed=0, device="cpu", threads=1, deterministic=False, validation=0,
        checkpoint_every=30.0,
    )  # fmt: skip
    assert adapt_like(run.config, recipe, large) == recipe
    small = adapt_like(run.config, recipe, info_for(DatasetRef(name="folder", directory="/icons", sha256="2" * 64)))
    assert (small.crop, small.erase, small.mean) == (2, 10, (0.25,))
