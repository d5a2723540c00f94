"""Runs that use the fields of a recipe can be resumed after a kill, and repeated, to the bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from fashion_tui.engine.server import verification
from fashion_tui.engine.server.cache import Cache
from fashion_tui.engine.server.verification import verify_run
from fashion_tui.lab.data.datasets import FASHION_CLASSES, Dataset
from fashion_tui.lab.evaluation.metrics import evaluate, predict_logits
from fashion_tui.lab.training.checkpoint import read_checkpoint
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import CheckpointSaved, EpochEnd, Finished, StepChunk
from fashion_tui.schema.recipe import QUICK, STRONG, Recipe
from fashion_tui.schema.requests import Verify
from fashion_tui.trained_run import TrainedRun
from tests.engine.in_process import UninterruptedCall, restored_settings
from tests.lab.test_training import CPU, striped

from .forked import ForkedTrainer
from .in_process import train_in_process
from .trainers import assert_same, make_run, make_small_run, of_kind

pytestmark = pytest.mark.timeout(600)

RECIPES: dict[str, Recipe] = {
    "adamw": msgspec.structs.replace(
        QUICK,
        optimizer="adamw",
        weight_decay=0.1,
        max_gradient_norm=1.0,
        schedule="cosine",
        label_smoothing=0.1,
        ema_decay=0.9,
    ),
    "sgd in micro-batches": msgspec.structs.replace(
        QUICK,
        batch_size=400,
        optimizer="sgd",
        momentum=0.9,
        nesterov=True,
        weight_decay=1e-3,
        schedule="onecycle",
        warm_up=0.3,
        ema_decay=0.5,
        crop=2,
        erase=6,
        precision="fp32",
    ),
    "muon": msgspec.structs.replace(
        STRONG, model="quick", schedule="constant", warm_up=0.5, weight_decay=0.1, max_gradient_norm=1.0
    ),
}  # fmt: skip
"""Recipes that together use all fields."""


def test_a_killed_and_resumed_run_equals_an_undisturbed_one(fork: Callable[..., ForkedTrainer], tmp_path: Path) -> None:
    undisturbed, run = (make_small_run(tmp_path / name, recipe=RECIPES["adamw"]) for name in ("one", "other"))
    trainer = fork(run)
    trainer.wait_for(StepChunk)
    run.control.request("checkpoint")
    trainer.wait_for(CheckpointSaved)
    trainer.kill()
    assert fork(run).end() == 0
    assert fork(undisturbed).end() == 0
    assert_same(run, undisturbed)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_steps_are_repeatable(recipe: Recipe, tmp_path: Path) -> None:
    """The steps are repeated from the checkpoint at the end of the first epoch, and from the start."""
    images = striped(240)
    run = make_run(tmp_path, recipe=recipe, validation=80, batch_size=64)
    train_in_process(run, images=images)
    dataset = Dataset(run.config.dataset, FASHION_CLASSES, images, images)
    with restored_settings(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification, "run_dataset", lambda _config, _cache: dataset)
        for steps in (3, 6):
            result = verify_run(Verify(run_path=str(run.path), steps=steps), UninterruptedCall(), Cache())
            assert result.identical, result.first_difference
            assert result.checkpoints == ((6,) if steps == 3 else (3, 6))


def read_training(run: Run) -> dict[str, Any]:
    newest = run.checkpoints.latest()
    assert newest is not None
    with run.checkpoints.open(newest) as file:
        return read_checkpoint(file)[0]


@pytest.mark.covers("recipe.ema_decay")
def test_a_run_is_evaluated_with_the_averaged_weights(tmp_path: Path) -> None:
    """The accuracies in the log are those of the network that `eval` and `export` load from the checkpoint."""
    images = striped(240)
    recipe = msgspec.structs.replace(QUICK, ema_decay=0.6, precision="fp32")
    run = make_run(tmp_path, recipe=recipe, validation=80, batch_size=32, flip="alternating")
    train_in_process(run, images=images)
    with TrainedRun.open(run.path) as trained:
        network = trained.network()
        weights = trained.weights()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())

    def loss(part: Any) -> float:
        return evaluate(predict_logits(network, part.pixels, recipe, CPU), part.labels, FASHION_CLASSES).loss

    (finished,) = of_kind(run, Finished)
    assert finished.test_loss == pytest.approx(loss(images), rel=1e-6)
    assert of_kind(run, EpochEnd)[-1].validation_loss == pytest.approx(loss(images[-80:]), rel=1e-6)
    network.load_state_dict(read_training(run)["model"])
    assert finished.test_loss != pytest.approx(loss(images), rel=1e-3), "the loss of the weights that aren't averaged"
