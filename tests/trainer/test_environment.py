"""Trainers with deleted data, read-only folders, many viewers and busy CPU cores."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fashion_tui.data.files import find, verify
from fashion_tui.machine.threads import available_cpus
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.requests import stop
from fashion_tui.runs.store import list_runs
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import CheckpointSaved, EpochEnd, Finished, StepChunk, Warned
from tests.custom_models import DROPOUT_NET, custom_model
from tests.runs.parts import wait_until
from tests.suspension import suspend, suspended

from .forked import ForkedTrainer
from .trainers import (
    Trainer,
    assert_failed,
    assert_same,
    make_run,
    make_small_run,
    of_kind,
    step_metrics,
    thread_affinities,
)

Train = Callable[..., Trainer]
Fork = Callable[..., ForkedTrainer]


@pytest.mark.real_data
@pytest.mark.usefixtures("forked_processes")
def test_the_data_set_is_only_needed_at_the_start(
    real_data: Path, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleting the data folder doesn't affect a running trainer. The next trainer reports the missing folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # doesn't say where other tests have read the images
    monkeypatch.setenv("FASHION_TUI_DATA", str(tmp_path / "default"))
    folder = tmp_path / "data"
    shutil.copytree(real_data / "FashionMNIST" / "raw", folder / "FashionMNIST" / "raw")
    run = make_run(
        tmp_path / "runs", dataset=verify(find("fashion-mnist", folder)), epochs=1, validation=0,
        network=custom_model(width=8), model="Net",
    )  # fmt: skip
    trainer = train(run)
    trainer.wait_for(StepChunk)
    with suspended(trainer.pid):
        assert not of_kind(run, EpochEnd)
        shutil.rmtree(folder)
    assert trainer.end() == 0
    assert of_kind(run, Finished)
    before = step_metrics(run)
    assert_failed(train(run, "--epochs", "2"), str(folder))
    assert step_metrics(run) == before


@contextmanager
def immutable(folder: Path) -> Iterator[None]:
    """Prevent everyone, even root, from creating, renaming and removing files in a folder."""
    if shutil.which("chattr") is None or subprocess.run(["chattr", "+i", folder], check=False).returncode != 0:
        pytest.skip("needs a file system and a user that can make a folder immutable")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", folder], check=True)


def test_a_read_only_folder_loses_no_step(fork: Fork, tmp_path: Path) -> None:
    """The trainer reports what it can't write and continues; the next checkpoint is saved when it can."""
    undisturbed = make_small_run(tmp_path / "undisturbed", epochs=3)
    assert fork(undisturbed).end() == 0

    run = make_small_run(tmp_path / "runs", epochs=3)
    trainer = fork(run)
    trainer.wait_for(StepChunk)
    with immutable(run.path / "checkpoints"), immutable(run.path):
        warned = trainer.wait_for(Warned, lambda event: "checkpoint" in event.message)
        assert "can't be written" in warned.message
        trainer.wait_for(EpochEnd)
        assert run.is_locked()
        assert list_runs(run.path.parent)[0].state in {"starting", "running"}, "a live run must not be listed as lost"
    trainer.wait_for(CheckpointSaved)
    assert trainer.end() == 0
    assert run.read_status().state == "finished"
    assert_same(run, undisturbed)


def test_a_stop_without_a_checkpoint_is_reported(fork: Fork, tmp_path: Path) -> None:
    run = make_small_run(tmp_path / "runs", epochs=500)
    trainer = fork(run)
    trainer.wait_for(StepChunk)
    with immutable(run.path / "checkpoints"), pytest.raises(UserError, match=r"the steps after .* aren't saved"):
        stop(run)
    assert trainer.end() == 0


