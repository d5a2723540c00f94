"""Parts of the trainer by themselves, for faults that no real run can be made to meet at a given moment."""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
import torch

from fashion_tui.lab.data.datasets import FASHION_CLASSES, Dataset, Images
from fashion_tui.lab.training.loop import Training
from fashion_tui.runs.layout import EVENTS_FILE
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import CheckpointSaved, Resumed, StepChunk, Warned
from fashion_tui.trainer import session
from fashion_tui.trainer.checkpoints import Checkpoints
from fashion_tui.trainer.endings import TrainingFailed
from fashion_tui.trainer.log import RunLog, decode_figures
from fashion_tui.trainer.preparation import Preparation
from fashion_tui.trainer.signals import StopSignals
from fashion_tui.trainer.status import StatusBoard

from .trainers import figures, make_run, of_kind


def open_log(run: Run) -> RunLog:
    return RunLog(run, StatusBoard(run, run.read_status()))


def steps(first: int, last: int) -> StepChunk:
    count = last - first + 1
    return StepChunk(
        time=time.time(),
        first_step=first,
        epoch=1,
        loss=[0.5] * count,
        accuracy=[0.5] * count,
        learning_rate=[1e-3] * count,
        images_per_second=1.0,
    )


def test_a_new_state_and_the_first_loss_are_on_disk_at_once(tmp_path: Path) -> None:
    """Someone waits for them; the board's thread, which writes the rest, isn't running here."""
    run = make_run(tmp_path)
    board = StatusBoard(run, run.read_status())
    board.update(state="running")
    assert run.read_status().state == "running"
    board.update(loss=2.5, step=1)
    assert (run.read_status().loss, run.read_status().step) == (2.5, 1)
    board.update(loss=2.25, step=2)
    assert run.read_status().loss == 2.5, "a step never waits for the disk"


@contextmanager
def no_room_in(file: Path) -> Iterator[None]:
    """The file can't grow meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("killed", ["before there is room again", "after it was written"])
def test_figures_that_the_log_had_no_room_for_survive_in_the_checkpoint(killed: str, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    log = open_log(run)
    log.write(steps(1, 3))
    with no_room_in(run.path / EVENTS_FILE):
        log.write(steps(4, 6))
        kept = log.sync()
        assert "File too large" in str(log.board.status.message)
    if killed == "after it was written":
        log.write(steps(7, 8))
        assert log.sync() == []
        assert len(of_kind(run, Warned)) == 1
        assert list(figures(run)) == [1, 2, 3, 4, 5, 6, 7, 8]

    unwritten = decode_figures(kept)
    assert [event.first_step for event in unwritten if isinstance(event, StepChunk)] == [4]
    following = open_log(run)
    assert following.continues
    following.write(Resumed(time=time.time(), step=3, epoch=0, epochs=1, checkpoint="step-6.pt", pid=os.getpid()))
    for event in unwritten:
        following.write(event)
    assert list(figures(run)) == [1, 2, 3, 4, 5, 6]


@pytest.fixture
def training(tmp_path: Path) -> Training:
    """One batch an epoch, all of it black."""
    recipe = make_run(tmp_path).config.recipe
    return Training(recipe, black(recipe.batch_size), device=torch.device("cpu"), seed=0)


def black(count: int) -> Images:
    return Images(torch.zeros(count, 1, 28, 28, dtype=torch.uint8), torch.zeros(count, dtype=torch.int64))


def test_weights_that_are_no_numbers_are_never_saved(training: Training, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    checkpoints = Checkpoints(run, training, open_log(run), every=60, is_saved=True)
    assert checkpoints.save("interval"), "it comes from a checkpoint"
    assert run.checkpoints.latest() is None
    assert list(training.steps()) == [1]
    assert checkpoints.save("asked")
    good = run.checkpoints.latest()
    assert good is not None

    training.end_epoch()
    with torch.no_grad():
        training.model.get_parameter("conv2.weight")[0, 0, 0, 0] = torch.nan
    with pytest.raises(
        TrainingFailed, match=r"conv2.weight holds a NaN or an infinity after step 1; try a learning rate"
    ):
        checkpoints.save("epoch")
    assert run.checkpoints.latest() == good


def test_checkpoints_that_cost_much_are_taken_more_rarely_than_asked(training: Training, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    checkpoints = Checkpoints(run, training, open_log(run), every=1e-6, is_saved=False)
    assert list(training.steps()) == [1]
    was_due = checkpoints.due
    assert checkpoints.save("interval")
    assert (was_due, checkpoints.due) == (True, False)
    (saved,) = of_kind(run, CheckpointSaved)
    assert saved.seconds > 0
    assert saved.next_in == pytest.approx(50 * saved.seconds), "2 % of the run's time, and no more"


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB"), MemoryError()]
)
def test_too_little_memory_names_the_batch_size_to_try(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: session.Session) -> NoReturn:
        raise error

    run = make_run(tmp_path, validation=0)
    log = open_log(run)
    preparation = Preparation()
    monkeypatch.setattr(preparation, "dataset", lambda ref: Dataset(ref, FASHION_CLASSES, black(100), black(10)))
    monkeypatch.setattr(session.Session, "train", fail)
    with pytest.raises(TrainingFailed, match="cpu has too little memory for a batch of 64: try a batch size of 32"):
        session.train(session.Orders(run, None, log, log.board, StopSignals(), preparation, 0.0))
