"""A trainer that waited for its run is as quick as can be, as hard to kill as another, and computes the same bits."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fashion_tui.data.files import find, verify
from fashion_tui.machine.threads import available_cpus
from fashion_tui.runs.launch import launch, pause, resume
from fashion_tui.runs.run import Run
from fashion_tui.runs.stand_by import StandBy
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.events import Finished, StepChunk
from tests.runs.parts import wait_until

from .trainers import PATIENCE, assert_same, cores, events, make_run, of_kind


@pytest.fixture
def stand_by() -> Iterator[StandBy]:
    made = StandBy()
    yield made
    made.close()


def is_ready(pid: int) -> bool:
    """Torch is imported, the data read, the first steps made: then it only waits."""
    process = psutil.Process(pid)
    before = process.cpu_times()
    time.sleep(0.3)
    after = process.cpu_times()
    return process.memory_info().rss > 300 * 2**20 and after.user + after.system - before.user - before.system < 0.02


def prepared(stand_by: StandBy) -> int:
    stand_by.prepare(verify(find("synthetic")))
    pid = stand_by.pid
    assert pid is not None
    wait_until(lambda: is_ready(pid), PATIENCE)
    return pid


def ended(run: Run) -> bool:
    return run.read_status().state in {"finished", "failed"} and not run.is_locked()


def test_it_takes_the_run_at_once_and_computes_what_a_cold_one_does(tmp_path: Path, stand_by: StandBy) -> None:
    cold = make_run(tmp_path / "cold", epochs=1)
    launch(cold)
    wait_until(lambda: ended(cold), PATIENCE)

    waiting = prepared(stand_by)
    warm = make_run(tmp_path / "warm", epochs=1)
    began = time.time()
    assert launch(warm, stand_by=stand_by) == waiting
    wait_until(lambda: bool(of_kind(warm, StepChunk)), PATIENCE)
    first = of_kind(warm, StepChunk)[0].time - began
    print(f"\nfrom the start of a run to its first figures: {first:.2f} s")
    assert stand_by.pid is None
    wait_until(lambda: ended(warm), PATIENCE)
    assert warm.read_status().state == "finished"
    assert isinstance(events(warm)[-1], Finished)
    assert_same(warm, cold)
    assert "---- trainer started" in (warm.path / "trainer.log").read_text()


def test_with_its_run_it_has_a_session_of_its_own_and_answers(tmp_path: Path, stand_by: StandBy) -> None:
    waiting = prepared(stand_by)
    run = make_run(tmp_path, epochs=100, threads=available_cpus())
    launch(run, stand_by=stand_by)
    wait_until(lambda: bool(of_kind(run, StepChunk)), PATIENCE)
    process = psutil.Process(waiting)
    who = run.lock_holder()
    assert who is not None
    assert who.pid == waiting == os.getsid(waiting)
    assert process.cwd() == str(run.path)
    assert process.terminal() is None
    of_their_own = [one for one in cores(waiting) if len(one) == 1]
    assert set().union(*of_their_own) == os.sched_getaffinity(0), "as those of one that was started cold"
    assert Path(f"/proc/{waiting}/fd/0").resolve() == Path("/dev/null")
    assert Path(f"/proc/{waiting}/fd/2").resolve() == run.path / "trainer.log"
    os.kill(waiting, signal.SIGHUP)  # a lost terminal
    assert pause(run).state == "paused"
    assert resume(run).state == "running"
    os.kill(waiting, signal.SIGTERM)
    wait_until(lambda: not run.is_locked(), PATIENCE)
    assert run.read_status().state == "stopped"


def test_given_its_run_before_it_is_ready_it_trains_it_all_the_same(tmp_path: Path, stand_by: StandBy) -> None:
    stand_by.prepare(verify(find("synthetic")))
    waiting = stand_by.pid
    run = make_run(tmp_path, epochs=1)
    assert launch(run, stand_by=stand_by) == waiting
    wait_until(run.is_locked, PATIENCE)
    wait_until(lambda: ended(run), PATIENCE)
    assert run.read_status().state == "finished"


def test_it_goes_when_nobody_could_give_it_a_run_any_more(stand_by: StandBy) -> None:
    stand_by.prepare(verify(find("synthetic")))
    assert stand_by.pid is not None
    process = psutil.Process(stand_by.pid)
    stand_by.close()
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, PATIENCE)


def test_where_it_has_died_the_run_starts_cold(tmp_path: Path, stand_by: StandBy) -> None:
    stand_by.prepare(verify(find("synthetic")))
    waiting = stand_by.pid
    assert waiting is not None
    process = psutil.Process(waiting)
    process.kill()
    wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE or not process.is_running(), PATIENCE)
    run = make_run(tmp_path, epochs=1)
    assert launch(run, stand_by=stand_by) != waiting
    wait_until(lambda: ended(run), PATIENCE)
    assert run.read_status().state == "finished"
    assert run.config.threads == 1


def test_other_data_takes_another_one(stand_by: StandBy) -> None:
    dataset = verify(find("synthetic"))
    stand_by.prepare(dataset)
    first = stand_by.pid
    stand_by.prepare(dataset)
    assert stand_by.pid == first
    stand_by.prepare(DatasetRef(name="fashion-mnist", directory="/nowhere", sha256=""))
    assert stand_by.pid not in {first, None}
