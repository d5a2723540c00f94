"""Runs that leave out marked training images."""

from pathlib import Path

import torch

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.training.checkpoint import read_checkpoint
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import EpochEnd, Started
from tests.lab.test_training import striped

from .in_process import train_in_process
from .trainers import make_run, of_kind

LEFT_OUT = (0, 7, 100, 219, 220, 255)
"""Indices of images of which the last two are in the validation set."""


def weights(run: Run) -> dict[str, torch.Tensor]:
    ref = run.checkpoints.latest()
    assert ref is not None
    with run.checkpoints.open(ref) as file:
        model: dict[str, torch.Tensor] = read_checkpoint(file)[0]["model"]
    return model


def test_a_run_is_trained_as_if_the_images_were_missing_and_evaluated_on_all(tmp_path: Path) -> None:
    images = striped(256)
    run = make_run(tmp_path, validation=36, left_out=LEFT_OUT)
    train_in_process(run, images=images, epochs=1)
    train_in_process(run, images=images, epochs=2)

    kept = [index for index in range(256) if index not in LEFT_OUT[:4]]
    without = make_run(tmp_path, validation=36)
    train_in_process(without, images=Images(images.pixels[kept], images.labels[kept]))

    assert [event.train_images for event in of_kind(run, Started)] == [216, 216]
    assert [event.train_images for event in of_kind(without, Started)] == [216]
    ours, expected = weights(run), weights(without)
    assert all(torch.equal(ours[name], expected[name]) for name in expected)
    validation = [(epoch.validation_loss, epoch.validation_accuracy) for epoch in of_kind(run, EpochEnd)]
    assert validation == [(epoch.validation_loss, epoch.validation_accuracy) for epoch in of_kind(without, EpochEnd)]
