"""Runs that use the fields of a recipe can be resumed after a kill, and repeated, with bit-identical results."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch.optim.swa_utils import update_bn

from fashion_tui.engine.server import verification
from fashion_tui.engine.server.cache import Cache
from fashion_tui.engine.server.verification import verify_run
from fashion_tui.lab.data.datasets import FASHION_CLASSES, Dataset, Images
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.evaluation.metrics import evaluate, predict_logits
from fashion_tui.lab.training.checkpoint import read_checkpoint
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import GUIDE, QUICK, STRONG
from fashion_tui.schema.events import CheckpointSaved, EpochEnd, Finished, StepChunk
from fashion_tui.schema.fields import InvalidField
from fashion_tui.schema.recipe import Recipe
from fashion_tui.schema.requests import Verify
from fashion_tui.schema.verification import Verification
from fashion_tui.trained_run import TrainedRun
from fashion_tui.trainer.control import Control
from fashion_tui.trainer.session import Session
from fashion_tui.trainer.stopping import StopTraining
from tests.dataset_infos import info_for
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
    for steps in (3, 6):
        result = verify(run, images, steps)
        assert result.identical, result.first_difference
        assert result.checkpoints == ((6,) if steps == 3 else (3, 6))


def verify(run: Run, images: Images, steps: int) -> Verification:
    dataset = Dataset(info_for(run.config.dataset), images, images)
    with restored_settings(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification, "run_dataset", lambda _config, _cache: dataset)
        return verify_run(Verify(run_path=str(run.path), steps=steps), UninterruptedCall(), Cache())


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
    update_bn([normalise(images[:-80].pixels, recipe.mean, recipe.std)], network)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(weights[name], tensor, msg=f"{name} is computed over the training images")
    network.load_state_dict(read_training(run)["model"])
    assert finished.test_loss != pytest.approx(loss(images), rel=1e-3), "the loss of the weights that aren't averaged"


STOPPING = msgspec.structs.replace(GUIDE, early_stopping="loss", patience=2, min_change=0.001)


def stopped_run(folder: Path, **options: Any) -> Run:
    """Return a run of up to 9 epochs whose validation loss never improves, because the weights hardly change."""
    return make_run(folder, recipe=STOPPING, epochs=9, validation=80, learning_rate=1e-9, **options)


@pytest.mark.covers("recipe.early_stopping", "recipe.patience", "recipe.min_change")
def test_early_stopping_finishes_a_run_and_more_epochs_continue_it(tmp_path: Path) -> None:
    run, images = stopped_run(tmp_path), striped(240)
    train_in_process(run, images=images)
    (finished,) = of_kind(run, Finished)
    assert finished.epochs == 3, "the first epoch is an improvement, the next two aren't"
    assert "validation loss" in (finished.stopped_early or "")
    assert [event.reason for event in of_kind(run, CheckpointSaved)] == ["epoch", "epoch", "end"]
    snapshot = RunReader(run).poll()
    assert (snapshot.state, snapshot.status.epoch, snapshot.status.epochs) == ("finished", 3, 9)
    assert snapshot.total_steps == finished.step == 9

    train_in_process(run, images=images, epochs=4)
    assert of_kind(run, Finished)[-1].epochs == 4
    assert of_kind(run, Finished)[-1].stopped_early is None, "the last epoch was planned"
    train_in_process(run, images=images, epochs=9)
    assert of_kind(run, Finished)[-1].epochs == 5, "the patience ended, counted from the end of the stopped run"
    result = verify(run, images, 15)
    assert (result.identical, result.steps) == (True, 15)


def test_a_run_that_is_killed_while_early_stopping_ends_it_is_not_continued(tmp_path: Path) -> None:
    """The last checkpoint is saved, but not the event that the run has finished."""
    run, images = stopped_run(tmp_path), striped(240)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "_finish", _fail)
        train_in_process(run, images=images, status=1)
    assert of_kind(run, Finished) == []
    train_in_process(run, images=images, epochs=9)
    (finished,) = of_kind(run, Finished)
    assert finished.epochs == 3


def _fail(_session: Session) -> Finished:
    raise RuntimeError("the process is killed")


@pytest.mark.parametrize("resumed_at", [2, 4, 7])
def test_a_resumed_run_is_stopped_early_at_the_same_epoch(tmp_path: Path, resumed_at: int) -> None:
    run, images = stopped_run(tmp_path), striped(240)

    def poll(self: Control) -> None:
        """Act as if a stop were requested after a certain step."""
        if self.checkpoints.training.step == resumed_at:
            self.metrics.flush()
            assert self.checkpoints.save("stop")
            raise StopTraining("asked")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Control, "poll", poll)
        train_in_process(run, images=images)
    assert (run.read_status().state, run.read_status().step) == ("stopped", resumed_at)
    train_in_process(run, images=images)
    assert of_kind(run, Finished)[0].epochs == 3


def test_early_stopping_without_validation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="early stopping needs the validation loss") as error:
        make_run(tmp_path, recipe=STOPPING, validation=0)
    assert error.value.field == "validation"
