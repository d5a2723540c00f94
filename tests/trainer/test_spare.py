"""A spare trainer starts its run at once, and computes the same bits as any other trainer."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fashion_tui.data.files import find, verify
from fashion_tui.machine.threads import available_cpus
from fashion_tui.runs import launch as launching
from fashion_tui.runs.launch import launch, resume
from fashion_tui.runs.requests import pause
from fashion_tui.runs.run import Run
from fashion_tui.runs.spare import SpareTrainer
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.events import Finished, StepChunk
from tests.runs.parts import wait_until
from tests.suspension import suspend

from .trainers import TIMEOUT, assert_same, events, make_run, of_kind, thread_affinities

pytestmark = pytest.mark.usefixtures("forked_processes")


@pytest.fixture
def spare() -> Iterator[SpareTrainer]:
    spare = SpareTrainer()
    yield spare
    spare.close()


def is_ready(pid: int) -> bool:
    """Return whether the process has loaded torch and the data set, trained its first steps, and is idle."""
    process = psutil.Process(pid)
    before = process.cpu_times()
    time.sleep(0.3)
    after = process.cpu_times()
    return process.memory_info().rss > 300 * 2**20 and after.user + after.system - before.user - before.system < 0.02


def wait_until_ready(spare: SpareTrainer) -> int:
    spare.prepare(verify(find("synthetic")))
    pid = spare.pid
    assert pid is not None
    wait_until(lambda: is_ready(pid), TIMEOUT)
    return pid


def has_ended(run: Run) -> bool:
    return run.read_status().state in {"finished", "failed"} and not run.is_locked()


@pytest.mark.executed
def test_a_spare_trainer_starts_at_once_and_computes_the_same_bits(tmp_path: Path, spare: SpareTrainer) -> None:
    cold = make_run(tmp_path / "cold", epochs=1)
    launch(cold)
    wait_until(lambda: has_ended(cold), TIMEOUT)

    pid = wait_until_ready(spare)
    warm = make_run(tmp_path / "warm", epochs=1)
    started = time.time()
    assert launch(warm, spare=spare) == pid
    wait_until(lambda: bool(of_kind(warm, StepChunk)), TIMEOUT)
    print(f"\nfrom the launch to the first metrics: {of_kind(warm, StepChunk)[0].time - started:.2f} s")
    assert spare.pid is None
    wait_until(lambda: has_ended(warm), TIMEOUT)
    assert warm.read_status().state == "finished"
    assert isinstance(events(warm)[-1], Finished)
    assert_same(warm, cold)
    assert "---- trainer started" in (warm.path / "trainer.log").read_text()


@pytest.mark.executed  # torch binds its threads to cores only when it is imported
def test_a_spare_trainer_has_its_own_session_and_handles_requests(tmp_path: Path, spare: SpareTrainer) -> None:
    pid = wait_until_ready(spare)
    run = make_run(tmp_path, epochs=100, threads=available_cpus())
    launch(run, spare=spare)
    wait_until(lambda: bool(of_kind(run, StepChunk)), TIMEOUT)
    process = psutil.Process(pid)
    holder = run.lock_holder()
    assert holder is not None
    assert holder.pid == pid == os.getsid(pid)
    assert process.cwd() == str(run.path)
    assert process.terminal() is None
    bound = [cores for cores in thread_affinities(pid) if len(cores) == 1]
    assert set().union(*bound) == os.sched_getaffinity(0), "the threads must be bound to cores, as in any trainer"
    assert Path(f"/proc/{pid}/fd/0").resolve() == Path("/dev/null")
    assert Path(f"/proc/{pid}/fd/2").resolve() == run.path / "trainer.log"
    os.kill(pid, signal.SIGHUP)  # as if the terminal were lost
    assert pause(run).state == "paused"
    assert resume(run).state == "running"
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not run.is_locked(), TIMEOUT)
    assert run.read_status().state == "stopped"


def test_a_spare_trainer_accepts_a_run_before_it_is_ready(tmp_path: Path, spare: SpareTrainer) -> None:
    spare.prepare(verify(find("synthetic")))
    pid = spare.pid
    run = make_run(tmp_path, epochs=1)
    assert launch(run, spare=spare) == pid
    wait_until(lambda: has_ended(run), TIMEOUT)
    assert run.read_status().state == "finished"


def test_closing_ends_the_spare_trainer(spare: SpareTrainer) -> None:
    spare.prepare(verify(find("synthetic")))
    assert spare.pid is not None
    process = psutil.Process(spare.pid)
    spare.close()
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, TIMEOUT)


def test_another_trainer_is_started_if_the_spare_one_has_died(tmp_path: Path, spare: SpareTrainer) -> None:
    spare.prepare(verify(find("synthetic")))
    pid = spare.pid
    assert pid is not None
    process = psutil.Process(pid)
    process.kill()
    wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE or not process.is_running(), TIMEOUT)
    run = make_run(tmp_path, epochs=1)
    assert launch(run, spare=spare) != pid
    wait_until(lambda: has_ended(run), TIMEOUT)
    assert run.read_status().state == "finished"
    assert run.config.threads == 1


def test_another_data_set_replaces_the_spare_trainer(spare: SpareTrainer) -> None:
    dataset = verify(find("synthetic"))
    spare.prepare(dataset)
    first = spare.pid
    spare.prepare(dataset)
    assert spare.pid == first
    spare.prepare(DatasetRef(name="fashion-mnist", directory="/nowhere", sha256=""))
    assert spare.pid not in {first, None}


def test_a_spare_trainer_that_hangs_is_replaced(
    tmp_path: Path, spare: SpareTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "SPARE_TIMEOUT", 1.0)
    spare.prepare(verify(find("synthetic")))
    assert spare.pid is not None
    stuck = psutil.Process(spare.pid)
    suspend(stuck.pid)
    run = make_run(tmp_path, epochs=1)
    assert launch(run, spare=spare) == stuck.pid
    wait_until(lambda: has_ended(run), TIMEOUT)
    assert run.read_status().state == "finished"
    assert not stuck.is_running()
