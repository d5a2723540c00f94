"""`fashion-tui predict`: probabilities, unusual images, images that can't be read, and runs that can't be used."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from fashion_tui.cli.commands import predict
from fashion_tui.data.sources import SYNTHETIC, SYNTHETIC_INFO
from fashion_tui.engine.server import novelty
from fashion_tui.lab.data.datasets import load
from fashion_tui.lab.networks.build import build_network
from fashion_tui.lab.networks.guide import GuideNet
from fashion_tui.lab.training.checkpoint import read_checkpoint, write_checkpoint
from fashion_tui.runs.run import Run
from tests.custom_models import custom_model, forget_trust
from tests.runs.parts import make_run

from .conftest import Call, TrainedRun, assert_error

FAILING_NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)

    def forward(self, x):
        if x.max() > 0:
            raise ValueError("too bright")
        return self.fc(x.flatten(1))
"""

SQUEEZING_NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)

    def forward(self, x):
        return self.fc(x.flatten(1)[:, None]).squeeze()
"""
"""A network that returns no batch axis for a batch of one image."""

CONVOLUTIONAL_NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 10, 28)

    def forward(self, x):
        return self.conv(x).flatten(1)
"""


@pytest.fixture(scope="module")
def test_images() -> Tensor:
    """The test images of the synthetic data set, uint8 `[N, 28, 28]`."""
    return load(SYNTHETIC).test.pixels[:, 0]


@pytest.fixture
def folder(tmp_path: Path, test_images: Tensor, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with an image `garment.png` of the test set."""
    monkeypatch.chdir(tmp_path)
    save(test_images[0], tmp_path / "garment.png")
    return tmp_path


def save(pixels: Tensor, path: Path) -> Path:
    Image.fromarray(pixels.numpy()).save(path)
    return path


def trained_network(run: Path) -> GuideNet:
    """Read the weights of the run's newest checkpoint."""
    newest = max((run / "checkpoints").glob("step-*.pt"), key=lambda file: int(file.stem.removeprefix("step-")))
    with newest.open("rb") as file:
        training, _ = read_checkpoint(file)
    network = GuideNet()
    network.load_state_dict(training["model"])
    return network.eval()


def normalised(pixels: Tensor) -> Tensor:
    """Normalise images `[N, 28, 28]` as the guide's recipe does."""
    return (pixels[:, None].float() / 255 - 0.5) / 0.5


@pytest.mark.covers("predict --json", "predict --runs")
def test_probabilities_are_those_of_a_forward_pass(
    call_in_process: Call, trained: TrainedRun, test_images: Tensor, folder: Path
) -> None:
    names = [f"{index}.png" for index in range(3)]
    for index, name in enumerate(names):
        save(test_images[index], folder / name)
    result = call_in_process("predict", *names, "--runs", trained.runs, "--json")
    assert result.status == 0, result.err
    with torch.no_grad():
        logits = trained_network(trained.runs / trained.run)(normalised(test_images[:3]))
    for answer, name, probabilities in zip(result.json, names, logits.double().softmax(dim=1), strict=True):
        order = probabilities.argsort(descending=True)[:5].tolist()
        assert answer["image"] == name
        assert [each["name"] for each in answer["top"]] == [SYNTHETIC_INFO.classes[label] for label in order]
        expected = [probabilities[label].item() for label in order]
        assert [each["probability"] for each in answer["top"]] == pytest.approx(expected, abs=1e-6)
        assert answer["unlike_training"] is False


def test_one_image_has_the_same_probabilities_as_among_others(
    call_in_process: Call, trained: TrainedRun, folder: Path, test_images: Tensor
) -> None:
    save(test_images[1], folder / "other.png")
    options = ("--runs", trained.runs, "--json")
    (alone,) = call_in_process("predict", "garment.png", *options).json
    among_others = call_in_process("predict", "other.png", "garment.png", *options).json[1]
    for one, other in zip(alone["top"], among_others["top"], strict=True):
        assert one["name"] == other["name"]
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-6)


def test_the_report_shows_steps_classes_and_distance(call_in_process: Call, trained: TrainedRun, folder: Path) -> None:
    paper = Image.new("RGB", (280, 300), "#fffff0")
    paper.paste(Image.fromarray(255 - np.asarray(Image.open("garment.png").resize((280, 280)))), (0, 10))
    paper.save("paper.jpg")
    options = ("--runs", trained.runs)
    (answer,) = call_in_process("predict", "paper.jpg", *options, "--json").json
    out = call_in_process("predict", "paper.jpg", *options).out
    lines = out.splitlines()
    assert "paper.jpg" in lines
    for step in answer["steps"]:
        (line,) = [line for line in lines if line.startswith(step["name"]) and step["dtype"] in line]
        assert str(step["shape"]) in line
        assert f"{step['mean']:.3g}" in line.replace("−", "-")
    assert [step["name"] for step in answer["steps"] if step["applied"]] == [
        "decoded", "grey", "resized", "inverted", "normalised",
    ]  # fmt: skip
    for each in answer["top"]:
        assert f"{each['probability'] * 100:.1f} %" in next(line for line in lines if line.startswith(each["name"]))
    assert "9,000 validation images" in " ".join(out.split())


