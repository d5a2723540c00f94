"""Commands on a run that a script has logged: it is listed, printed and compared, and other commands refuse it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs import log_run
from fashion_tui.runs.create import create_logged_run
from fashion_tui.runs.run import Run
from fashion_tui.runs.state import after
from fashion_tui.schema.events import ScriptEnded, StepChunk
from tests.runs.parts import make_run, steps
from tests.runs.script.parts import opened

from .conftest import Call, assert_error


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def run(runs_dir: Path) -> Iterator[Run]:
    """A run that has ended. Its perplexity was logged at every second step."""
    settings: dict[str, object] = {"lr": 0.003, "[bold]model": "lstm", "sizes": [64, 128]}
    with create_logged_run(runs_dir, name="my-net", script="train.py", settings=settings) as run:
        writer = run.event_writer()
        metrics: dict[str, list[float | str | None]] = {
            "loss": [0.5, 0.25, 0.125],
            "perplexity/words": [None, 8.0, None],
        }
        writer.write(StepChunk(time=time.time(), steps=[0, 1, 2], metrics=metrics))
        end = ScriptEnded(time=time.time(), step=2, seconds=9.0)
        writer.write(end)
        run.write_status(after(run.read_status(), end))
        writer.close()
        yield run


def test_it_is_listed_with_its_metrics(run: Run, runs_dir: Path, call_in_process: Call) -> None:
    result = call_in_process("runs", "--runs", runs_dir)
    assert result.status == 0
    assert run.id in result.out
    assert "finished" in result.out
    (listed,) = call_in_process("runs", "--runs", runs_dir, "--json").json
    assert [listed[name] for name in ("run", "kind", "state", "recipe", "dataset", "step", "train_seconds")] == [
        run.id, "logged", "finished", None, None, 2, 9.0,
    ]  # fmt: skip
    assert listed["damage"] is None
    lines = call_in_process("runs", "latest", "--csv", "--runs", runs_dir).out.splitlines()
    rows = [line.split(",") for line in lines]
    assert rows[0] == ["step", "time", "loss", "perplexity/words"]
    assert [(row[0], row[2], row[3]) for row in rows[1:]] == [
        ("0", "0.5", ""),
        ("1", "0.25", "8.0"),
        ("2", "0.125", ""),
    ]


def test_warnings_of_the_script_are_printed_after_its_end(runs_dir: Path, call_in_process: Call) -> None:
    with log_run("net", runs=runs_dir) as logged:
        logged.log(1, loss=0.5, kind="train")
    result = call_in_process("runs", "latest", "--json", "--runs", runs_dir)
    assert result.json["metrics"] == {"loss": {"steps": [1], "values": [0.5]}}
    (line,) = result.err.splitlines()
    assert "'kind' isn't logged" in line


def test_it_is_found_by_a_setting_of_its_script(run: Run, runs_dir: Path, call_in_process: Call) -> None:
    with make_run(runs_dir):
        pass
    for condition in ("lr>0.002", "lr=0.003 kind=logged", "settings.lr=0.003", "perplexity/words=8"):
        listed = call_in_process("runs", "--filter", condition, "--runs", runs_dir, "--json")
        assert [one["run"] for one in listed.json] == [run.id], condition


def test_it_is_compared_with_a_trained_run(run: Run, runs_dir: Path, call_in_process: Call) -> None:
    with make_run(runs_dir) as trained:
        writer = trained.event_writer()
        writer.write(steps(1, 2))
        writer.close()
    result = call_in_process("compare", run.path, trained.path, "--json")
    assert (result.status, result.err) == (0, "")
    differences, metrics = result.json["differences"], result.json["metrics"]
    assert differences["settings.lr"] == [0.003, None]
    assert differences["settings.sizes"] == [[64, 128], None]
    assert differences["kind"] == ["logged", "trained"]
    assert differences["recipe"] == [None, "guide"]
    assert metrics["loss"]["last"][0] == 0.125
    assert metrics["perplexity/words"]["last"] == [8.0, None]
    table = call_in_process("compare", run.path, trained.path)
    assert "settings.[bold]model" in table.out


@pytest.mark.parametrize(
    "command",
    [
        ("pause",), ("resume",), ("checkpoint",), ("eval",), ("verify",), ("eval", "--trust"),
        ("export", "-o", "net.safetensors"), ("eval", "--checkpoint", "best"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_other_commands_refuse_it_in_one_line(
    command: tuple[str, ...], run: Run, call_in_process: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = run.last_event()
    name, *options = command
    assert_error(call_in_process(name, run.path, *options), 1, run.id, "script")
    assert run.last_event() == before
    assert not (tmp_path / "net.safetensors").exists()


def test_stop_leaves_an_ended_run_alone(run: Run, call_in_process: Call) -> None:
    result = call_in_process("stop", run.path)
    assert (result.status, result.out) == (0, f"{run.id}: finished at step 2\n")


def test_delete_says_how_to_stop_its_script(runs_dir: Path, call_in_process: Call) -> None:
    with log_run("net", runs=runs_dir) as logged:
        assert logged.id is not None
        result = call_in_process("delete", logged.id, "--yes", "--runs", runs_dir)
        assert_error(result, 1, logged.id, f"process {os.getpid()}", f"fashion-tui stop {logged.id}")
        assert "train" not in result.err
        assert opened(logged).is_live()


@pytest.mark.parametrize("has_ended", [True, False])
def test_the_state_of_a_killed_script_follows_from_the_log(
    has_ended: bool,  # noqa: FBT001
    runs_dir: Path,
    call_in_process: Call,
) -> None:
    """The script was killed after the last event, but before it wrote the status, or before the last event."""
    with create_logged_run(runs_dir, name="killed", script=None, settings={}) as run:
        run.write_status(msgspec.structs.replace(run.read_status(), state="running", heartbeat=0.0))
        writer = run.event_writer()
        if has_ended:
            writer.write(ScriptEnded(time=time.time(), step=7, seconds=1.0))
        writer.close()
    (listed,) = call_in_process("runs", "--runs", runs_dir, "--json").json
    assert (listed["state"], listed["step"]) == (("finished", 7) if has_ended else ("lost", 0))
