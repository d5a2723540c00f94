"""Whole runs, on a few images: which epoch is the best, when metrics are logged, and where a run ends."""

import errno
import sys
from pathlib import Path

import pytest
import torch
import torchvision.transforms as T
from PIL import Image, ImageOps
from torch import Tensor

from fashion_tui.files import Content
from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.checkpoint import read_checkpoint
from fashion_tui.lab.training.loop import Training
from fashion_tui.runs import launch
from fashion_tui.runs.folder import Folder
from fashion_tui.runs.layout import EVENTS_FILE
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import CheckpointSaved, EpochEnd, Finished, StepChunk
from fashion_tui.trainer import checkpoints, metrics
from fashion_tui.trainer.checkpoints import CheckpointSaver, load_newest_checkpoint
from tests.disk_calls import calls_of_a_write, recorded_disk_calls
from tests.runs.parts import wait_until

from .in_process import BLACK, open_log, train_in_process
from .trainers import events, make_run, of_kind


@pytest.mark.parametrize(("is_disk_full", "best_epoch"), [(False, 1), (True, 2)])
def test_the_first_saved_of_equally_accurate_epochs_is_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, best_epoch: int, *, is_disk_full: bool
) -> None:
    """If the disk is full at the end of the first epoch, its checkpoint can't be the best one."""
    write = Folder.write

    def write_or_fail(self: Folder, name: str, content: Content, *, durable: bool = True) -> None:
        if is_disk_full and name == "step-3.pt":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, name, content, durable=durable)

    monkeypatch.setattr(Folder, "write", write_or_fail)
    run = make_run(tmp_path, epochs=3, validation=100)
    train_in_process(run)
    assert len({epoch.validation_accuracy for epoch in of_kind(run, EpochEnd)}) == 1
    best = run.checkpoints.best()
    assert best is not None
    assert (best.epoch, best.step) == (best_epoch, 3 * best_epoch)
    latest = run.checkpoints.latest()
    assert latest is not None
    assert latest.epoch == 3


def test_the_metrics_of_all_steps_are_logged_before_their_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint is saved after each step, and nothing else makes the trainer log within an epoch.

    Otherwise, the log of a trainer that is killed after such a checkpoint would lack steps.
    """
    monkeypatch.setattr(checkpoints, "MAX_COST", 1e9)
    monkeypatch.setattr(metrics, "CHUNK_PERIOD", 1e9)
    run = make_run(tmp_path, epochs=1, validation=0, checkpoint_every=1e-9)
    train_in_process(run)
    logged, saved = 0, []
    for event in events(run):
        if isinstance(event, StepChunk):
            logged = event.numbers[-1]
        elif isinstance(event, CheckpointSaved):
            saved.append((event.reason, event.step, logged))
    assert saved == [*(("interval", step, step) for step in (1, 2, 3, 4)), ("end", 4, 4)]


@pytest.mark.parametrize(("steps_of_third_epoch", "epochs"), [(0, 2), (1, 3)])
def test_a_run_resumed_with_fewer_epochs_ends_after_the_epoch_that_has_begun(
    tmp_path: Path, steps_of_third_epoch: int, epochs: int
) -> None:
    run = make_run(tmp_path, epochs=5, validation=0)
    training = Training(run.config.recipe, BLACK, device=torch.device("cpu"), seed=run.config.seed)
    for _ in range(2):
        assert len(list(training.steps())) == 4
        training.end_epoch()
    for _, _ in zip(range(steps_of_third_epoch), training.steps(), strict=False):
        pass
    assert training.step == 8 + steps_of_third_epoch
    training.train_seconds = 1.0
    assert CheckpointSaver(run, training, open_log(run), period=60, is_saved=False).save("stop")

    train_in_process(run, epochs=1)
    (finished,) = of_kind(run, Finished)
    assert (finished.epochs, finished.step) == (epochs, 4 * epochs)


def test_the_configured_number_of_epochs_replaces_an_extended_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint contains the extended number; the user's last choice counts."""
    run = make_run(tmp_path, epochs=2, validation=0)
    run.control.request("stop")
    train_in_process(run, epochs=100)
    assert run.read_status().state == "stopped"
    checkpoint = load_newest_checkpoint(run, pytest.fail)
    assert checkpoint is not None
    assert checkpoint.epochs == 100

    file = tmp_path / "arguments"
    code = f"import os, sys; open('{file}.new', 'w').write(str(sys.argv[2:])); os.rename('{file}.new', '{file}')"
    monkeypatch.setattr(launch, "TRAINER", (sys.executable, "-c", code))
    launch.resume(run, epochs=2)
    wait_until(file.exists, 90)
    assert file.read_text() == "['--epochs', '2']"
    train_in_process(run, epochs=2)
    assert (run.read_status().state, run.read_status().epochs) == ("finished", 2)


def test_the_end_of_the_log_is_on_disk_before_the_last_status(tmp_path: Path) -> None:
    run = make_run(tmp_path, epochs=1, validation=0)
    with recorded_disk_calls() as calls:
        train_in_process(run)
    size = (run.path / EVENTS_FILE).stat().st_size
    assert calls[-4:] == [f"sync {EVENTS_FILE} ({size} bytes)", *calls_of_a_write(run.path / "status.json")]
    assert run.read_status().state == "finished"


def bars(count: int) -> Images:
    """Return noisy images with a bright bar. Its column is the class; the mirror image resembles another class."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 10, (count,), generator=generator)
    pixels = torch.randint(0, 200, (count, 1, 28, 28), generator=generator, dtype=torch.uint8)
    pixels[torch.arange(count), 0, :, 2 * labels + 4] = 220
    return Images(pixels, labels)


def test_the_accuracy_with_mirror_images_averages_both_predictions(tmp_path: Path) -> None:
    """The images are mirrored by Pillow. Each likely mistake would give another accuracy."""
    images = bars(256)
    run = make_run(tmp_path, epochs=4, validation=0, learning_rate=3e-3, flip="alternating")
    train_in_process(run, images=images)
    (finished,) = of_kind(run, Finished)

    prepare = T.Compose([T.ToTensor(), T.Normalize((0.5,), (0.5,))])
    pictures = [Image.fromarray(pixels[0].numpy()) for pixels in images.pixels]
    model = trained_network(run)

    def probabilities(pictures: list[Image.Image]) -> Tensor:
        with torch.no_grad():
            result: Tensor = model(torch.stack([prepare(picture) for picture in pictures])).softmax(dim=1)
        return result

    def accuracy(scores: Tensor) -> float:
        return (scores.argmax(dim=1) == images.labels).double().mean().item()

    plain, mirrored = probabilities(pictures), probabilities([ImageOps.mirror(picture) for picture in pictures])
    upside_down = probabilities([ImageOps.flip(picture) for picture in pictures])
    expected = accuracy(plain + mirrored)
    assert finished.test_accuracy_flipped == pytest.approx(expected)
    assert finished.test_accuracy == pytest.approx(accuracy(plain))
    assert expected not in {accuracy(plain), accuracy(mirrored), accuracy(plain + upside_down)}


def trained_network(run: Run) -> torch.nn.Module:
    newest = run.checkpoints.latest()
    assert newest is not None
    with run.checkpoints.open(newest) as file:
        training, _ = read_checkpoint(file)
    model = build(run.config.recipe.model).eval()
    model.load_state_dict(training["model"])
    return model