@pytest.mark.usefixtures("forked_processes")
def test_a_trainer_ends_if_its_run_is_deleted(train: Train, tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", epochs=500)
    trainer = train(run)
    trainer.wait_for(StepChunk)
    while run.path.exists():
        shutil.rmtree(run.path, ignore_errors=True)  # the trainer may create or rename a file meanwhile
    assert trainer.end() == 1
    assert "folder was removed" in trainer.output()


def test_all_viewers_see_the_same_even_after_a_suspension(fork: Fork, tmp_path: Path) -> None:
    run = make_small_run(tmp_path)
    log = run.path / "events.jsonl"
    log.touch()
    tail = subprocess.Popen(["tail", "-c", "+1", "-f", log], stdout=subprocess.PIPE)
    stopped_tail = subprocess.Popen(["tail", "-c", "+1", "-f", log], stdout=subprocess.PIPE)
    suspend(stopped_tail.pid)
    try:
        viewers = [RunReader(run), RunReader(run)]
        followers = [run.follow_events(), run.follow_events()]
        seen: list[list[object]] = [[], []]
        trainer = fork(run)
        while not trainer.has_ended:
            for viewer in viewers:
                viewer.poll()
            seen[0] += followers[0].events()  # the other follower reads everything at the end
            trainer.wait(0.02)
        assert trainer.end() == 0
        for events, follower in zip(seen, followers, strict=True):
            events.extend(follower.events())
        assert seen[0] == seen[1]
        last = [viewer.poll() for viewer in (*viewers, RunReader(run))]
        assert [snapshot.state for snapshot in last] == ["finished"] * 3
        assert len({(snapshot.curve("loss").steps, snapshot.missing_steps) for snapshot in last}) == 1
        os.kill(stopped_tail.pid, signal.SIGCONT)
        for reader in (tail, stopped_tail):
            assert reader.stdout is not None
            assert reader.stdout.read(log.stat().st_size) == log.read_bytes()
    finally:
        for reader in (tail, stopped_tail):
            reader.kill()
            reader.wait()


def test_a_request_to_a_suspended_trainer_is_answered_when_it_continues(fork: Fork, tmp_path: Path) -> None:
    run = make_small_run(tmp_path, epochs=200)
    trainer = fork(run)
    trainer.wait_for(StepChunk)
    with suspended(trainer.pid):
        run.control.request("stop")
    assert trainer.end() == 0
    assert run.read_status().state == "stopped"


SLOW_WHILE_LIMITED = "import resource, time\n" + DROPOUT_NET.replace(
    "        return self.body(x)",
    """\
        if resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 3_000:
            time.sleep(0.05)
        return self.body(x)""",
)
"""A network that takes its time while the size of files is limited, so that the limit ends before the training."""


@pytest.mark.skipif(sys.platform != "linux", reason="sets the limits of another process")
def test_a_log_that_cannot_grow_loses_no_metrics(fork: Fork, tmp_path: Path) -> None:
    """Files are limited to 3 KB for a second or two. The training continues, and its metrics are written later."""
    options: dict[str, Any] = {"network": custom_model(SLOW_WHILE_LIMITED), "model": "Net", "epochs": 5}
    undisturbed = make_small_run(tmp_path / "undisturbed", **options)
    assert fork(undisturbed).end() == 0

    run = make_small_run(tmp_path / "runs", **options)
    limit, maximum = 3_000, 10**9
    trainer = fork(run, before=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, maximum)))
    wait_until(lambda: "can't be written" in (run.read_status().message or ""), 60)
    step = run.read_status().step
    wait_until(lambda: run.read_status().step > step, 60)
    assert (run.path / "events.jsonl").stat().st_size <= limit
    resource.prlimit(trainer.pid, resource.RLIMIT_FSIZE, (maximum, maximum))
    assert trainer.end() == 0
    assert "the log can't be written" in trainer.output()
    assert_same(run, undisturbed)


needs_several_cores = pytest.mark.skipif(
    not sys.platform.startswith("linux") or available_cpus() == 1, reason="needs Linux and two cores"
)


@needs_several_cores
def test_each_thread_of_a_run_on_all_cores_is_bound_to_one(train: Train, tmp_path: Path) -> None:
    """Otherwise, if another process is busy, two threads that wait for each other may share a core."""
    trainer = train(make_run(tmp_path, epochs=500, threads=available_cpus()))
    trainer.wait_for(StepChunk)
    bound = [cores for cores in thread_affinities(trainer.process.pid) if len(cores) == 1]
    assert set().union(*bound) == os.sched_getaffinity(0)


@needs_several_cores
def test_a_run_with_fewer_threads_uses_any_core(train: Train, tmp_path: Path) -> None:
    trainer = train(make_run(tmp_path, epochs=500, threads=1))
    trainer.wait_for(StepChunk)
    assert all(cores == os.sched_getaffinity(0) for cores in thread_affinities(trainer.process.pid))
