"""Requests to a live trainer, and signals and second trainers, which don't disturb it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

from fashion_tui.lab.devices import has_bf16
from fashion_tui.runs import requests
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import STRONG
from fashion_tui.schema.events import CheckpointSaved, RequestHandled, Started, StepChunk, Stopped, Warned
from fashion_tui.schema.run import ControlAction, RunStatus
from fashion_tui.trainer.session import NICENESS

from .forked import ForkedTrainer
from .trainers import SMALL_SET, TIMEOUT, Trainer, assert_same, make_run, of_kind, step_metrics

pytestmark = pytest.mark.timeout(600)

Train = Callable[..., Trainer]
Fork = Callable[..., ForkedTrainer]

MAX_RESPONSE_TIME = 5.0
"""Maximum time to answer a request, in seconds. A trainer needs less than 1 s if the machine is idle."""


def request(trainer: Trainer, action: ControlAction) -> RequestHandled:
    """Make a request and wait for the answer."""
    started = time.time()
    request_id = trainer.run.control.request(action)
    answer = trainer.wait_for(RequestHandled)
    assert (answer.action, answer.request) == (action, request_id)
    assert answer.time - started < MAX_RESPONSE_TIME
    return answer


def next_status(run: Run, after: RunStatus) -> RunStatus:
    """Return the first status with a later heartbeat."""
    deadline = time.monotonic() + TIMEOUT
    while (status := run.read_status()).heartbeat == after.heartbeat:
        assert time.monotonic() < deadline, "the heartbeat has stopped"
        time.sleep(0.05)
    return status


def assert_second_trainer_ends_at_once(first: Trainer) -> None:
    """Assert that a second trainer ends with an error that names the first one, and changes nothing."""
    status = first.run.read_status()
    second = subprocess.run(
        [sys.executable, "-m", "fashion_tui.trainer", str(first.run.path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"process {first.process.pid}" in second.stderr
    assert first.run.read_status().pid == status.pid == first.process.pid


def test_every_request_is_answered_and_nothing_else_disturbs_the_trainer(train: Train, tmp_path: Path) -> None:
    run = make_run(tmp_path, epochs=1000, validation=0, precision="bf16")
    trainer = train(run)
    trainer.wait_for(StepChunk)
    assert run.read_status().state == "running"
    fallback = [] if has_bf16(torch.device("cpu")) else ["cpu doesn't support bf16; fp32 is used"]
    assert [warned.message for warned in of_kind(run, Warned)] == fallback

    paused = request(trainer, "pause")
    status = run.read_status()
    assert (status.state, status.step) == ("paused", paused.step)
    assert max(step_metrics(run)) == paused.step

    before = next_status(run, status)
    process = psutil.Process(trainer.process.pid)
    assert process.nice() == max(NICENESS, psutil.Process().nice()), (
        "the user's programs must have priority over the trainer"
    )
    used = sum(process.cpu_times()[:2])
    after = next_status(run, next_status(run, before))
    used = sum(process.cpu_times()[:2]) - used
    assert used < 0.1 * (after.heartbeat - before.heartbeat), "a paused trainer must not use the CPU"
    assert (after.state, after.step, after.train_seconds) == ("paused", paused.step, status.train_seconds)

    assert request(trainer, "checkpoint").step == paused.step
    (saved,) = of_kind(run, CheckpointSaved)
    assert (saved.step, saved.reason) == (paused.step, "asked")
    assert request(trainer, "pause").step == paused.step

    assert request(trainer, "resume").step == paused.step
    assert run.read_status().state == "running"
    assert trainer.wait_for(StepChunk).first_step == paused.step + 1
    seconds = next_status(run, run.read_status()).train_seconds
    assert seconds < status.train_seconds + time.time() - before.heartbeat
    assert request(trainer, "resume").step > paused.step

    step = requests.checkpoint(run).from_step
    assert of_kind(run, CheckpointSaved)[-1].step == step, (
        "the outcome must have the checkpoint's step, which the status may not have yet"
    )
    assert trainer.wait_for(RequestHandled).step == step

    trainer.process.send_signal(signal.SIGHUP)
    assert_second_trainer_ends_at_once(trainer)
    step = trainer.wait_for(StepChunk).numbers[-1]
    trainer.wait_for(StepChunk, lambda chunk: chunk.numbers[-1] > step)

    stopped = request(trainer, "stop")
    assert trainer.end() == 0
    assert [(event.step, event.reason) for event in of_kind(run, Stopped)] == [(stopped.step, "asked")]
    assert of_kind(run, CheckpointSaved)[-1].step == stopped.step
    assert max(step_metrics(run)) == stopped.step
    assert (run.read_status().state, run.read_status().step) == ("stopped", stopped.step)
    assert not list((run.path / "control").iterdir())


def test_requests_within_a_long_step_are_handled_at_once(fork: Fork, tmp_path: Path) -> None:
    """One batch is the whole training set. Requests abort its step, and the resumed run equals the undisturbed one."""
    runs = {}
    for name in ("undisturbed", "disturbed"):
        runs[name] = make_run(
            tmp_path / name, recipe=STRONG, epochs=1, validation=500, dataset=SMALL_SET, batch_size=4000
        )
    assert fork(runs["undisturbed"]).end() == 0

    run = runs["disturbed"]
    trainer = fork(run)
    trainer.wait_for(Started)
    started = time.monotonic()
    for action in ("pause", "resume", "checkpoint", "pause", "resume", "stop"):
        assert request(trainer, action).step == 0
    assert trainer.end() == 0
    seconds = time.monotonic() - started
    assert [event.step for event in of_kind(run, Stopped)] == [0]
    assert [event.step for event in of_kind(run, CheckpointSaved)] == [0], "the same state must be saved only once"

    trainer = fork(run)
    trainer.wait_for(Started)
    started = time.monotonic()
    trainer.wait_for(StepChunk)
    assert seconds < time.monotonic() - started, "all requests must take less time than one step"
    assert trainer.end() == 0
    assert_same(run, runs["undisturbed"])


def test_a_signal_while_the_trainer_loads(train: Train, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    trainer = train(run)
    deadline = time.monotonic() + TIMEOUT
    while run.read_status().pid != trainer.process.pid:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    trainer.process.send_signal(signal.SIGINT)
    assert trainer.end() == 0
    (stopped,) = of_kind(run, Stopped)
    assert (stopped.step, stopped.reason) == (0, "SIGINT")
    assert run.read_status().state == "stopped"
