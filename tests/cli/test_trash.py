"""`delete` and `restore`."""

import os
import pty
import subprocess
from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs.run import Run
from fashion_tui.runs.store import run_ids
from tests.runs.parts import make_run

from .conftest import COMMAND, Call, assert_error


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """Two ended runs."""
    runs = [make_run(tmp_path / "runs", name=name) for name in ("one", "two")]
    for run in runs:
        run.write_status(msgspec.structs.replace(run.read_status(), state="stopped"))
    return runs


@pytest.mark.covers("delete --yes", "delete --json", "delete --runs", "restore --json", "restore --runs")
def test_runs_are_deleted_and_restored(runs: list[Run], call_in_process: Call) -> None:
    one, two = runs
    folder = one.path.parent
    assert_error(call_in_process("delete", "one", "--runs", folder), 2, "--yes")
    assert len(run_ids(folder)) == 2
    deleted = call_in_process("delete", "one", two.path, one.id, "--yes", "--json", "--runs", folder)
    trash = folder / ".trash"
    assert deleted.json_lines == [{"run": run.id, "path": str(trash / run.id)} for run in runs]
    assert run_ids(folder) == []
    assert call_in_process("restore", "two", "--json", "--runs", folder).json == {"run": two.id, "path": str(two.path)}
    assert call_in_process("restore", "one", "--runs", folder).out == f"{one.id}: restored\n"
    assert sorted(run_ids(folder)) == sorted(run.id for run in runs)


def test_if_one_run_is_live_none_is_deleted(runs: list[Run], call_in_process: Call) -> None:
    one, two = runs
    with two.lock():
        result = call_in_process("delete", one.id, two.id, "--yes", "--runs", one.path.parent)
    assert_error(result, 1, two.id, "is in use")
    assert one.path.exists()
    assert two.path.exists()


@pytest.mark.parametrize(("answer", "status", "remaining"), [(b"n\n", 130, 2), (b"y\n", 0, 1)])
def test_delete_asks_on_a_terminal(
    runs: list[Run], environment: dict[str, str], answer: bytes, status: int, remaining: int
) -> None:
    folder = runs[0].path.parent
    terminal, stdin = pty.openpty()
    os.write(terminal, answer)
    command = [*COMMAND, "delete", "one", "--runs", str(folder)]
    done = subprocess.run(command, stdin=stdin, capture_output=True, text=True, check=False, env=environment)
    os.close(terminal)
    os.close(stdin)
    assert (done.returncode, len(run_ids(folder))) == (status, remaining), done.stderr
    assert "1 run to the trash?" in done.stderr


@pytest.mark.covers(
    "delete --data", "delete --dataset", "delete --image-size", "delete --fit",
    "restore --data", "restore --dataset", "restore --image-size", "restore --fit",
)  # fmt: skip
def test_the_data_set_has_no_effect(runs: list[Run], call_in_process: Call, tmp_path: Path) -> None:
    ignored = (
        *("--data", tmp_path / "none", "--dataset", "fashion-mnist", "--image-size", 16, "--fit", "crop"),
        *("--runs", runs[0].path.parent),
    )
    assert call_in_process("delete", "one", "--yes", *ignored).status == 0
    assert call_in_process("restore", "one", *ignored).status == 0
    assert runs[0].path.exists()
