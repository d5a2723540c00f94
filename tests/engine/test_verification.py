"""Steps of a run are repeated to the bit, and every change of a loss, a weight or the data is found."""

from pathlib import Path

import msgspec
import pytest
import torch

from fashion_tui.engine.server import verification
from fashion_tui.engine.server.cache import Cache
from fashion_tui.engine.server.verification import verify_run
from fashion_tui.lab.data.datasets import Dataset, Images
from fashion_tui.lab.training.checkpoint import read_checkpoint, write_checkpoint
from fashion_tui.runs.events import encode_line
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import QUICK
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import StepChunk
from fashion_tui.schema.requests import Verify
from fashion_tui.schema.verification import Verification
from tests.dataset_infos import info_for
from tests.lab.test_training import striped
from tests.trainer.in_process import train_in_process
from tests.trainer.trainers import make_run

from .in_process import UninterruptedCall, restored_settings

IMAGES = striped(256)


def verify(run: Run, steps: int, images: Images = IMAGES) -> Verification:
    dataset = Dataset(info_for(run.config.dataset), images, images)
    with restored_settings(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification, "run_dataset", lambda _config, _cache: dataset)
        return verify_run(Verify(run_path=str(run.path), steps=steps), UninterruptedCall(), Cache())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of two epochs of 3 steps, with a checkpoint after each epoch. The last batch of an epoch is smaller."""
    run = make_run(tmp_path, validation=80)
    train_in_process(run, images=IMAGES)
    return run


@pytest.mark.parametrize(
    ("steps", "from_step", "repeated", "checkpoints"),
    [(1, 3, 1, ()), (3, 3, 3, (6,)), (4, 0, 4, (3,)), (6, 0, 6, (3, 6)), (100, 0, 6, (3, 6))],
)
def test_steps_are_repeated_from_the_newest_checkpoint_that_is_early_enough(
    run: Run, steps: int, from_step: int, repeated: int, checkpoints: tuple[int, ...]
) -> None:
    result = verify(run, steps)
    assert result.identical, result.first_difference
    assert (result.from_step, result.steps, result.checkpoints) == (from_step, repeated, checkpoints)
    assert (result.device, result.threads, result.changed) == ("cpu", 1, ())
    assert result.versions == run.config.versions


def test_a_run_resumed_with_more_epochs_has_two_schedules(tmp_path: Path) -> None:
    """The learning rates of `quick` depend on the total number of epochs."""
    run = make_run(tmp_path, recipe=QUICK, epochs=1, validation=80)
    train_in_process(run, images=IMAGES)
    train_in_process(run, images=IMAGES, epochs=2)
    result = verify(run, 6)
    assert (result.identical, result.steps, result.checkpoints) == (True, 6, (3, 6))


def test_images_that_the_run_left_out_are_left_out_again(tmp_path: Path) -> None:
    run = make_run(tmp_path, validation=80, left_out=(3, 50, 200))
    train_in_process(run, images=IMAGES)
    result = verify(run, 6)
    assert (result.identical, result.steps) == (True, 6)


def rewrite_log(run: Run, step: int, loss: float) -> None:
    """Change the logged loss of a step."""
    lines = []
    for seq, event in enumerate(run.follow_events().events()):
        changed = event
        if isinstance(event, StepChunk) and event.steps is None and step in event.numbers:
            losses = list(event.metrics["loss"])
            losses[event.numbers.index(step)] = loss
            changed = msgspec.structs.replace(event, metrics=event.metrics | {"loss": losses})
        lines.append(encode_line(run.id, seq, changed))
    (run.path / "events.jsonl").write_bytes(b"".join(lines))


def test_the_first_loss_that_differs_is_reported(run: Run) -> None:
    (logged,) = (loss for step, loss in verification._Log(run, 2).losses.items() if step == 5)
    changed = float(torch.nextafter(torch.tensor(logged), torch.tensor(9.0)))
    rewrite_log(run, 5, changed)
    result = verify(run, 6)
    assert result.first_difference is not None
    assert not result.identical
    difference = result.first_difference
    assert (difference.step, difference.what, result.steps) == (5, "loss", 5)
    assert difference.run == changed
    assert difference.again == pytest.approx(logged, rel=1e-7)
    assert verify(run, 1).identical, "step 4 is the same"


def test_a_weight_that_differs_in_its_last_bit_is_reported(run: Run) -> None:
    ref = run.checkpoints.at(6)
    assert ref is not None
    with run.checkpoints.open(ref) as file:
        training, notes = read_checkpoint(file)
    weights = training["model"]["fc1.weight"]
    weights[3, 7] = torch.nextafter(weights[3, 7], torch.tensor(9.0))
    for file_of_original in (run.path / "checkpoints").glob("step-6.*"):
        file_of_original.unlink()
    run.checkpoints.save(lambda file: write_checkpoint(file, training, notes), step=6, epoch=2)
    difference = verify(run, 3).first_difference
    assert difference is not None
    assert (difference.step, difference.what) == (6, "fc1.weight")
    assert difference.run == weights[3, 7].item()
    assert isinstance(difference.again, float)
    assert 0 < weights[3, 7].item() - difference.again < 1e-6


def test_other_images_and_versions_are_noticed(run: Run) -> None:
    other = Images(IMAGES.pixels.flip(0), IMAGES.labels)
    difference = verify(run, 6, other).first_difference
    assert difference is not None
    assert (difference.step, difference.what) == (1, "loss")
    config, version = run.path / "config.json", run.config.versions["torch"]
    config.write_text(config.read_text().replace(version, "1.2.3"))
    assert verify(Run(run.path), 1).changed == (f"torch 1.2.3 is now {version}",)


def test_a_run_without_steps_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no steps"):
        verify(make_run(tmp_path), 20)
