"""What differs between runs, and the first step in which two runs differ."""

import math
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from scipy.stats import binomtest

from fashion_tui.data.sources import SYNTHETIC, SYNTHETIC_INFO
from fashion_tui.engine.server import divergence
from fashion_tui.lab.data.datasets import Dataset
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.checkpoint import read_checkpoint, write_checkpoint
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import EpochEnd, StepChunk
from tests.custom_models import custom_model, forget_trust
from tests.lab.test_training import striped
from tests.runs.parts import make_run as make_empty_run
from tests.trainer.in_process import train_in_process
from tests.trainer.trainers import make_run

from .conftest import Call, assert_error

IMAGES = striped(256)


@pytest.fixture
def compare(call_in_process: Call, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that returns the first difference of two runs on `IMAGES`."""

    def compare(first: Run, second: Run) -> dict[str, Any] | None:
        dataset = Dataset(SYNTHETIC_INFO, IMAGES, IMAGES)
        monkeypatch.setattr(divergence, "run_dataset", lambda _config, _cache: dataset)
        result = call_in_process("compare", first.path, second.path, "--steps", "--json")
        assert (result.status, result.err) == (0, "")
        found: dict[str, Any] | None = result.json["first_difference"]
        return found

    return compare


def trained(folder: Path, epochs: int = 1, **options: Any) -> Run:
    """Train a run of 3 steps per epoch, with a checkpoint after each epoch."""
    run = make_run(folder, epochs=epochs, validation=80, **options)
    train_in_process(run, images=IMAGES)
    return run


@pytest.fixture
def first(tmp_path: Path) -> Run:
    return trained(tmp_path / "first")


def copy_of(run: Run, folder: Path, **recipe: Any) -> Run:
    """Copy a run, and change its recipe."""
    path = folder / run.id
    shutil.copytree(run.path, path)
    config = run.config
    changed = msgspec.structs.replace(config, recipe=msgspec.structs.replace(config.recipe, **recipe))
    (path / "config.json").write_bytes(msgspec.json.encode(changed))
    return Run(path)


def losses(run: Run) -> dict[int, float]:
    reader = RunReader(run)
    reader.poll()
    return dict(reader.series("loss").items())


@pytest.mark.covers("compare --steps", "compare --json")
def test_another_learning_rate_shows_in_the_second_loss(first: Run, compare: Any, tmp_path: Path) -> None:
    """The loss of a step is measured before its update."""
    second = trained(tmp_path / "second", learning_rate=0.002)
    assert compare(first, second) == {
        "step": 2,
        "losses": [losses(first)[2], losses(second)[2]],
        "configuration": ["learning_rate"],
        "batch": "same",
        "weights": "unknown",
        "weights_step": None,
    }


def test_another_seed_gives_other_batches(first: Run, compare: Any, tmp_path: Path) -> None:
    found = compare(first, trained(tmp_path / "second", seed=8))
    assert (found["step"], found["configuration"], found["batch"]) == (1, ["seed"], "different")


def test_an_image_that_is_left_out_gives_other_batches(first: Run, compare: Any, tmp_path: Path) -> None:
    found = compare(first, trained(tmp_path / "second", left_out=(3,)))
    assert (found["step"], found["batch"]) == (1, "different")
    assert found["configuration"] == ["left_out.images", "left_out.sha256"]


def test_runs_that_part_after_a_common_checkpoint(first: Run, compare: Any, tmp_path: Path) -> None:
    same = copy_of(first, tmp_path / "same")
    assert compare(first, same) is None
    second = copy_of(first, tmp_path / "second", learning_rate=0.002)
    for run in (first, second, same):
        train_in_process(run, images=IMAGES, epochs=2)
    assert compare(first, same) is None, "a resumed run is the same"
    found = compare(first, second)
    assert (found["step"], found["batch"], found["weights"], found["weights_step"]) == (5, "same", "same", 3)


def test_other_weights_at_the_common_checkpoint(first: Run, compare: Any, tmp_path: Path) -> None:
    second = copy_of(first, tmp_path / "second")
    ref = second.checkpoints.at(3)
    assert ref is not None
    with second.checkpoints.open(ref) as file:
        training, notes = read_checkpoint(file)
    training["model"]["fc2.bias"][4] += 0.5
    shutil.rmtree(second.path / "checkpoints")
    (second.path / "checkpoints").mkdir()
    second.checkpoints.save(lambda file: write_checkpoint(file, training, notes), step=3, epoch=1)
    for run in (first, second):
        train_in_process(run, images=IMAGES, epochs=2)
    found = compare(first, second)
    assert (found["step"], found["configuration"], found["batch"]) == (4, [], "same")
    assert (found["weights"], found["weights_step"]) == ("different", 3)


def test_the_batch_is_unknown_without_the_data(
    first: Run, call_in_process: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise UserError("no Fashion-MNIST")

    monkeypatch.setattr(divergence, "run_dataset", fail)
    second = trained(tmp_path / "second", learning_rate=0.002)
    out = call_in_process("compare", first.path, second.path, "--steps").out
    for expected in ("step 2", "settings: different (learning_rate)", "batch: unknown", "weights: unknown"):
        assert expected in out


def logged(folder: Path, name: str, **metrics: list[Any]) -> Run:
    run = make_empty_run(folder, name=name, seed=len(name))
    run.event_writer().write(StepChunk(time=1.0, first_step=1, metrics=dict(metrics)))
    return run


@pytest.mark.covers("compare --runs", "compare --data", "compare --dataset", "compare --image-size", "compare --fit")
def test_the_settings_that_differ_and_the_last_and_best_metrics(call_in_process: Call, tmp_path: Path) -> None:
    logged(tmp_path, "a", loss=[0.5, 0.25, 0.75], accuracy=[0.1, 0.9, 0.4], speed=[1.0, 9.0, 5.0])
    logged(tmp_path, "bb", loss=[2.0, math.nan, math.inf])
    result = call_in_process("compare", "a", "bb", "--runs", tmp_path, "--json")
    assert result.json["differences"] == {"seed": [1, 2]}
    assert result.json["metrics"] == {
        "loss": {"last": [0.75, "Infinity"], "best": [0.25, 2.0]},
        "accuracy": {"last": [0.4, None], "best": [0.9, None]},
        "speed": {"last": [5.0, None], "best": [None, None]},
    }
    assert result.json["results"] == {
        "state": ["starting", "starting"], "test_accuracy": [None, None], "duration": [0.0, 0.0]
    }  # fmt: skip
    assert "first_difference" not in result.json
    ignored = ("--data", tmp_path / "none", "--dataset", "fashion-mnist", "--image-size", 16, "--fit", "crop")
    assert call_in_process("compare", "a", "bb", "--runs", tmp_path, "--json", *ignored) == result
    out = call_in_process("compare", "a", "bb", "a", "--runs", tmp_path).out
    rows = [line.split() for line in out.splitlines() if line]
    assert ["seed", "1", "2", "1"] in rows
    assert ["loss", "0.75", "(0.25)", "inf", "(2)", "0.75", "(0.25)"] in rows
    assert ["accuracy", "0.4", "(0.9)", "–", "0.4", "(0.9)"] in rows


def test_wrong_numbers_of_runs(call_in_process: Call, tmp_path: Path) -> None:
    run = logged(tmp_path, "a", loss=[0.5])
    assert_error(call_in_process("compare", run.path), 2, "two or more")
    assert_error(call_in_process("compare", *[run.path] * 3, "--steps"), 2, "two runs")
    assert (
        "bit-identical in all steps that both runs have logged (1)"
        in call_in_process("compare", run.path, run.path, "--steps").out
    )


def test_runs_without_common_steps_are_not_called_identical(call_in_process: Call, tmp_path: Path) -> None:
    runs = logged(tmp_path, "a", loss=[0.5, 0.25]), logged(tmp_path, "b", accuracy=[0.5, 0.25])
    compare = ("compare", *[run.path for run in runs], "--steps")
    out = call_in_process(*compare).out
    assert "no common steps with a loss" in out
    assert "identical" not in out
    result = call_in_process(*compare, "--json").json
    assert (result["common_steps"], result["first_difference"]) == (0, None)


def test_the_results_and_the_metrics_on_held_out_data(call_in_process: Call, tmp_path: Path) -> None:
    with make_empty_run(tmp_path, name="a") as run:
        writer = run.event_writer()
        for epoch, (loss, accuracy) in enumerate(((0.5, 0.8), (0.25, 0.75)), 1):
            writer.write(
                EpochEnd(
                    time=1.0, epoch=epoch, step=epoch, train_loss=1.0, train_accuracy=0.5, validation_loss=loss,
                    validation_accuracy=accuracy, seconds=1.0,
                )
            )  # fmt: skip
        status = msgspec.structs.replace(run.read_status(), state="stopped", test_accuracy=0.8765, train_seconds=61.0)
        run.write_status(status)
    logged(tmp_path, "b", accuracy=[0.5])
    compare = ("compare", "a", "b", "--runs", tmp_path)
    metrics = call_in_process(*compare, "--json").json["metrics"]
    assert metrics["validation_loss"] == {"last": [0.25, None], "best": [0.25, None]}
    assert metrics["validation_accuracy"] == {"last": [0.75, None], "best": [0.8, None]}
    rows = [line.split() for line in call_in_process(*compare).out.splitlines() if line]
    assert ["test_accuracy", "87.65", "%", "–"] in rows
    assert ["duration", "1:01", "0:00"] in rows
    assert ["validation_accuracy", "0.75", "(0.8)", "–"] in rows


def untrained(folder: Path, seed: int, **options: Any) -> Run:
    """Create a run on the synthetic data set with a checkpoint of initial weights."""
    torch.manual_seed(seed)
    state = {"model": build("guide").state_dict()}
    run = make_empty_run(folder, dataset=SYNTHETIC, **options)
    run.checkpoints.save(lambda file: write_checkpoint(file, state, {}), step=1, epoch=0)
    return run


@pytest.mark.covers("compare --json")
def test_two_runs_on_one_test_set_are_compared_by_mcnemars_test(call_in_process: Call, tmp_path: Path) -> None:
    runs = untrained(tmp_path, 201), untrained(tmp_path, 202)
    result = call_in_process("compare", *[run.path for run in runs], "--json")
    found, predictions = result.json["mcnemar"], result.json["predictions"]
    assert found.keys() == {"only_first", "only_second", "p"}
    only_first, only_second = found["only_first"], found["only_second"]
    accuracies = [call_in_process("eval", run.path, "--json").json["accuracy"] for run in runs]
    assert only_first - only_second == round((accuracies[0] - accuracies[1]) * 2_000)
    assert found["p"] == pytest.approx(binomtest(only_first, only_first + only_second).pvalue)
    assert predictions["accuracies"] == accuracies
    assert (len(predictions["broken"]), len(predictions["fixed"])) == (only_first, only_second)
    assert result.json["not_compared"] is None

    out = " ".join(call_in_process("compare", *[run.path for run in runs]).out.split())
    for expected in (
        f"is correct for {only_first:,}, only",
        f"for {only_second:,}, and both",
        "McNemar's exact test: p =",
    ):
        assert expected in out
    same = call_in_process("compare", runs[0].path, runs[0].path, "--json").json["mcnemar"]
    assert same == {"only_first": 0, "only_second": 0, "p": 1}
    three = call_in_process("compare", *[run.path for run in (*runs, runs[0])], "--json").json
    assert "mcnemar" not in three


def test_runs_that_cannot_be_evaluated_are_still_compared(
    call_in_process: Call, tmp_path: Path, state_home: Path
) -> None:
    good = untrained(tmp_path, 203)
    without_checkpoint = logged(tmp_path, "empty", loss=[0.5])
    other_data = untrained(tmp_path, 203)
    config = other_data.config
    changed = msgspec.structs.replace(config, dataset=msgspec.structs.replace(config.dataset, sha256="1" * 64))
    (other_data.path / "config.json").write_bytes(msgspec.json.encode(changed))
    untrusted = untrained(tmp_path, 203, network=custom_model())
    forget_trust(state_home)
    damaged = untrained(tmp_path, 203)
    (damaged.path / "checkpoints" / "step-1.pt").write_bytes(b"damaged")
    for run, reason in (
        (without_checkpoint, "different versions of synthetic"),
        (other_data, "different versions of synthetic"),
        (untrusted, "trust"),
        (damaged, "no intact checkpoint"),
    ):
        result = call_in_process("compare", good.path, run.path, "--json")
        assert (result.status, result.err) == (0, "")
        assert result.json["mcnemar"] is None
        assert reason in result.json["not_compared"]
        assert result.json["results"]["state"] == ["starting", "starting"]
        message = f"the predictions can't be compared: {result.json['not_compared']}"
        assert "".join(message.split()) in "".join(call_in_process("compare", good.path, run.path).out.split())
