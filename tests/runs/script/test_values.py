"""What a script may log: names, steps and values of any kind. Whatever can't be logged is reported in one line."""

import math
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fashion_tui.runs import log_run
from fashion_tui.runs.replay import MAX_METRICS
from fashion_tui.runs.script.rows import MAX_CELLS
from fashion_tui.schema.events import StepChunk, Warned

from .parts import events_of, metrics_of

Printed = pytest.CaptureFixture[str]


def log_one(folder: Path, step: Any, /, **metrics: Any) -> dict[str, dict[int, float]]:
    with log_run("net", runs=folder) as run:
        run.log(step, **metrics)
    return metrics_of(run)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1, 0.1), (3, 3.0), (True, 1.0), (np.float32(0.5), 0.5), (np.array([2]), 2.0), (1e-320, 1e-320),
        (torch.tensor(0.25), 0.25), (torch.tensor([7]), 7.0), (torch.tensor(1.5, dtype=torch.bfloat16), 1.5),
        (torch.tensor(2.0, requires_grad=True) * 3, 6.0), (math.inf, math.inf), (torch.tensor(-math.inf), -math.inf),
    ],
    ids=repr,
)  # fmt: skip
def test_numbers_arrays_and_tensors_are_logged(value: Any, expected: float, tmp_path: Path, capsys: Printed) -> None:
    assert log_one(tmp_path, 5, loss=value) == {"loss": {5: expected}}
    assert capsys.readouterr().err == ""


def test_nan_is_logged(tmp_path: Path) -> None:
    logged = log_one(tmp_path, 5, loss=math.nan, accuracy=0.5)
    assert math.isnan(logged["loss"][5])
    assert logged["accuracy"] == {5: 0.5}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.ones(32), "32 values"), (np.zeros((2, 3)), "6 values"), ("0.5", "'0.5'"), ([0.5], "list"),
        (object(), "object"), (10**400, "too large"), (torch.ones(1, device="meta"), "meta"),
    ],
    ids=["tensor", "array", "string", "list", "object", "integer", "meta tensor"],
)  # fmt: skip
def test_other_values_are_reported_once_and_the_rest_is_logged(
    value: Any, words: str, tmp_path: Path, capsys: Printed
) -> None:
    with log_run("net", runs=tmp_path) as run:
        for step in range(3):
            run.log(step, loss=value, accuracy=0.5, skipped=None)
    assert metrics_of(run) == {"accuracy": {0: 0.5, 1: 0.5, 2: 0.5}}
    (line,) = capsys.readouterr().err.splitlines()
    assert "'loss'" in line
    assert words in line
    (warned,) = [event for event in events_of(run) if isinstance(event, Warned)]
    assert f"fashion-tui: {warned.message}" == line


def test_a_logged_tensor_may_be_changed_afterwards(tmp_path: Path) -> None:
    total, array = torch.zeros(()), np.zeros(())
    with log_run("net", runs=tmp_path) as run:
        for step in range(100):
            total += 1
            array += 2
            run.log(step, total=total, array=array)
    logged = metrics_of(run)
    assert logged["total"] == {step: step + 1.0 for step in range(100)}
    assert logged["array"] == {step: 2.0 * (step + 1) for step in range(100)}


class Recorder:
    """Records which of its methods are called, and whether by the script's thread."""

    def __init__(self, calls: list[tuple[str, bool]]) -> None:
        self._calls = calls

    def _record(self, name: str) -> None:
        self._calls.append((name, threading.current_thread() is threading.main_thread()))


class GPUTensor(Recorder):
    """The part of a tensor on a GPU that is used. Reading it, by `item`, would wait for the GPU."""

    is_cuda, device, shape = True, "cuda:0", ()

    def detach(self) -> "GPUTensor":
        self._record("detach")
        return self

    def clone(self) -> "GPUTensor":
        self._record("clone")
        return self

    def item(self) -> float:
        self._record("item")
        return 0.25


class GPUEvent(Recorder):
    def record(self, stream: str) -> None:
        self._record(f"record {stream}")

    def synchronize(self) -> None:
        self._record("synchronize")


