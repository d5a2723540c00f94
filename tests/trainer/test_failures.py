"""What goes wrong: said in one line, and nothing good is lost for it."""

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fashion_tui.data.files import find
from fashion_tui.schema.events import CheckpointSaved, RequestHandled, Started, StepChunk, Warned

from .trainers import Trainer, assert_failed, figures, make_run, of_kind

pytestmark = pytest.mark.timeout(600)

Train = Callable[..., Trainer]


def test_another_data_set_than_the_runs_is_refused(train: Train, tmp_path: Path) -> None:
    other = msgspec.structs.replace(find("synthetic"), sha256="0" * 64)
    trainer = train(make_run(tmp_path, dataset=other))
    assert_failed(trainer, "synthetic has changed")
    assert "Traceback" not in trainer.output()
    assert not of_kind(trainer.run, Started)


@pytest.mark.skipif(sys.platform != "linux", reason="sets another process's limits")
def test_full_disk_costs_no_step(train: Train, tmp_path: Path) -> None:
    """No file may grow beyond 1 MB: no checkpoint fits; then there is room again."""
    run = make_run(tmp_path, epochs=1000, validation=0)
    limit = 1_000_000
    trainer = train(run, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit * 1000)))
    trainer.wait_for(StepChunk)
    asked = run.control.request("checkpoint")
    warned = trainer.wait_for(Warned)
    assert "checkpoint" in warned.message
    assert "File too large" in warned.message
    assert trainer.wait_for(StepChunk)
    assert not list((run.path / "control").iterdir()), "a request that failed isn't repeated"
    assert run.read_status().state == "running"

    resource.prlimit(trainer.process.pid, resource.RLIMIT_FSIZE, (limit * 1000, limit * 1000))
    again = run.control.request("checkpoint")
    assert trainer.wait_for(CheckpointSaved).reason == "asked"
    assert trainer.wait_for(RequestHandled).request == again != asked
    run.control.request("stop")
    assert trainer.end() == 0
    assert run.read_status().message is None, "it is settled"
    figures(run)


def test_damaged_configuration_is_told_and_left_alone(train: Train, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    trainer = train(run, before=lambda: os.truncate(run.path / "config.json", 100))
    assert trainer.end() == 1
    assert trainer.output().count("\n") == 1
    assert run.read_status().state == "starting"
    assert not (run.path / "events.jsonl").exists()
