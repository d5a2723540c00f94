"""Failures are reported in one line and lose nothing."""

import os
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest
import torch

from fashion_tui.data.files import find
from fashion_tui.lab.training.checkpoint import read_checkpoint, write_checkpoint
from fashion_tui.schema.events import CheckpointSaved, RequestHandled, Resumed, Started, StepChunk, Warned
from tests.custom_models import DROPOUT_NET, custom_model

from .forked import ForkedTrainer
from .trainers import Trainer, assert_failed, make_run, of_kind, step_metrics

pytestmark = pytest.mark.timeout(600)

Train = Callable[..., Trainer]
Fork = Callable[..., ForkedTrainer]


def test_a_different_data_set_is_refused(train: Train, tmp_path: Path) -> None:
    other = msgspec.structs.replace(find("synthetic"), sha256="0" * 64)
    trainer = train(make_run(tmp_path, dataset=other))
    assert_failed(trainer, "synthetic has changed")
    assert "Traceback" not in trainer.output()
    assert not of_kind(trainer.run, Started)


@pytest.mark.skipif(sys.platform != "linux", reason="sets the limits of another process")
def test_a_full_disk_loses_no_step(fork: Fork, tmp_path: Path) -> None:
    """Files are limited to 1 MB at first, which is too little for a checkpoint. Then the limit is raised."""
    run = make_run(tmp_path, epochs=1000, validation=0)
    limit = 1_000_000
    trainer = fork(run, before=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit * 1000)))
    trainer.wait_for(StepChunk)
    first = run.control.request("checkpoint")
    warned = trainer.wait_for(Warned)
    assert "checkpoint" in warned.message
    assert "File too large" in warned.message
    assert trainer.wait_for(StepChunk)
    assert not list((run.path / "control").iterdir()), "a failed request must not be repeated"
    assert run.read_status().state == "running"

    resource.prlimit(trainer.pid, resource.RLIMIT_FSIZE, (limit * 1000, limit * 1000))
    second = run.control.request("checkpoint")
    assert trainer.wait_for(CheckpointSaved).reason == "asked"
    assert trainer.wait_for(RequestHandled).request == second != first
    run.control.request("stop")
    assert trainer.end() == 0
    assert run.read_status().message is None, "the message must disappear once the problem is solved"
    step_metrics(run)


LARGE_LOGITS = DROPOUT_NET.replace("return self.body(x)", "return self.body(x) * 1000")
"""A network whose loss is hundreds of times that of random predictions."""


def test_a_diverging_run_fails_after_50_steps_unless_it_is_kept_going(fork: Fork, tmp_path: Path) -> None:
    network, kept = custom_model(LARGE_LOGITS), 1e-12
    run = make_run(tmp_path, network=network, model="Net", learning_rate=kept)
    failed = assert_failed(fork(run), "mean loss of the last 50 steps")
    assert failed.step == 50
    assert "--keep-going" in failed.message
    assert list(step_metrics(run)) == list(range(1, 51))

    run = make_run(tmp_path, network=network, model="Net", learning_rate=kept, epochs=1, keep_going=True)
    assert fork(run).end() == 0


def test_a_damaged_configuration_is_reported_and_the_run_unchanged(fork: Fork, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    trainer = fork(run, before=partial(os.truncate, run.path / "config.json", 100))
    assert trainer.end() == 1
    assert trainer.output().count("\n") == 1
    assert run.read_status().state == "starting"
    assert not (run.path / "events.jsonl").exists()


def test_a_checkpoint_of_another_network_is_named_and_one_without_trainer_state_is_skipped(
    fork: Fork, tmp_path: Path
) -> None:
    run = make_run(tmp_path, epochs=1)
    assert fork(run).end() == 0
    intact = run.checkpoints.latest()
    assert intact is not None
    with run.checkpoints.open(intact) as file:
        training, notes = read_checkpoint(file)
    last, training["epoch"] = intact.step, 0
    other = training | {"model": {"weight": torch.zeros(2)}}
    run.checkpoints.save(partial(write_checkpoint, training=other, trainer=notes), step=last + 1, epoch=0)
    failed = assert_failed(fork(run, "--epochs", "2"), "doesn't fit the network")
    assert f"step-{last + 1}.pt" in failed.message
    assert "delete" in failed.message

    (run.path / "checkpoints" / f"step-{last + 1}.pt").unlink()
    run.checkpoints.save(partial(write_checkpoint, training=training, trainer={}), step=last + 2, epoch=0)
    trainer = fork(run, "--epochs", "2")
    assert trainer.end() == 0
    assert of_kind(trainer.run, Resumed)[-1].step == last
    assert any(f"step-{last + 2}.pt lacks" in event.message for event in of_kind(trainer.run, Warned))