def test_a_tensor_on_a_gpu_is_read_by_another_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, bool]] = []
    monkeypatch.setattr(torch.cuda, "Event", lambda *, blocking: GPUEvent(calls))  # noqa: ARG005
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    assert log_one(tmp_path, 3, loss=GPUTensor(calls)) == {"loss": {3: 0.25}}
    script = ["detach", "clone", "record stream of cuda:0"]
    assert calls == [*((name, True) for name in script), ("synchronize", False), ("item", False)]


def test_a_logged_tensor_does_not_keep_its_graph(tmp_path: Path) -> None:
    with log_run("net", runs=tmp_path) as run:
        output = torch.zeros(3, requires_grad=True).exp()  # the graph saves this tensor for the backward pass
        saved, loss = weakref.ref(output), output.sum()
        run.log(0, loss=loss)
        assert saved() is not None
        del output, loss
        assert saved() is None
    assert metrics_of(run) == {"loss": {0: 3.0}}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("loss/words", "loss/words"), ("loss\nper\x1b[31mword", "loss per\ufffd[31mword"), ("\udcff", "\ufffd"),
        ("", "unnamed"), ("näme 损失", "näme 损失"), ("x" * 300, "x" * 199 + "…"), ("step", "step"), ("self", "self"),
    ],
    ids=["slash", "control", "not UTF-8", "empty", "letters", "long", "step", "self"],
)  # fmt: skip
def test_names_may_be_any_string(name: str, expected: str, tmp_path: Path) -> None:
    assert log_one(tmp_path, 1, **{name: 0.5}) == {expected: {1: 0.5}}


@pytest.mark.parametrize("step", [-1, 0.5, "1", None, math.nan, 10**13, torch.ones(2)], ids=repr)
def test_steps_that_are_not_integers_are_reported(step: Any, tmp_path: Path, capsys: Printed) -> None:
    with log_run("net", runs=tmp_path) as run:
        run.log(step, loss=0.5)
        run.log(7, loss=0.25)
    assert metrics_of(run) == {"loss": {7: 0.25}}
    (line,) = capsys.readouterr().err.splitlines()
    assert "step" in line
    assert "integer" in line


@pytest.mark.parametrize("step", [2, 2.0, np.int64(2), torch.tensor(2)], ids=repr)
def test_a_step_may_be_any_integer(step: Any, tmp_path: Path) -> None:
    assert log_one(tmp_path, step, loss=0.5) == {"loss": {2: 0.5}}


def test_decreasing_steps_are_reported_and_nothing_before_them_is_lost(tmp_path: Path, capsys: Printed) -> None:
    """The script counts the steps of each epoch from 0. Steps of another metric may be behind."""
    with log_run("net", runs=tmp_path) as run:
        for _ in range(2):
            for step in range(5):
                run.log(step, loss=float(step))
        run.log(3, validation=0.75)
        run.log(4, loss=99.0)
    logged = metrics_of(run)
    assert logged["loss"] == {0: 0.0, 1: 1.0, 2: 2.0, 3: 3.0, 4: 99.0}, "the last value of a step counts"
    assert logged["validation"] == {3: 0.75}
    (line,) = capsys.readouterr().err.splitlines()
    assert "'loss'" in line
    assert "must not decrease" in line


def test_long_and_wide_logs_are_split_into_lines_that_can_be_read(tmp_path: Path, capsys: Printed) -> None:
    wide = {f"{number:05}" + "损" * 190: float(number) for number in range(MAX_METRICS + 1)}
    with log_run("net", runs=tmp_path) as run:
        for step in range(MAX_CELLS + 1):
            run.log(step, loss=float(step))
        run.log(MAX_CELLS + 1, **wide)
    logged = metrics_of(run)
    assert logged.pop("loss") == {step: float(step) for step in range(MAX_CELLS + 1)}
    first = list(wide.items())[: MAX_METRICS - 1]
    assert logged == {name: {MAX_CELLS + 1: value} for name, value in first}
    assert capsys.readouterr().err.count("first 10,000 metrics") == 1
    chunks = [event for event in events_of(run) if isinstance(event, StepChunk)]
    assert len(chunks) == 2 + math.ceil((MAX_METRICS - 1) / MAX_CELLS)
