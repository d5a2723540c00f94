"""A run that was killed, stopped or damaged, and resumed, equals the undisturbed run to the bit."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from fashion_tui.lab.training.checkpoint import read_checkpoint, write_checkpoint
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import (
    CheckpointSaved,
    EpochEnd,
    Finished,
    Resumed,
    Started,
    StepChunk,
    Stopped,
    Warned,
)
from fashion_tui.tui.train.summary import summary_lines

from .forked import ForkedTrainer
from .trainers import (
    assert_failed,
    assert_same,
    events,
    final_state,
    make_small_run,
    of_kind,
    step_metrics,
)

pytestmark = pytest.mark.timeout(600)

Fork = Callable[..., ForkedTrainer]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of two epochs. Don't change it."""
    run = make_small_run(tmp_path_factory.mktemp("runs"))
    trainer = ForkedTrainer(run)
    assert trainer.end() == 0, trainer.output()
    return run


def test_the_log_and_the_status_are_complete(undisturbed: Run) -> None:
    kinds = [type(event) for event in events(undisturbed) if not isinstance(event, StepChunk)]
    assert kinds == [Started, EpochEnd, CheckpointSaved, EpochEnd, CheckpointSaved, Finished]
    (started,) = of_kind(undisturbed, Started)
    assert (started.parameters, started.train_images, started.steps_per_epoch) == (204_542, 4000, 63)
    assert (started.epochs, started.device, started.threads) == (2, "cpu", 1)
    assert len(step_metrics(undisturbed)) == 126
    assert [event.reason for event in of_kind(undisturbed, CheckpointSaved)] == ["epoch", "end"]

    first, second = of_kind(undisturbed, EpochEnd)
    assert (first.step, second.step) == (63, 126)
    assert second.train_accuracy > first.train_accuracy
    assert first.validation_accuracy is not None
    assert second.validation_accuracy is not None

    (finished,) = of_kind(undisturbed, Finished)
    assert isinstance(finished.test_accuracy, float)
    assert finished.test_accuracy > 0.6
    assert finished.test_accuracy_flipped is None, "the recipe flips no images"
    assert finished.images_per_second == pytest.approx(8000 / finished.train_seconds)
    latest = undisturbed.checkpoints.latest()
    assert latest is not None
    with undisturbed.checkpoints.open(latest) as file:
        _, notes = read_checkpoint(file)
    last_losses = [loss for loss, _, _ in step_metrics(undisturbed).values()][-50:]
    assert notes["recent_losses"] == pytest.approx(last_losses), "they decide whether a resumed run diverges"
    status = undisturbed.read_status()
    assert (status.state, status.step, status.epoch, status.epochs) == ("finished", 126, 2, 2)
    assert (status.test_accuracy, status.message) == (finished.test_accuracy, None)

    store = undisturbed.checkpoints
    best, latest = store.best(), store.latest()
    assert best is not None
    assert latest is not None
    assert isinstance(second.validation_accuracy, float)
    assert best.validation_accuracy is not None
    for large, width in ((False, 76), (True, 83)):
        snapshot = RunReader(undisturbed).poll()
        lines = [line.plain for line in summary_lines(snapshot, width, terminal_glyphs(), large=large)]
        (scores,) = (line for line in lines if f"validation {second.validation_accuracy * 100:.1f} %" in line)
        assert f"best {best.validation_accuracy * 100:.1f} %" in scores
        assert "trained in" in scores
        assert "img/s" not in scores, "it doesn't fit"
    assert best.validation_accuracy == max(first.validation_accuracy, second.validation_accuracy)
    assert latest.validation_accuracy == second.validation_accuracy


def test_the_metrics_of_an_epoch_are_the_means_of_its_steps(undisturbed: Run) -> None:
    steps = step_metrics(undisturbed)
    sizes = [64] * 62 + [32]
    for epoch in of_kind(undisturbed, EpochEnd):
        metrics = [steps[step] for step in range(epoch.step - 62, epoch.step + 1)]
        loss = sum(size * loss for size, (loss, _, _) in zip(sizes, metrics, strict=True)) / 4000
        accuracy = sum(size * accuracy for size, (_, accuracy, _) in zip(sizes, metrics, strict=True)) / 4000
        assert epoch.train_loss == pytest.approx(loss)
        assert epoch.train_accuracy == pytest.approx(accuracy)


