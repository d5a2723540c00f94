"""Trainers that wait in the queue: real processes, requests and signals."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from fashion_tui.runs.launch import launch, resume
from fashion_tui.runs.queue import QueueEntry, find_place, move
from fashion_tui.runs.requests import pause, stop
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import Resumed, Started, Stopped, Warned
from fashion_tui.trainer import queue
from fashion_tui.trainer.queue import find_device
from tests.runs.parts import kill, read_line, run_python, wait_until

from .forked import ForkedTrainer
from .trainers import TIMEOUT, Trainer, make_small_run, of_kind

pytestmark = pytest.mark.timeout(600)

MAX_MEMORY = 25 * 2**20
"""Memory of a waiting trainer, in bytes. Pages shared by several processes are divided among them."""

MAX_LOAD = 0.01
"""Share of a core that a waiting trainer uses. It is 0.001 on an idle machine."""

OBSERVED_SECONDS = 3.0

LAUNCH = """
import sys
from pathlib import Path
from fashion_tui.runs.launch import launch
from fashion_tui.runs.run import Run
for path in sys.argv[1:]:
    launch(Run(Path(path)), queue=True)
print("launched")
sys.stdin.readline()
"""

Train = Callable[..., Trainer]
Fork = Callable[..., ForkedTrainer]


def wait_for_place(run: Run, place: int) -> None:
    wait_until(lambda: summarise(run).queue_place == place, TIMEOUT)


def kill_when_it_has_started(run: Run) -> None:
    wait_until(lambda: run.read_status().state != "queued", TIMEOUT)
    holder = run.lock_holder()
    assert holder is not None
    os.kill(holder.pid, signal.SIGKILL)


@pytest.fixture
def device(tmp_path: Path) -> QueueEntry:
    """The entry of a run that trains on the CPU until the test removes the entry."""
    return QueueEntry(tmp_path / "holder", "cpu", waits=False)


def test_a_waiting_trainer_uses_little_memory_and_no_time(train: Train, tmp_path: Path, device: QueueEntry) -> None:
    run = make_small_run(tmp_path)
    trainer = train(run, "--queue")
    wait_until(lambda: find_place(run.path) is not None, TIMEOUT)
    process = psutil.Process(trainer.pid)
    wait_until(lambda: run.read_status().pid == trainer.pid, TIMEOUT)
    before, started = process.cpu_times(), time.monotonic()
    time.sleep(OBSERVED_SECONDS)
    after, seconds = process.cpu_times(), time.monotonic() - started
    load = (after.user + after.system - before.user - before.system) / seconds
    memory = process.memory_full_info().pss
    print(f"\n{memory / 2**20:.1f} MiB, {load:.2%} of a core")
    assert memory < MAX_MEMORY
    assert load < MAX_LOAD
    assert not any("torch" in Path(mapped.path).name for mapped in process.memory_maps())
    device.remove()


def test_a_queued_run_starts_when_the_trainer_before_it_is_killed(fork: Fork, tmp_path: Path) -> None:
    first, second, third = (make_small_run(tmp_path, epochs=epochs, seed=epochs) for epochs in (1000, 1, 2))
    training = fork(first)
    training.wait_for(Started)
    waiting = fork(second, "--queue")
    wait_for_place(second, 1)
    last = fork(third, "--queue")
    wait_for_place(third, 2)
    move(third.path, -1)
    assert (summarise(second).queue_place, summarise(third).queue_place) == (2, 1)
    training.kill()
    started = last.wait_for(Started)
    assert last.end() == 0
    assert waiting.wait_for(Started).time > started.time, "the order was changed while they waited"
    assert waiting.end() == 0
    assert of_kind(second, Started)[0].time >= of_kind(third, Started)[0].time
    assert (summarise(first).state, summarise(second).state, summarise(third).state) == (
        "lost",
        "finished",
        "finished",
    )


def test_stopping_takes_a_run_out_of_the_queue(fork: Fork, tmp_path: Path, device: QueueEntry) -> None:
    run = make_small_run(tmp_path)
    trainer = fork(run, "--queue")
    wait_for_place(run, 1)
    with pytest.raises(UserError, match=r"is queued; it can be stopped, but not paused"):
        pause(run)
    run.control.request("pause")  # as if the request had been made before the run was queued
    assert "can't pause" in trainer.wait_for(Warned).message
    outcome = stop(run)
    assert (outcome.state, outcome.from_step) == ("stopped", 0)
    assert trainer.end() == 0
    assert find_place(run.path) is None
    assert run.checkpoints.latest() is None
    assert of_kind(run, Stopped)[0].reason == "asked"
    again = fork(run, "--queue")
    wait_for_place(run, 1)
    again.send_signal(signal.SIGTERM)
    assert again.end() == 0
    assert of_kind(run, Stopped)[1].reason == "SIGTERM"
    third = fork(run, "--queue", "--epochs", "1")
    wait_for_place(run, 1)
    device.remove()
    assert third.wait_for(Resumed).step == 0
    assert third.end() == 0
    assert summarise(run).state == "finished"


def test_the_queue_outlives_the_app_that_started_the_runs(tmp_path: Path, device: QueueEntry) -> None:
    first, second = (make_small_run(tmp_path) for _ in range(2))
    app = run_python(LAUNCH, str(first.path), str(second.path))
    assert read_line(app) == "launched"
    assert [summarise(run).queue_place for run in (first, second)] == [1, 2]
    kill(app)
    device.remove()
    kill_when_it_has_started(first)
    kill_when_it_has_started(second)


@pytest.mark.usefixtures("device")
def test_a_run_is_resumed_in_the_queue(tmp_path: Path) -> None:
    run = make_small_run(tmp_path)
    launch(run, queue=True)
    assert summarise(run).state == "queued"
    assert resume(run).state == "queued", "it stays in the queue"
    stop(run)
    outcome = resume(run, queue=True)
    assert (outcome.state, summarise(run).queue_place) == ("queued", 1)
    assert stop(run).state == "stopped"


@pytest.mark.usefixtures("forked_processes")
def test_a_queued_run_on_a_gpu_waits_for_the_device_that_torch_selects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process imports torch to select the device, so that the waiting trainer doesn't import it."""
    assert find_device("cpu") == ("cpu", "cpu")
    with monkeypatch.context() as patch:
        patch.setattr(queue, "resolves_to_cpu", lambda _: False)
        patch.setattr(queue, "DEVICE_COMMAND", (sys.executable, "-c", "print('cuda:1 gpu-1234')"))
        assert find_device("auto") == ("cuda:1", "gpu-1234")
    monkeypatch.setattr(queue, "resolves_to_cpu", lambda _: False)
    assert find_device("cpu") == ("cpu", "cpu")
    with pytest.raises(UserError, match="torch finds no Apple GPU"):
        find_device("mps")
