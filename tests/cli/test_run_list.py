"""The list of runs: filtered, sorted, and with chosen columns."""

from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs.notes import rename
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import GUIDE
from tests.runs.parts import make_run, steps

from .conftest import Call, assert_error


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """Two ended runs with different learning rates."""
    runs = []
    for name, rate in (("one", 0.001), ("two", 0.25)):
        run = make_run(tmp_path / "runs", name=name, recipe=msgspec.structs.replace(GUIDE, learning_rate=rate))
        writer = run.event_writer()
        writer.write(steps(1, 4))
        writer.close()
        run.write_status(msgspec.structs.replace(run.read_status(), state="stopped", train_seconds=3700.0))
        runs.append(run)
    return runs


@pytest.mark.covers("runs --filter")
def test_only_matching_runs_are_listed(runs: list[Run], call_in_process: Call) -> None:
    folder = runs[0].path.parent
    listed = call_in_process("runs", "--filter", "state:stopped lr>1e-3", "--json", "--runs", folder).json
    assert [run["run"] for run in listed] == [runs[1].id]
    table = call_in_process("runs", "--filter", "-lr>1e-3", "--runs", folder).out
    assert runs[0].id in table
    assert runs[1].id not in table
    nothing = call_in_process("runs", "--filter", "nothing", "--runs", folder)
    assert (nothing.status, nothing.out) == (0, "")
    assert "none of 2 runs" in nothing.err
    assert_error(call_in_process("runs", "--filter", "lr>x", "--runs", folder), 2, "column 4", "lr>[x]")
    assert_error(call_in_process("runs", "latest", "--filter", "x", "--runs", folder), 2, "--filter", "RUN")


def test_titles_are_listed_if_there_are_any(runs: list[Run], call_in_process: Call) -> None:
    listing = ("runs", "--runs", runs[0].path.parent)
    assert "title" not in call_in_process(*listing).out
    rename(runs[0].folder, "A name " + 100 * "x")
    header, _, one = call_in_process(*listing).out.splitlines()
    assert header.split()[:3] == ["run", "title", "state"]
    assert "A name xxx" in one
    assert "x" * 25 not in one


@pytest.mark.covers("runs --sort")
def test_the_list_is_sorted(runs: list[Run], call_in_process: Call) -> None:
    for order, expected in (("lr", runs), ("-lr", runs[::-1])):
        listed = call_in_process("runs", "--sort", order, "--json", "--runs", runs[0].path.parent).json
        assert [run["run"] for run in listed] == [run.id for run in expected]
    assert_error(call_in_process("runs", "--sort", "lrr", "--runs", runs[0].path.parent), 2, "--sort", "'lrr'")


@pytest.mark.covers("runs --columns")
def test_columns_are_chosen(runs: list[Run], call_in_process: Call) -> None:
    listing = (
        "runs",
        "--columns",
        "name,lr,accuracy,duration,compiled,tag",
        "--sort",
        "lr",
        "--runs",
        runs[0].path.parent,
    )
    header, one, two = call_in_process(*listing).out.splitlines()
    assert header.split() == ["name", "lr", "accuracy", "duration", "compiled", "tag"]
    assert one.split()[1:] == ["0.001", "0.5", "1:01:40", "no", "–"]
    assert two.split()[1] == "0.25"
    first, _ = call_in_process(*listing, "--json").json
    assert first["run"] == runs[0].id
    assert {name: first["columns"][name] for name in ("lr", "accuracy", "duration", "compiled", "tag")} == {
        "lr": 0.001, "accuracy": 0.5, "duration": 3700.0, "compiled": False, "tag": []
    }  # fmt: skip
    unknown = call_in_process("runs", "--columns", "name,lrr", "--runs", runs[0].path.parent)
    assert_error(unknown, 2, "--columns", "'lrr'")