def test_a_kill_within_an_epoch(undisturbed: Run, fork: Fork, tmp_path: Path) -> None:
    run = make_small_run(tmp_path)
    trainer = fork(run)
    trainer.wait_for(StepChunk)
    run.control.request("checkpoint")
    saved = trainer.wait_for(CheckpointSaved)
    assert 0 < saved.step < 63
    assert saved.reason == "asked"
    lost = trainer.wait_for(StepChunk)  # steps after the checkpoint, which are repeated
    trainer.kill()
    assert run.read_status().state == "running"

    trainer = fork(run)
    resumed = trainer.wait_for(Resumed)
    assert (resumed.step, resumed.epoch, resumed.checkpoint) == (saved.step, 0, saved.file)
    assert trainer.wait_for(StepChunk).first_step == saved.step + 1 == lost.first_step
    assert trainer.end() == 0
    assert_same(run, undisturbed)


def test_a_signal_and_a_damaged_last_checkpoint(undisturbed: Run, fork: Fork, tmp_path: Path) -> None:
    run = make_small_run(tmp_path)
    trainer = fork(run)
    first = trainer.wait_for(CheckpointSaved)
    assert first.reason == "epoch"
    trainer.wait_for(StepChunk)
    trainer.send_signal(signal.SIGTERM)
    assert trainer.end() == 0
    (stopped,) = of_kind(run, Stopped)
    assert stopped.reason == "SIGTERM"
    assert run.read_status().state == "stopped"
    last = of_kind(run, CheckpointSaved)[-1]
    assert (last.step, last.reason) == (stopped.step, "stop")
    assert stopped.step > first.step
    assert max(step_metrics(run)) == stopped.step

    file = run.path / "checkpoints" / last.file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    trainer = fork(run)
    assert last.file in trainer.wait_for(Warned).message
    resumed = trainer.wait_for(Resumed)
    assert (resumed.step, resumed.epoch, resumed.checkpoint) == (first.step, 1, first.file)
    assert trainer.end() == 0
    assert_same(run, undisturbed)
    assert run.read_status().state == "finished"


def test_a_kill_before_any_checkpoint_and_more_epochs_after_the_end(
    undisturbed: Run, fork: Fork, tmp_path: Path
) -> None:
    """Training 1 epoch, and then another one, equals training 2 epochs."""
    run = make_small_run(tmp_path, epochs=1)
    trainer = fork(run)
    trainer.wait_for(StepChunk)
    trainer.kill()

    trainer = fork(run)
    resumed = trainer.wait_for(Resumed)
    assert (resumed.step, resumed.checkpoint) == (0, None)
    assert trainer.end() == 0
    assert len(step_metrics(run)) == 63
    assert run.read_status().epochs == 1

    assert fork(run, "--epochs", "2").end() == 0
    assert_same(run, undisturbed)
    status = run.read_status()
    assert (status.state, status.epochs) == ("finished", 2)


def test_a_nan_loss_ends_the_run_and_keeps_the_last_checkpoint(undisturbed: Run, fork: Fork, tmp_path: Path) -> None:
    """A finished run is resumed for another epoch, with huge momentum in its checkpoint."""
    shutil.copytree(undisturbed.path, tmp_path / undisturbed.id)
    run = Run(tmp_path / undisturbed.id)
    store = run.checkpoints
    latest = store.latest()
    assert latest is not None
    with store.open(latest) as file:
        training, notes = read_checkpoint(file)
    for state in training["optimizers"][0].values():
        state["exp_avg"].mul_(1e35)
    store.save(lambda file: write_checkpoint(file, training, notes), step=latest.step, epoch=latest.epoch)
    before = final_state(run)

    failed = assert_failed(fork(run, "--epochs", "3"), "conv2 (Conv2d)")
    assert "at step 128" in failed.message
    assert "try a learning rate below 0.001" in failed.message
    assert failed.step == 128
    steps = step_metrics(run)
    assert max(steps) == 128
    assert isinstance(steps[127][0], float)
    assert steps[128][0] in {"NaN", "Infinity"}
    assert final_state(run) == before
