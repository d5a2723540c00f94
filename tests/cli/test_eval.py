"""Options of `eval`: held-out images, simple models and corrupted images."""

from pathlib import Path

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.lab.data.datasets import hold_out, load
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.schema.evaluation import ReliabilityBin
from tests.runs.parts import make_run

from .conftest import Call, assert_error

HELD_OUT = 64


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with initial weights that held out 64 images."""
    torch.manual_seed(301)
    state = {"model": build("guide").state_dict()}
    with make_run(tmp_path_factory.mktemp("runs"), dataset=SYNTHETIC, validation=HELD_OUT) as run:
        run.checkpoints.save(lambda file: write_checkpoint(file, state, {}), step=1, epoch=0)
        return run.path


@pytest.mark.covers("eval --split", "eval --baselines", "eval --robustness", "eval --json")
def test_simple_models_and_corruptions_on_held_out_images(call_in_process: Call, run: Path) -> None:
    options = ("--split", "validation", "--baselines", "--robustness")
    result = call_in_process("eval", run, *options, "--json").json
    assert (result["split"], result["n"]) == ("validation", HELD_OUT)
    assert result["reliability"][0].keys() == set(ReliabilityBin.__struct_fields__)
    assert result["interval"][0] < result["accuracy"] < result["interval"][1]

    training, held_out = hold_out(load(SYNTHETIC).train, HELD_OUT)
    majority = int(training.labels.bincount().argmax())
    baselines = result["baselines"]
    assert baselines["majority"] == (held_out.labels == majority).double().mean().item()
    flat = training.pixels.flatten(1).double().numpy(), held_out.pixels.flatten(1).double().numpy()
    oracle = KNeighborsClassifier(5, algorithm="brute").fit(flat[0], training.labels.numpy())
    assert baselines["nearest"] == pytest.approx(oracle.score(flat[1], held_out.labels.numpy()), abs=1.5 / HELD_OUT)
    assert baselines["majority"] < baselines["linear"] <= 1
    assert "points below" in baselines["verdict"], "the weights are initial"

    robustness = result["robustness"]
    assert (robustness["n"], robustness["accuracy"]) == (HELD_OUT, result["accuracy"])
    assert [curve["corruption"] for curve in robustness["curves"]] == ["noise", "shift", "rotation", "blur"]

    out = call_in_process("eval", run, *options).out
    for expected in (
        f"{HELD_OUT} held-out images",
        "macro mean",
        "confidence",
        baselines["verdict"],
        "standard deviation",
    ):
        assert expected in out
    plain = call_in_process("eval", run, "--split", "validation", "--json").json
    assert not {"baselines", "robustness"} & plain.keys()


def test_a_split_that_does_not_exist(call_in_process: Call, run: Path) -> None:
    assert_error(call_in_process("eval", run, "--split", "train"), 2, "train", "test", "validation")
