"""The metrics of one run, as a table, as CSV and as JSON."""

import csv
import math
from pathlib import Path

import pytest

from fashion_tui.runs.run import Run
from fashion_tui.schema.events import EpochEnd, RunEvent, StepChunk
from tests.runs.parts import make_run

from .conftest import Call, assert_error


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of 6 steps with metrics at every step, at some steps, and at the end of each epoch."""
    run = make_run(tmp_path / "runs")
    writer = run.event_writer()
    events: list[RunEvent] = [
        StepChunk(time=10.0, first_step=1, metrics={"loss": [0.5, 0.25, math.nan]}),
        StepChunk(time=10.5, steps=[2, 3], metrics={'a,"b"/ü': [1.0, None], "memory/cpu": [None, 12345678901.0]}),
        EpochEnd(
            time=11.0, epoch=1, step=3, train_loss=0.375, train_accuracy=0.5, validation_loss=0.125,
            validation_accuracy=0.75, seconds=1.0,
        ),
        StepChunk(time=12.0, first_step=4, metrics={"loss": [0.75, -math.inf, 0.1]}),
    ]  # fmt: skip
    for event in events:
        assert writer.write(event)
    writer.close()
    return run


@pytest.mark.covers("runs --csv")
def test_csv_has_a_row_per_step(run: Run, call_in_process: Call) -> None:
    result = call_in_process("runs", run.id, "--csv", "--runs", run.path.parent)
    assert (result.status, result.err) == (0, "")
    header, *rows = csv.reader(result.out.splitlines())
    epoch = ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
    assert header == ["step", "time", "loss", 'a,"b"/ü', "memory/cpu", *epoch]
    assert rows == [
        ["1", "10.0", "0.5", "", "", "", "", "", ""],
        ["2", "10.0", "0.25", "1.0", "", "", "", "", ""],
        ["3", "10.0", "NaN", "", "12345678901.0", "0.375", "0.5", "0.125", "0.75"],
        ["4", "12.0", "0.75", "", "", "", "", "", ""],
        ["5", "12.0", "-Infinity", "", "", "", "", "", ""],
        ["6", "12.0", "0.1", "", "", "", "", "", ""],
    ]


def test_json_has_all_metrics_of_a_run(run: Run, call_in_process: Call) -> None:
    result = call_in_process("runs", run.path, "--json").json
    assert (result["run"], result["path"], result["recipe"]) == (run.id, str(run.path), "guide")
    metrics = result["metrics"]
    assert metrics["loss"] == {"steps": [1, 2, 3, 4, 5, 6], "values": [0.5, 0.25, "NaN", 0.75, "-Infinity", 0.1]}
    assert metrics['a,"b"/ü'] == {"steps": [2], "values": [1.0]}
    assert metrics["validation_loss"] == {"steps": [3], "values": [0.125]}
    assert len(metrics) == 7


def test_the_table_shows_the_last_and_the_extreme_values(run: Run, call_in_process: Call) -> None:
    out = call_in_process("runs", "latest", "--runs", run.path.parent).out
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    assert lines["loss"] == ["0.1", "0.1", "6", "0.75", "4", "6"]
    assert lines["validation_accuracy"] == ["0.75", "0.75", "3", "0.75", "3", "1"]
    assert run.id in out


def test_a_damaged_log_is_reported_and_the_rest_is_printed(run: Run, call_in_process: Call) -> None:
    log = run.path / "events.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([lines[0], b"x" * (5 << 20) + b"\n", *lines[2:]]))
    result = call_in_process("runs", run.path, "--csv")
    assert result.status == 0
    assert result.err.startswith("warning: events.jsonl: ")
    assert "1 unreadable line" in result.err
    assert result.out.splitlines()[1] == "1,10.0,0.5,,,,"


def test_a_run_without_metrics(tmp_path: Path, call_in_process: Call) -> None:
    run = make_run(tmp_path)
    assert call_in_process("runs", run.path, "--csv").out == "step,time\n"
    assert call_in_process("runs", run.path, "--json").json["metrics"] == {}
    assert run.id in call_in_process("runs", run.path).out


def test_options_that_contradict_each_other(run: Run, call_in_process: Call) -> None:
    assert_error(call_in_process("runs", "--csv"), 2, "--csv requires RUN")
    assert_error(call_in_process("runs", run.path, "--csv", "--json"), 2, "--csv or --json")
    assert_error(call_in_process("runs", run.path, "--prune"), 2, "combined with RUN")
    assert_error(call_in_process("runs", run.path.parent / "none", "--csv"), 1, "no run")


def test_what_goes_wrong_is_printed(tmp_path: Path, call_in_process: Call) -> None:
    run = make_run(tmp_path / "runs")
    writer = run.event_writer()
    writer.write(StepChunk(time=10.0, first_step=1, metrics={"loss": [*[2.0] * 8, *[0.5] * 40, *[4.0] * 160]}))
    writer.close()
    folder = run.path.parent
    (verdict,) = call_in_process("runs", run.id, "--json", "--runs", folder).json["verdicts"]
    assert "diverges" in verdict
    assert "step 9," in verdict
    assert f"! {verdict}" in call_in_process("runs", run.id, "--runs", folder).out.replace("\n", " ")
