"""What happens around a trainer: its data goes, its folder can't be written any more, readers stand still."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fashion_tui.data.files import find, verify
from fashion_tui.machine.threads import available_cpus
from fashion_tui.runs.launch import stop
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.store import list_runs
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import CheckpointSaved, EpochEnd, Finished, StepChunk, Warned
from tests.runs.parts import wait_until

from .trainers import Trainer, assert_failed, assert_same, cores, figures, make_run, of_kind

Train = Callable[..., Trainer]


@pytest.mark.real_data
def test_the_data_is_needed_at_the_start_alone(real_data: Path, train: Train, tmp_path: Path) -> None:
    """Its folder deleted under a trainer costs nothing; a later trainer says what is missing, in a line."""
    folder = tmp_path / "data"
    shutil.copytree(real_data / "FashionMNIST" / "raw", folder / "FashionMNIST" / "raw")
    run = make_run(
        tmp_path / "runs", dataset=verify(find("fashion-mnist", folder)), epochs=1, validation=0, batch_size=500
    )
    trainer = train(run)
    trainer.wait_for(StepChunk)
    shutil.rmtree(folder)
    assert trainer.end() == 0
    assert of_kind(run, Finished)
    before = figures(run)
    assert_failed(train(run, "--epochs", "2"), str(folder))
    assert figures(run) == before


@contextmanager
def untouchable(folder: Path) -> Iterator[None]:
    """Nothing can be made, renamed or removed in it, not even by root."""
    if shutil.which("chattr") is None or subprocess.run(["chattr", "+i", folder], check=False).returncode != 0:
        pytest.skip("needs a file system and a user that can make a folder immutable")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", folder], check=True)


def test_a_folder_made_read_only_costs_no_step(train: Train, tmp_path: Path) -> None:
    """The training goes on and says what can't be written; with the folder back, the next checkpoint is."""
    undisturbed = make_run(tmp_path / "undisturbed", epochs=3)
    assert train(undisturbed).end() == 0

    run = make_run(tmp_path / "runs", epochs=3)
    trainer = train(run)
    trainer.wait_for(StepChunk)
    with untouchable(run.path / "checkpoints"), untouchable(run.path):
        warned = trainer.wait_for(Warned, lambda event: "checkpoint" in event.message)
        assert "can't be written" in warned.message
        trainer.wait_for(EpochEnd)
        assert run.is_locked()
        assert list_runs(run.path.parent)[0].state in {"starting", "running"}, "it lives, and isn't taken to be lost"
    trainer.wait_for(CheckpointSaved)
    assert trainer.end() == 0
    assert run.read_status().state == "finished"
    assert_same(run, undisturbed)


def test_a_stop_whose_checkpoint_cannot_be_written_is_told(train: Train, tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", epochs=500)
    trainer = train(run)
    trainer.wait_for(StepChunk)
    with (
        untouchable(run.path / "checkpoints"),
        pytest.raises(UserError, match=r"the steps after .* aren't saved"),
    ):
        stop(run)
    assert trainer.end() == 0


def test_a_trainer_whose_run_was_removed_ends(train: Train, tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", epochs=500)
    trainer = train(run)
    trainer.wait_for(StepChunk)
    shutil.rmtree(run.path)
    assert trainer.end() == 1
    assert "the run's folder was removed" in trainer.output()


def test_viewers_and_a_tail_and_one_that_stands_still_see_the_same_and_cost_nothing(
    train: Train, tmp_path: Path
) -> None:
    run = make_run(tmp_path)
    log = run.path / "events.jsonl"
    log.touch()
    tail = subprocess.Popen(["tail", "-c", "+1", "-f", log], stdout=subprocess.PIPE)
    stalled = subprocess.Popen(["tail", "-c", "+1", "-f", log], stdout=subprocess.PIPE)
    os.kill(stalled.pid, signal.SIGSTOP)
    try:
        viewers = [RunReader(run), RunReader(run)]
        followers = [run.follow_events(), run.follow_events()]
        seen: list[list[object]] = [[], []]
        trainer = train(run)
        while not trainer.has_ended:
            for viewer in viewers:
                viewer.poll()
            seen[0] += followers[0].events()  # the other one looks when all is over
        assert trainer.end() == 0
        for found, follower in zip(seen, followers, strict=True):
            found.extend(follower.events())
        assert seen[0] == seen[1]
        last = [viewer.poll() for viewer in (*viewers, RunReader(run))]
        assert [snapshot.state for snapshot in last] == ["finished"] * 3
        assert len({(snapshot.loss.steps, snapshot.missing_steps) for snapshot in last}) == 1
        os.kill(stalled.pid, signal.SIGCONT)
        for reader in (tail, stalled):
            assert reader.stdout is not None
            assert reader.stdout.read(log.stat().st_size) == log.read_bytes()
    finally:
        for reader in (tail, stalled):
            reader.kill()
            reader.wait()


def test_a_request_made_while_it_stands_still_is_answered_when_it_goes_on(train: Train, tmp_path: Path) -> None:
    run = make_run(tmp_path, epochs=200)
    trainer = train(run)
    trainer.wait_for(StepChunk)
    trainer.process.send_signal(signal.SIGSTOP)
    run.control.request("stop")
    trainer.process.send_signal(signal.SIGCONT)
    assert trainer.end() == 0
    assert run.read_status().state == "stopped"


@pytest.mark.skipif(sys.platform != "linux", reason="sets another process's limits")
def test_a_log_that_cannot_grow_loses_no_figure(train: Train, tmp_path: Path) -> None:
    """No file may grow beyond 3 KB, for a second or two: the training goes on, and all its figures come to be read."""
    undisturbed = make_run(tmp_path / "undisturbed", epochs=8)
    assert train(undisturbed).end() == 0

    run = make_run(tmp_path / "runs", epochs=8)
    limit, room = 3_000, 10**9
    trainer = train(run, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, room)))
    wait_until(lambda: "can't be written" in (run.read_status().message or ""), 60)
    step = run.read_status().step
    wait_until(lambda: run.read_status().step > step, 60)
    assert (run.path / "events.jsonl").stat().st_size <= limit
    resource.prlimit(trainer.process.pid, resource.RLIMIT_FSIZE, (room, room))
    assert trainer.end() == 0
    assert "the log can't be written, the training goes on" in trainer.output()
    assert_same(run, undisturbed)


on_several_cores = pytest.mark.skipif(
    not sys.platform.startswith("linux") or available_cpus() == 1, reason="needs Linux and two cores"
)


@on_several_cores
def test_where_a_run_takes_all_cores_each_thread_has_one_of_its_own(train: Train, tmp_path: Path) -> None:
    """Else two that wait for each other come to share one, as soon as anything else computes."""
    trainer = train(make_run(tmp_path, epochs=500, threads=available_cpus()))
    trainer.wait_for(StepChunk)
    of_their_own = [one for one in cores(trainer.process.pid) if len(one) == 1]
    assert set().union(*of_their_own) == os.sched_getaffinity(0)


@on_several_cores
def test_a_run_in_fewer_threads_takes_whatever_cores_are_free(train: Train, tmp_path: Path) -> None:
    trainer = train(make_run(tmp_path, epochs=500, threads=1))
    trainer.wait_for(StepChunk)
    assert all(one == os.sched_getaffinity(0) for one in cores(trainer.process.pid))
