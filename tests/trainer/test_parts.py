"""Tests of the trainer's parts, for faults that can't be timed in a real run."""

import errno
import math
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest
import torch

from fashion_tui.lab.data.datasets import Dataset, Images
from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.training.loop import Training
from fashion_tui.runs.layout import EVENTS_FILE
from fashion_tui.runs.run import Run
from fashion_tui.runs.state import HEARTBEAT_LIMIT
from fashion_tui.schema.builtin_recipes import GUIDE, QUICK
from fashion_tui.schema.events import CheckpointSaved, Resumed, Started, StepChunk, Warned
from fashion_tui.trainer import session
from fashion_tui.trainer.checkpoints import CheckpointSaver
from fashion_tui.trainer.metrics import DivergenceCheck
from fashion_tui.trainer.queue import DeviceQueue
from fashion_tui.trainer.reporting import HEARTBEAT_PERIOD, StatusUpdater, decode_metric_events
from fashion_tui.trainer.stopping import LossNotFinite, StopSignals, TrainingFailed, suggest_learning_rate
from tests.dataset_infos import info_for
from tests.disk_calls import calls_of_a_write, recorded_disk_calls
from tests.gpu_machines import H100, MACHINES, Machine
from tests.lab.fake_cuda import fake_cuda
from tests.runs.parts import wait_until

from .in_process import open_log, train_in_process
from .trainers import TIMEOUT, make_run, of_kind, step_metrics


def steps(first: int, last: int) -> StepChunk:
    count = last - first + 1
    return StepChunk(
        time=time.time(),
        first_step=first,
        metrics={"loss": [0.5] * count, "accuracy": [0.5] * count, "learning_rate": [1e-3] * count},
    )


def test_the_default_of_the_recipe_is_suggested_only_for_its_own_optimizer() -> None:
    other = msgspec.structs.replace(QUICK, optimizer="sgd", learning_rate=50.0)
    assert suggest_learning_rate(other) == "try a learning rate below 50"
    own = suggest_learning_rate(msgspec.structs.replace(QUICK, learning_rate=50.0))
    assert f"such as {QUICK.learning_rate:g}, the default of quick" in own


@pytest.mark.parametrize(("loss", "value"), [(math.nan, "NaN"), (-math.inf, "infinite")])
def test_a_loss_that_is_not_finite_is_reported_with_its_step(loss: float, value: str) -> None:
    assert str(LossNotFinite(loss, 1_234, GUIDE)).startswith(f"the loss is {value} at step 1,234; try ")


def test_a_new_state_and_the_first_loss_are_written_at_once(tmp_path: Path) -> None:
    """Viewers wait for the state and the first loss. The heartbeat, which isn't started here, writes later changes."""
    run = make_run(tmp_path)
    status = StatusUpdater(run, run.read_status())
    status.update(state="running")
    assert run.read_status().state == "running"
    status.update(loss=2.5, step=1)
    assert (run.read_status().loss, run.read_status().step) == (2.5, 1)
    status.update(loss=2.25, step=2)
    assert run.read_status().loss == 2.5, "a step must not wait for the disk"


def test_the_status_is_written_regularly(tmp_path: Path) -> None:
    """A viewer reports a run as lost if its heartbeat is older than 5 s, so two writes must follow within that time."""
    run = make_run(tmp_path)
    status = StatusUpdater(run, run.read_status())
    status.start()
    first = run.read_status().heartbeat
    wait_until(lambda: run.read_status().heartbeat > first, TIMEOUT)
    status.close()
    assert HEARTBEAT_PERIOD <= HEARTBEAT_LIMIT / 2


