"""The metrics that a trainer reports, computed independently."""

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from fashion_tui.lab.data.datasets import Dataset, Images
from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.training.checkpoint import read_checkpoint
from fashion_tui.lab.training.loop import Training
from fashion_tui.lab.training.observation import StepObserver
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import EpochEnd, Finished, StepChunk
from fashion_tui.trainer import metrics, session
from fashion_tui.trainer.devices import DeviceMonitor
from fashion_tui.trainer.metrics import StepMetrics
from fashion_tui.trainer.queue import DeviceQueue
from fashion_tui.trainer.stopping import StopSignals
from tests.dataset_infos import info_for
from tests.gpu_machines import FULL, SECOND, FakeGpu, Machine

from .in_process import open_log, train_in_process
from .trainers import final_state, make_run, of_kind, step_metrics


def black_images(labels: torch.Tensor) -> Images:
    return Images(torch.zeros(len(labels), 1, 28, 28, dtype=torch.uint8), labels)


def test_speed_loss_and_times_are_those_of_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps take 1, 2, 4, 8, 16 and 32 seconds. The last batch of each epoch is smaller, and a pause isn't counted."""
    clock = [100.0]
    monkeypatch.setattr(metrics, "time", SimpleNamespace(perf_counter=lambda: clock[0], time=time.time))
    run = make_run(tmp_path, batch_size=40)
    log = open_log(run)
    training = Training(run.config.recipe, black_images(torch.zeros(100).long()), device=torch.device("cpu"), seed=0)
    logger = StepMetrics(training, log, log.status, None)
    losses: list[float] = []
    for epoch in range(2):
        for step, _ in enumerate(training.steps()):
            clock[0] += 2 ** (3 * epoch + step)
            logger.flush()
            if step == 1:
                logger.stop_clock()
                clock[0] += 1000
                logger.restart_clock()
        losses += training.step_metrics(0, 3)[0]
        assert training.epoch_seconds == sum(2 ** (3 * epoch + step) for step in range(3))
        training.end_epoch()
        logger.begin_epoch()

    chunks = [chunk for chunk in of_kind(run, StepChunk) if chunk.steps is None]
    assert [chunk.first_step for chunk in chunks] == [1, 2, 3, 4, 5, 6]
    speeds = [chunk.metrics["images_per_second"][-1] for chunk in of_kind(run, StepChunk) if chunk.steps]
    assert speeds == [40, 20, 5, 5, 2.5, 0.625]
    status = log.status.status
    assert (status.step, status.train_seconds) == (6, 63)
    assert status.images_per_second == (20 + 40 + 40 + 20) / (4 + 8 + 16 + 32), "over the last four chunks"
    assert status.loss == pytest.approx(sum(losses[-4:]) / 4)
    assert len(set(losses)) == 6, "the mean differs from the last loss and from the mean of all"


def test_the_trainer_logs_gradients_layers_and_devices_and_trains_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step is logged and every step is observed."""
    monkeypatch.setattr(metrics, "CHUNK_PERIOD", 0)
    monkeypatch.setattr(metrics, "LAYER_PERIOD", 0)
    monkeypatch.setattr(metrics, "LAYER_STEPS", 0)
    run = make_run(tmp_path / "observed", validation=64)
    train_in_process(run)
    reader = RunReader(run)
    snapshot = reader.poll()
    layers = ("conv1", "conv2", "fc1", "fc2")
    assert set(snapshot.metrics) == {
        "loss", "accuracy", "learning_rate", "images_per_second", "batch_time", "gradient_norm",
        "utilization/cpu", "memory/cpu", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy",
        *(f"gradient_norm/{layer}" for layer in layers), *(f"update_ratio/{layer}" for layer in layers),
        *(f"dead_relus/{layer}" for layer in layers[:3]),
    }  # fmt: skip
    for name in ("loss", "gradient_norm", "update_ratio/fc1", "dead_relus/fc1", "memory/cpu"):
        assert [step for step, _ in reader.series(name).items()] == [1, 2, 3, 4, 5, 6], name
    assert [step for step, _ in reader.series("validation_loss").items()] == [3, 6]
    assert reader.series("validation_loss").values()[-1] == of_kind(run, EpochEnd)[-1].validation_loss
    total = psutil.virtual_memory().total
    assert all(0.01 * total < used < total for used in reader.series("memory/cpu").values())
    assert all(0 <= utilization <= 1 for utilization in reader.series("utilization/cpu").values())
    assert all(-8 < ratio < 0 for ratio in reader.series("update_ratio/fc1").values())

    monkeypatch.setattr(StepObserver, "request", lambda _self, **_: None)
    plain = make_run(tmp_path / "plain", validation=64)
    train_in_process(plain)
    assert "gradient_norm" not in RunReader(plain).poll().metrics
    assert final_state(plain) == final_state(run)
    assert step_metrics(plain) == step_metrics(run)


def test_layers_are_measured_less_often_in_long_runs_and_at_most_every_20th_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step takes 0.3 s, or 6 s after hours of training. Each step is logged."""
    run = make_run(tmp_path, batch_size=1)
    for seconds, trained, expected in ((0.3, 0.0, [1, 2, 22, 42, 62, 82]), (6.0, 200_000.0, [1, 2, 36, 70])):
        clock = [0.0]
        monkeypatch.setattr(metrics, "time", SimpleNamespace(perf_counter=lambda clock=clock: clock[0], time=time.time))
        log = open_log(run)
        written: list[StepChunk] = []
        monkeypatch.setattr(log, "write", written.append)
        training = Training(
            run.config.recipe, black_images(torch.zeros(100).long()), device=torch.device("cpu"), seed=0
        )
        training.train_seconds = trained
        logger = StepMetrics(training, log, log.status, None)
        for _ in training.steps():
            clock[0] += seconds
            logger.flush()
        observed = [chunk.numbers[-1] for chunk in written if "update_ratio/fc1" in chunk.metrics]
        assert observed == expected


def test_the_usage_of_the_gpu_is_logged_if_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(gpu: FakeGpu, nvml_gpus: tuple[FakeGpu, ...] | None) -> dict[str, float]:
        Machine((SECOND, gpu), nvml_gpus=nvml_gpus).install(monkeypatch)
        metrics = DeviceMonitor(torch.device("cuda", 1)).measure()
        return {name: value for name, value in metrics.items() if not name.endswith("/cpu")}

    assert measured(FULL, (FULL, SECOND)) == {"utilization/cuda:1": 0.03, "memory/cuda:1": 79 * 2**30}
    unknown = replace(FULL, busy=None, free=None)
    assert measured(unknown, (unknown, SECOND)) == {}
    assert measured(FULL, None) == {}, "NVML doesn't work"


def train_on_black_images(
    run: Run, train_labels: torch.Tensor, test_labels: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> Finished:
    """Train a run on black images with these labels, 100 seconds after its trainer was started."""
    monkeypatch.setattr(session, "lower_priority", lambda: None)
    train, test = map(black_images, (train_labels, test_labels))
    dataset = Dataset(info_for(run.config.dataset), train, test)
    log = open_log(run)
    started = time.monotonic() - 100
    job = session.Job(run, None, log, log.status, StopSignals(), lambda _ref: dataset, DeviceQueue(run), started)
    return session.train(job)


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
