"""The metrics that a trainer reports, computed independently."""

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from fashion_tui.lab.data.datasets import FASHION_CLASSES, Dataset, Images
from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.training.checkpoint import read_checkpoint
from fashion_tui.lab.training.loop import Training
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import EpochEnd, Finished, StepChunk
from fashion_tui.trainer import metrics, session
from fashion_tui.trainer.metrics import StepMetrics
from fashion_tui.trainer.stopping import StopSignals

from .in_process import open_log
from .trainers import make_run, of_kind


def black_images(labels: torch.Tensor) -> Images:
    return Images(torch.zeros(len(labels), 1, 28, 28, dtype=torch.uint8), labels)


def test_speed_loss_and_times_are_those_of_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps take 1, 2, 4, 8, 16 and 32 seconds. The last batch of each epoch is smaller, and a pause isn't counted."""
    clock = [100.0]
    monkeypatch.setattr(metrics, "time", SimpleNamespace(perf_counter=lambda: clock[0], time=time.time))
    run = make_run(tmp_path, batch_size=40)
    log = open_log(run)
    training = Training(run.config.recipe, black_images(torch.zeros(100).long()), device=torch.device("cpu"), seed=0)
    step_metrics = StepMetrics(training, log, log.status, None)
    losses: list[float] = []
    for epoch in range(2):
        for step, _ in enumerate(training.steps()):
            clock[0] += 2 ** (3 * epoch + step)
            step_metrics.flush()
            if step == 1:
                step_metrics.stop_clock()
                clock[0] += 1000
                step_metrics.restart_clock()
        losses += training.step_metrics(0, 3)[0]
        assert training.epoch_seconds == sum(2 ** (3 * epoch + step) for step in range(3))
        training.end_epoch()
        step_metrics.begin_epoch()

    chunks = of_kind(run, StepChunk)
    assert [chunk.first_step for chunk in chunks] == [1, 2, 3, 4, 5, 6]
    assert [chunk.images_per_second for chunk in chunks] == [40, 20, 5, 5, 2.5, 0.625]
    status = log.status.status
    assert (status.step, status.train_seconds) == (6, 63)
    assert status.images_per_second == (20 + 40 + 40 + 20) / (4 + 8 + 16 + 32), "over the last four chunks"
    assert status.loss == pytest.approx(sum(losses[-4:]) / 4)
    assert len(set(losses)) == 6, "the mean differs from the last loss and from the mean of all"


def train_on_black_images(
    run: Run, train_labels: torch.Tensor, test_labels: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> Finished:
    """Train a run on black images with these labels, 100 seconds after its trainer was started."""
    monkeypatch.setattr(session, "lower_priority", lambda: None)
    train, test = map(black_images, (train_labels, test_labels))
    dataset = Dataset(run.config.dataset, FASHION_CLASSES, train, test)
    log = open_log(run)
    started = time.monotonic() - 100
    return session.train(session.Job(run, None, log, log.status, StopSignals(), lambda _ref: dataset, started))


def test_each_accuracy_and_loss_is_that_of_its_own_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All images are the same and the network learns class 0, so the share of class 0 in each set is its accuracy."""
    run = make_run(tmp_path, epochs=2, validation=64)
    train, held_out, test = torch.zeros(256).long(), torch.arange(64) % 4 % 3, torch.arange(50) % 5
    before = time.monotonic()
    finished = train_on_black_images(run, torch.cat([train, held_out]), test, monkeypatch)
    elapsed = time.monotonic() - before
    epoch = of_kind(run, EpochEnd)[-1]
    assert epoch.train_accuracy == 1
    assert epoch.validation_accuracy == pytest.approx((held_out == 0).double().mean().item())
    assert finished.test_accuracy == pytest.approx((test == 0).double().mean().item())
    assert len({epoch.train_accuracy, epoch.validation_accuracy, finished.test_accuracy}) == 3

    latest = run.checkpoints.latest()
    assert latest is not None
    assert latest.validation_accuracy == epoch.validation_accuracy
    network = GuideNet()
    with run.checkpoints.open(latest) as file:
        network.load_state_dict(read_checkpoint(file)[0]["model"])
    with torch.no_grad():
        nats = -network(torch.full((1, 1, 28, 28), -1.0))[0].double().log_softmax(0)
    assert epoch.validation_loss == pytest.approx(nats[held_out].mean().item(), rel=1e-5)
    assert finished.test_loss == pytest.approx(nats[test].mean().item(), rel=1e-5)
    assert finished.images_per_second == pytest.approx(2 * 256 / finished.train_seconds)
    assert finished.loading_seconds is not None
    assert finished.evaluation_seconds is not None
    assert finished.loading_seconds >= 100
    assert finished.evaluation_seconds > 0
    assert finished.loading_seconds - 100 + finished.train_seconds + finished.evaluation_seconds <= elapsed
