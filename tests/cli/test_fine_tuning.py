"""Commands that fine-tune a network of torchvision."""

import hashlib
import random
from pathlib import Path

import msgspec
import pytest
import torch
import torchvision
from PIL import Image

from fashion_tui.cli.commands import train
from fashion_tui.data.datasets import find, prepare
from fashion_tui.runs.run import Run
from fashion_tui.trained_run import TrainedRun

from .conftest import Call, assert_error

MODEL = ("--model", "torchvision:shufflenet_v2_x0_5")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(torchvision.models.shufflenet_v2_x0_5(num_classes=3).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 small images, dark ones and bright ones."""
    folder, generator = tmp_path_factory.mktemp("images"), random.Random(0)
    for name, low in (("bright", 150), ("dark", 0)):
        (folder / name).mkdir()
        for index in range(12):
            content = bytes(generator.randrange(low, low + 100) for _ in range(3 * 16 * 16))
            Image.frombytes("RGB", (16, 16), content).save(folder / name / f"{index}.png")
    return folder


@pytest.mark.covers(
    "train --weights", "train --freeze", "train --backbone-lr", "train --input-size", "shapes --run"
)  # fmt: skip
def test_a_network_is_fine_tuned_evaluated_and_shown(
    call: Call, call_in_process: Call, images: Path, weights: Path, tmp_path: Path
) -> None:
    runs = ("--runs", str(tmp_path / "runs"))
    file = tmp_path / "copy.pth"
    file.write_bytes(weights.read_bytes())
    options = ("--weights", str(file), "--freeze", "conv1,stage2.*", "--backbone-lr", "1e-12", "--input-size", "32")
    data = ("--dataset", str(images), "--image-size", "16", "--batch-size", "8", "--threads", "1")
    trained = call("train", *MODEL, *options, *data, *runs, "--json")
    assert trained.status == 0, trained.err
    path = Path(trained.json_lines[-1]["path"])
    file.unlink()  # a run doesn't need the file any more

    with TrainedRun.open(path) as run:
        config, state = run.config, run.weights()
    assert config.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    initial = torch.load(weights, weights_only=True)
    backbone = [
        name for name in initial if not name.startswith("fc.") and not name.endswith(("var", "mean", "tracked"))
    ]
    assert all(torch.allclose(state[f"network.{name}"], initial[name], atol=1e-9) for name in backbone)
    statistics = {name for name in initial if name.endswith("running_mean")}
    changed = {name for name in statistics if not torch.equal(state[f"network.{name}"], initial[name])}
    assert changed == {name for name in statistics if not name.startswith(("conv1", "stage2"))}

    assert call_in_process("eval", "latest", *runs, "--json").json["n"] == trained_test_images(config.dataset.directory)
    rows = {row["path"]: row for row in call_in_process("shapes", "--run", "latest", *runs, "--json").json["rows"]}
    assert rows["network"]["input"] == [3, 32, 32]
    assert rows["network"]["output"] == [2]
    assert not rows["network.stage2"]["trainable"]
    assert rows["network.stage3"]["trainable"]
    text = call_in_process("runs", "latest", "--config", *runs).out
    assert 'freeze = "conv1,stage2.*"' in text
    assert "input_size = 32" in text
    result = call_in_process("shapes", "guide", "--run", "latest", *runs)
    assert_error(result, 2, "MODEL can't be combined with --run")


def trained_test_images(folder: str | None) -> int:
    """Return the number of images in the folder that are test images."""
    assert folder is not None
    return prepare(find(folder, image_size=16)).info.test_size


def test_a_run_like_another_one_has_its_values(
    call_in_process: Call, monkeypatch: pytest.MonkeyPatch, weights: Path, images: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(train, "launch", lambda _run, **_: 1)
    fixed = ("--dataset", str(images), "--image-size", "16", "--batch-size", "8", "--runs", str(tmp_path / "runs"))
    options = ("--weights", str(weights), "--freeze", "conv1", "--backbone-lr", "0.5", "--detach", "--json")
    first = Run(Path(call_in_process("train", *MODEL, *options, *fixed).json["path"])).config
    assert (first.recipe.input_size, first.recipe.mean, first.recipe.std) == (224, (0.0,), (1.0,))
    again = call_in_process("train", "--like", first.run, "--freeze", "none", "--detach", "--json", *fixed)
    second = Run(Path(again.json["path"])).config
    assert second.recipe == msgspec.structs.replace(first.recipe, freeze="none")
    assert second.weights_sha256 == first.weights_sha256
    other = call_in_process("train", "--like", first.run, "--model", "quick", "--detach", "--json", *fixed)
    third = Run(Path(other.json["path"])).config
    assert (third.recipe.model, third.recipe.weights, third.recipe.input_size) == ("quick", "none", 0)
    file = tmp_path / "settings" / "run.toml"
    file.parent.mkdir()
    (file.parent / "w.pth").write_bytes(weights.read_bytes())
    file.write_text('model = "torchvision:shufflenet_v2_x0_5"\nweights = "w.pth"\ninput_size = 48\n')
    configured = call_in_process("train", "--config", str(file), "--detach", "--json", *fixed)
    recipe = Run(Path(configured.json["path"])).config.recipe
    assert (recipe.weights, recipe.input_size) == (str(file.parent / "w.pth"), 48)


@pytest.mark.covers("lr-find --weights", "lr-find --freeze", "lr-find --backbone-lr", "lr-find --input-size")
def test_fine_tuning_changes_the_losses_of_a_range_test(call_in_process: Call, images: Path, weights: Path) -> None:
    def losses(*options: str) -> tuple[float, ...]:
        fixed = ("--dataset", str(images), "--image-size", "16", "--batch-size", "8", "--steps", "20")
        result = call_in_process("lr-find", *MODEL, *fixed, "--json", *options)
        assert result.status in {0, 1}, result.err
        return tuple(result.json["losses"])

    size, file = ("--input-size", "32"), ("--weights", str(weights))
    found = [
        losses(*size),
        losses("--input-size", "40"),
        losses(*size, *file),
        losses(*size, *file, "--backbone-lr", "1"),
        losses(*size, *file, "--freeze", "conv1,stage2"),
    ]
    assert len({*found}) == len(found)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((*MODEL, "--freeze", "stage9"), ("'stage9'", "stage2")),
        ((*MODEL, "--weights", "/nowhere/file.pth"), ("/nowhere/file.pth", "No such file")),
        (("--model", "torchvision:resnet17"), ("torchvision:resnet17", "resnet18")),
        (("--weights", "default"), ("weights", "torchvision")),
        (("--input-size", "64"), ("input size", "guide")),
        ((*MODEL, "--args", '{"width": 2}'), ("arguments", "'width'")),
        (("--model", "timm:resnet18"), ("timm:resnet18", "file.py:Class")),
    ],
)
def test_bad_input(call_in_process: Call, options: tuple[str, ...], words: tuple[str, ...], tmp_path: Path) -> None:
    result = call_in_process("train", "--dataset", "synthetic", "--runs", str(tmp_path), *options)
    assert result.status in {1, 2}
    assert_error(result, result.status, *words)


def test_weights_that_cannot_be_downloaded(call: Call, tmp_path: Path) -> None:
    options = ("--dataset", "synthetic", "--weights", "default", "--runs", str(tmp_path / "runs"))
    result = call("train", *MODEL, *options, TORCH_HOME=str(tmp_path))
    assert_error(result, 1, "shufflenetv2_x0.5-f707e7126e.pth", "https://download.pytorch.org", "--weights FILE")
    assert not (tmp_path / "runs").exists()