def test_the_threshold_is_measured_once_on_held_out_images(
    call_in_process: Call, trained: TrainedRun, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the 99.5th percentile of the distances between the inputs of `fc2`, scaled to unit length."""
    training = load(SYNTHETIC).train.pixels[:, 0]
    network = trained_network(trained.runs / trained.run)
    inputs: list[Tensor] = []
    network.fc2.register_forward_pre_hook(lambda _module, args: inputs.append(args[0]))
    with torch.no_grad():
        image = torch.from_numpy(np.array(Image.open("garment.png")))[None]
        for pixels in (training[:3_000], training[3_000:], image):
            network(normalised(pixels))
    trained_on, held_out, query = (each / each.norm(dim=1, keepdim=True) for each in inputs)
    distances = torch.cdist(held_out, trained_on).min(dim=1).values
    arguments = ("predict", "garment.png", "--runs", trained.runs, "--json")
    (answer,) = call_in_process(*arguments).json
    assert answer["threshold"] == pytest.approx(np.percentile(distances.numpy(), 99.5), rel=1e-3)
    assert answer["distance"] == pytest.approx(torch.cdist(query, trained_on).min().item(), rel=1e-3)

    monkeypatch.setattr(novelty, "novelty_threshold", None)  # because it isn't called again
    assert call_in_process(*arguments).json == [answer]


def test_noise_is_unlike_the_training_images_and_test_images_are_not(
    call_in_process: Call, trained: TrainedRun, folder: Path, test_images: Tensor
) -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (20, 28, 28), dtype=torch.uint8, generator=generator)
    noise[:, [0, -1]] = 0  # a dark border, so that it isn't inverted
    noise[:, :, [0, -1]] = 0
    paths = [save(image, folder / f"noise-{index}.png") for index, image in enumerate(noise)]
    paths += [save(image, folder / f"test-{index}.png") for index, image in enumerate(test_images[:100])]
    answers = call_in_process("predict", *paths, "--runs", trained.runs, "--json").json
    unlike = [answer["unlike_training"] for answer in answers]
    assert all(unlike[:20])
    assert sum(unlike[20:]) <= 3


@pytest.fixture
def unfinished(trained: TrainedRun, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A runs folder with a finished run and a newer run without a checkpoint, and the id of the newer run."""
    runs = tmp_path / "runs"
    shutil.copytree(trained.runs / trained.run, runs / trained.run)
    with make_run(runs, dataset=SYNTHETIC) as run:
        yield runs, run.id


@pytest.mark.covers("predict --run")
def test_the_newest_finished_run_is_the_default(
    call_in_process: Call, trained: TrainedRun, unfinished: tuple[Path, str], folder: Path
) -> None:
    runs, newer = unfinished
    out = call_in_process("predict", "garment.png", "--runs", runs).out
    assert trained.run in out
    assert newer not in out
    for name in (newer, "latest"):
        assert_error(
            call_in_process("predict", "garment.png", "--run", name, "--runs", runs), 1, newer, "no checkpoint"
        )
    shutil.rmtree(runs / trained.run)
    assert_error(call_in_process("predict", "garment.png", "--runs", runs), 1, "finished", "fashion-tui train", "--run")


def checkpoint_of(seed: int) -> Any:
    torch.manual_seed(seed)
    return lambda file: write_checkpoint(file, {"model": GuideNet().state_dict()}, {})


def run_without_data(folder: Path) -> Run:
    """Return a run without checkpoints, whose data set is missing. Predictions then take no time for its images."""
    ref = msgspec.structs.replace(SYNTHETIC, name="fashion-mnist", directory=str(folder / "gone"))
    return make_run(folder / "runs", dataset=ref)


@pytest.mark.covers("predict --checkpoint")
def test_the_chosen_checkpoint_is_used(call_in_process: Call, folder: Path) -> None:
    with run_without_data(folder) as run:
        for step in (10, 20):
            run.checkpoints.save(checkpoint_of(step), step=step, epoch=0)

        def first(*options: str) -> float:
            result = call_in_process("predict", "garment.png", "--run", run.path, *options, "--json")
            return float(result.json[0]["top"][0]["probability"])

        assert first() == first("--checkpoint", "20") != first("--checkpoint", "10")


def test_many_images_are_divided_among_requests(
    call_in_process: Call, trained: TrainedRun, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("garment.png", "missing.png", "garment.png", "also-missing.png", "garment.png")
    options = ("--runs", trained.runs, "--json")
    together = call_in_process("predict", *names, *options)
    monkeypatch.setattr(predict, "MAX_IMAGES", 2)
    divided = call_in_process("predict", *names, *options)
    assert [answer["image"] for answer in divided.json] == list(names)
    for one, other in zip(divided.json, together.json, strict=True):
        assert one.get("error") == other.get("error")
        assert one["unlike_training"] == other["unlike_training"]
        assert [each["name"] for each in one["top"]] == [each["name"] for each in other["top"]]
    assert divided.err == together.err


@pytest.mark.usefixtures("forked_processes")
def test_images_that_can_not_be_read_are_reported_and_the_others_predicted(
    call: Call, trained: TrainedRun, folder: Path
) -> None:
    """The command and its engine are processes of their own."""
    whole = (folder / "garment.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("not an image")
    (folder / "empty.png").touch()
    (folder / "folder.png").mkdir()
    Image.new("1", (20_000, 20_000)).save("bomb.png")
    expected = {
        "missing.png": "No such file",
        "folder.png": "",
        "text.png": "",
        "empty.png": "",
        "truncated.png": "",
        "bomb.png": "100,000,000 pixels",
    }
    arguments = ("garment.png", *expected, "--runs", trained.runs)
    result = call("predict", *arguments)
    assert result.status == 1
    assert "garment.png" in result.out
    errors = result.err.splitlines()
    assert len(errors) == len(expected)
    for error, (name, reason) in zip(errors, expected.items(), strict=True):
        assert error.startswith("fashion-tui: ")
        assert name in error
        assert reason in error

    result = call("predict", *arguments, "--json")
    assert result.status == 1
    assert [answer["image"] for answer in result.json] == ["garment.png", *expected]
    assert "error" not in result.json[0]
    assert all(answer["error"] and not answer["top"] for answer in result.json[1:])
    assert [answer["unlike_training"] for answer in result.json] == [False, *[None] * len(expected)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_image_without_read_permission(call_in_process: Call, trained: TrainedRun, folder: Path) -> None:
    (folder / "garment.png").chmod(0)
    result = call_in_process("predict", "garment.png", "--runs", trained.runs)
    assert_error(result, 1, "garment.png", "Permission denied")


def test_a_name_with_control_characters(call_in_process: Call, trained: TrainedRun, folder: Path) -> None:
    name = "a\x1b[31mb.png"
    (folder / "garment.png").rename(folder / name)
    for names in ((name,), ("missing\x1b[2J.png", name)):
        result = call_in_process("predict", *names, "--runs", trained.runs)
        assert "\x1b" not in result.out + result.err
        assert "b.png" in result.out


def custom_run(folder: Path, source: str, **changes: Any) -> Run:
    """Return a run of a custom model with random weights."""
    network = custom_model(source, **changes)
    run = make_run(folder / "runs", dataset=SYNTHETIC, network=network)
    weights = build_network(run.config.recipe, network, run.config.task).state_dict()
    run.checkpoints.save(lambda file: write_checkpoint(file, {"model": weights}, {}), step=1, epoch=0)
    return run


@pytest.mark.covers("predict --trust")
def test_the_code_of_a_run_is_executed_only_if_it_is_trusted(
    call_in_process: Call, folder: Path, state_home: Path
) -> None:
    with custom_run(folder, CONVOLUTIONAL_NET) as run:
        forget_trust(state_home)
        assert_error(call_in_process("predict", "garment.png", "--run", run.path), 1, "--trust")
        for options in (("--trust",), ()):
            assert call_in_process("predict", "garment.png", "--run", run.path, *options).status == 0


def test_a_network_that_fails_on_an_image(call_in_process: Call, folder: Path) -> None:
    with custom_run(folder, FAILING_NET) as run:
        assert_error(call_in_process("predict", "garment.png", "--run", run.path), 1, "model.py:12", "too bright")


def test_a_network_that_needs_more_than_one_image(call_in_process: Call, folder: Path) -> None:
    with custom_run(folder, SQUEEZING_NET) as run:
        result = call_in_process("predict", "garment.png", "--run", run.path, "--json")
    assert (result.status, len(result.json[0]["top"])) == (0, 5), result.err


def test_without_a_linear_layer_it_is_unknown_whether_an_image_is_unusual(call_in_process: Call, folder: Path) -> None:
    with custom_run(folder, CONVOLUTIONAL_NET) as run:
        result = call_in_process("predict", "garment.png", "--run", run.path, "--json")
        assert result.json[0]["unlike_training"] is None
        assert "no linear layer" in result.err
        printed = call_in_process("predict", "garment.png", "--run", run.path)
        assert "can't tell" in printed.out
        assert printed.status == 0


def test_a_run_whose_data_set_is_missing_still_predicts(
    call_in_process: Call, folder: Path, test_images: Tensor
) -> None:
    save(255 - test_images[0], folder / "negative.png")
    with run_without_data(folder) as run:
        run.checkpoints.save(checkpoint_of(1), step=1, epoch=0)
        result = call_in_process("predict", "garment.png", "negative.png", "--run", run.path, "--json")
    assert result.status == 0, result.err
    assert len(result.json[0]["top"]) == 5
    assert result.json[0]["top"] == result.json[1]["top"], "the run knows that the border of its images is dark"
    assert result.json[0]["unlike_training"] is None
    assert "can't tell" in result.err
