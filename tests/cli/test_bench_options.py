"""Options of `fashion-tui bench`. The workers run in this process and measure each contender only briefly."""

import functools
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import msgspec
import pytest
import torch

from fashion_tui.bench import client, worker
from fashion_tui.bench.messages import AnyTask, MeasureSpeed, Task, WorkerSetup
from fashion_tui.cli.commands import bench
from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.lab.data.datasets import load
from fashion_tui.schema.bench import GUIDE_LOOP, AppCost, BenchReport, Latency
from tests.engine.in_process import restored_settings
from tests.gpu_machines import MACHINES
from tests.lab.fake_cuda import fake_cuda

from .conftest import Call, assert_error


class WorkerInProcess:
    """Replaces the process of a worker, and its stdin and stdout."""

    tasks: list[tuple[Task, int]]
    """The tasks of all workers, each with the number of threads that performed it."""

    def __init__(self, command: list[str], **_options: Any) -> None:
        self._worker = worker.Worker(msgspec.json.decode(command[-1], type=WorkerSetup))
        self.stdin = self.stdout = self

    def write(self, line: str) -> None:
        task = msgspec.json.decode(line, type=AnyTask)
        self.tasks.append((task, torch.get_num_threads()))
        self._reply = msgspec.json.encode(self._worker.perform(task)).decode()

    def flush(self) -> None:
        pass

    def readline(self) -> str:
        return self._reply

    def kill(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def report_of(call_in_process: Call, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that calls `bench` with options, on synthetic images and the CPU, and returns its report."""
    monkeypatch.setattr(client, "subprocess", SimpleNamespace(Popen=WorkerInProcess, PIPE=subprocess.PIPE))
    monkeypatch.setattr(client, "WARM_UP_SECONDS", 0.01)
    monkeypatch.setattr(bench, "TURN_SECONDS", 0.02)
    monkeypatch.setattr(worker, "PEAK_SECONDS", 0.01)
    monkeypatch.setattr(worker, "MATRIX_SIZE", {"cpu": 64, "cuda": 64})
    monkeypatch.setattr(worker, "load", functools.cache(load))
    monkeypatch.setattr(WorkerInProcess, "tasks", [], raising=False)

    def call(*options: object) -> Any:
        result = call_in_process("bench", "--dataset", "synthetic", "--device", "cpu", "--json", *options)
        assert result.status == 0, result.err
        return result.json

    with restored_settings():
        yield call


Report = Callable[..., Any]
QUICKLY = ("--recipe", "quick", "--rounds", 1, "--no-app")


@pytest.mark.covers("bench --recipe", "bench --rounds", "bench --threads", "bench --dataset", "bench --runs")
def test_each_contender_is_measured_in_each_round(report_of: Report, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    report = report_of(
        "--recipe", "quick", "--recipe", "guide", "--rounds", 2, "--threads", 3, "--no-app", "--runs", runs
    )
    names = [GUIDE_LOOP, "quick", "guide"]
    assert [speed["name"] for speed in report["results"]] == names
    assert (report["rounds"], report["threads"], report["dataset"]) == (2, 3, "synthetic")
    measured = [task.contender for task, _ in WorkerInProcess.tasks if isinstance(task, MeasureSpeed)]
    assert measured == names * (1 + 2), "the first round is a warm-up"
    assert {threads for _, threads in WorkerInProcess.tasks} == {3}
    assert not runs.exists(), "a benchmark has no run in the user's folder"


@pytest.mark.covers("bench --device")
def test_the_contenders_train_on_the_given_device(report_of: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    MACHINES["healthy"].install(monkeypatch)
    with fake_cuda(monkeypatch):
        devices = [report_of(*QUICKLY, "--device", name)["device"] for name in ("auto", "cpu", "cuda:0")]
    torch.backends.cuda.matmul.allow_tf32 = False
    assert devices == ["cuda:0", "cpu", "cuda:0"]


@pytest.mark.usefixtures("forked_processes")
@pytest.mark.covers("bench --accuracy", "bench --recipe")
def test_full_trainings_report_warm_up_and_evaluation(report_of: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker trains on 1,000 images only. The whole command that is timed at the end trains on all."""
    dataset = load(SYNTHETIC)
    few = replace(dataset, train=dataset.train[:1_000], test=dataset.test[:500])
    monkeypatch.setattr(worker, "load", lambda _ref: few)
    started = time.monotonic()
    report = msgspec.convert(report_of(*QUICKLY, "--accuracy", 1), BenchReport)
    elapsed = time.monotonic() - started
    assert [training.name for training in report.trained] == [GUIDE_LOOP, "quick"]
    for training in report.trained:
        (accuracy,) = training.accuracies
        assert accuracy > 0.5
        assert 0 < training.first_step_seconds[0] < training.train_seconds[0]
        assert training.evaluation_seconds[0] > 0
    (latency,) = report.waiting
    assert latency.name == "train --recipe quick"
    assert 0.5 < latency.seconds[0] < elapsed, "importing torch alone takes longer than 0.5 s"


@pytest.mark.covers("bench --no-app")
def test_the_app_is_not_measured_with_no_app(report_of: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    latency, cost = Latency(name="--help", seconds=(0.2,)), AppCost(memory_mib=[300.0])
    monkeypatch.setattr(bench, "measure_latency", lambda _trials, _report: (latency,))
    monkeypatch.setattr(bench, "measure_app", lambda _trials, _report: cost)
    report = report_of(*QUICKLY)
    assert (report["waiting"], report["app"]) == ([], None)
    report = report_of(*QUICKLY[:-1])
    assert [waiting["name"] for waiting in report["waiting"]] == ["--help"]
    assert report["app"]["memory_mib"] == [300]


@pytest.mark.covers("bench --data")
def test_the_data_is_that_of_the_given_folder(call_in_process: Call, tmp_path: Path) -> None:
    assert_error(call_in_process("bench", "--data", tmp_path / "none"), 1, str(tmp_path / "none"))