def test_the_last_status_is_on_disk_before_the_trainer_ends(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    status = StatusUpdater(run, run.read_status())
    with recorded_disk_calls() as calls:
        status.start()
        assert calls == ["rename status.json"], "the heartbeat must not wait for the disk"
        status.close()
    assert calls[-3:] == calls_of_a_write(run.path / "status.json")


@contextmanager
def unable_to_grow(file: Path) -> Iterator[None]:
    """Limit the size of all files to the current size of this file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("is_written_later", [False, True], ids=["killed before", "written later"])
def test_a_checkpoint_stores_metrics_that_the_log_lacks(is_written_later: bool, tmp_path: Path) -> None:  # noqa: FBT001
    run = make_run(tmp_path)
    log = open_log(run)
    log.write(steps(1, 3))
    assert log.sync() == []
    with unable_to_grow(run.path / EVENTS_FILE):
        log.write(steps(4, 6))
        stored = log.sync()
        assert "File too large" in str(log.status.status.message)
    if is_written_later:
        log.write(steps(7, 8))
        assert log.sync() == []
        assert len(of_kind(run, Warned)) == 1
        assert list(step_metrics(run)) == [1, 2, 3, 4, 5, 6, 7, 8]

    unwritten = decode_metric_events(stored)
    assert [event.first_step for event in unwritten if isinstance(event, StepChunk)] == [4]
    next_log = open_log(run)
    assert next_log.is_continued
    next_log.write(Resumed(time=time.time(), step=3, epoch=0, epochs=1, checkpoint="step-6.pt", pid=os.getpid()))
    for event in unwritten:
        next_log.write(event)
    assert list(step_metrics(run)) == [1, 2, 3, 4, 5, 6]


def test_a_checkpoint_stores_metrics_that_cannot_be_synced(tmp_path: Path) -> None:
    """A network file system may report only when a file is synced that its disk is full."""

    def fail(_descriptor: int) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    run = make_run(tmp_path)
    log = open_log(run)
    log.write(steps(1, 3))
    assert log.sync() == []
    log.write(steps(4, 6))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        stored = decode_metric_events(log.sync())
    assert [event.first_step for event in stored if isinstance(event, StepChunk)] == [4]
    (warned,) = of_kind(run, Warned)
    assert "No space left" in warned.message
    assert log.sync() == []


@pytest.fixture
def training(tmp_path: Path) -> Training:
    """A training with one batch of black images per epoch."""
    recipe = make_run(tmp_path).config.recipe
    return Training(recipe, black_images(recipe.batch_size), device=torch.device("cpu"), seed=0)


def test_divergence_is_noticed_at_the_same_step_after_a_resume() -> None:
    losses = [23.0] * 40 + [23.1] * 60  # the limit is 23.026
    checks = [DivergenceCheck(GUIDE, 10, [])]
    noticed = []
    for step, loss in enumerate(losses, 1):
        checks.append(DivergenceCheck(GUIDE, 10, list(checks[0].losses)))  # resumed before this step
        noticed.append({check.add(loss, step) is not None for check in checks})
    assert {True, False} not in noticed
    assert noticed.index({True}) + 1 == 53, "the first step at which 13 of the last 50 losses are 23.1"


def black_images(count: int) -> Images:
    return Images(torch.zeros(count, 1, 28, 28, dtype=torch.uint8), torch.zeros(count, dtype=torch.int64))


def test_metrics_are_on_disk_before_their_checkpoint_and_a_checkpoint_before_its_pointer(
    training: Training, tmp_path: Path
) -> None:
    run = make_run(tmp_path)
    log = open_log(run)
    saver = CheckpointSaver(run, training, log, period=60, is_saved=False)
    assert list(training.steps()) == [1]
    with recorded_disk_calls() as calls:
        log.write(steps(1, 1))
        size = (run.path / EVENTS_FILE).stat().st_size
        assert saver.save("epoch", validation_accuracy=0.5, best=True)
    files = [
        calls_of_a_write(run.path / "checkpoints" / name)
        for name in ("step-1.pt", "step-1.json", "best.json", "latest.json")
    ]
    assert calls == [f"sync {EVENTS_FILE} ({size} bytes)", *chain(*files)]


def test_weights_with_nan_are_never_saved(training: Training, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    saver = CheckpointSaver(run, training, open_log(run), period=60, is_saved=True)
    assert saver.save("interval"), "nothing to save, because the state was loaded from a checkpoint"
    assert run.checkpoints.latest() is None
    assert list(training.steps()) == [1]
    assert saver.save("asked")
    intact = run.checkpoints.latest()
    assert intact is not None

    training.end_epoch()
    with torch.no_grad():
        training.model.get_parameter("conv2.weight")[0, 0, 0, 0] = torch.nan
    with pytest.raises(TrainingFailed, match=r"conv2.weight .* after step 1; try a learning rate"):
        saver.save("epoch")
    assert run.checkpoints.latest() == intact


def test_expensive_checkpoints_are_saved_less_often(training: Training, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    saver = CheckpointSaver(run, training, open_log(run), period=1e-6, is_saved=False)
    assert list(training.steps()) == [1]
    was_due = saver.is_due
    assert saver.save("interval")
    assert (was_due, saver.is_due) == (True, False)
    (saved,) = of_kind(run, CheckpointSaved)
    assert saved.seconds > 0
    assert saved.next_in == pytest.approx(50 * saved.seconds), "at most 2 % of the run's time"


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB"), MemoryError()]
)
def test_out_of_memory_suggests_a_batch_size(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: session.Session) -> NoReturn:
        raise error

    run = make_run(tmp_path, validation=0)
    log = open_log(run)
    monkeypatch.setattr(session.Session, "train", fail)
    job = session.Job(
        run,
        epochs=None,
        log=log,
        status=log.status,
        signals=StopSignals(),
        load_dataset=lambda ref: Dataset(info_for(ref), black_images(100), black_images(10)),
        devices=DeviceQueue(run),
        started=0.0,
    )
    with pytest.raises(TrainingFailed, match=r"cpu .* batch of 64: .* 32"):
        session.train(job)


@pytest.mark.parametrize(("own", "hint"), [(70, "try a batch size of 32"), (2, "another program frees memory")])
def test_out_of_memory_on_a_gpu_says_who_uses_the_memory(
    own: int, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = replace(H100, free=2**30)
    Machine((gpu,), nvml_gpus=(gpu,)).install(monkeypatch)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: own * 2**30)
    error = torch.AcceleratorError("CUDA error: out of memory")
    failed = session._explain(error, make_run(tmp_path).config, torch.device("cuda", 0))
    assert isinstance(failed, TrainingFailed)
    assert all(words in str(failed) for words in ("batch of 64", "1.0 GiB of 80.0 GiB are free", hint))
    assert ("batch size of" in str(failed)) == (own == 70)


def test_a_run_is_finished_if_the_final_test_does_not_fit_on_the_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In evaluation mode, the network runs out of memory until it is copied to the CPU."""
    MACHINES["healthy"].install(monkeypatch)
    forward, trained = GuideNet.forward, []

    def cramped(self: GuideNet, images: torch.Tensor) -> torch.Tensor:
        if self.training:
            trained.append(id(self))
        elif id(self) in trained:
            raise RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")
        return forward(self, images)

    monkeypatch.setattr(GuideNet, "forward", cramped)
    run = make_run(tmp_path, epochs=1, validation=0, device="cuda")
    with fake_cuda(monkeypatch):
        warnings = train_and_return_warnings(run)
    torch.backends.cuda.matmul.allow_tf32 = False
    assert len(warnings) == 1
    assert "cuda:0 has too little memory to evaluate" in warnings[0]


def train_and_return_warnings(run: Run) -> list[str]:
    train_in_process(run)
    return [warned.message for warned in of_kind(run, Warned)]


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_run_warns_if_auto_is_the_cpu_of_a_gpu_machine(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    MACHINES["old driver"].install(monkeypatch)
    warnings = train_and_return_warnings(make_run(tmp_path, epochs=1, validation=0, device=device))
    assert len(warnings) == (1 if device == "auto" else 0)
    assert all("RTX 3090" in message and "update the driver" in message for message in warnings)


def loss_that_synchronises(
    logits: torch.Tensor, labels: torch.Tensor, cross_entropy: Any = torch.nn.functional.cross_entropy, **options: Any
) -> torch.Tensor:
    """Compute the loss and read it, which is forbidden during a capture."""
    loss: torch.Tensor = cross_entropy(logits, labels, **options)
    loss.item()
    return loss


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_on_a_gpu_warns_of_a_failed_capture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    """A whole run on a simulated GPU."""
    run = make_run(tmp_path, epochs=1, validation=64, device="auto")
    MACHINES["healthy"].install(monkeypatch)
    with fake_cuda(monkeypatch) as cuda:
        if fails:
            monkeypatch.setattr(torch.nn.functional, "cross_entropy", loss_that_synchronises)
        warnings = train_and_return_warnings(run)
        assert [graph.replays for graph in cuda.graphs] == ([0] if fails else [3])
    torch.backends.cuda.matmul.allow_tf32 = False
    (started,) = of_kind(run, Started)
    assert started.device == "cuda:0"
    assert len(warnings) == int(fails)
    assert all("slower: CUDA error: operation not permitted" in message for message in warnings)
