"""Names and streams that can't be encoded: each error is one line, and nothing hangs."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runs.parts import make_run

from .conftest import COMMAND, SMALL_RUN, Call, Result, TrainedRun, assert_error

pytestmark = pytest.mark.usefixtures("forked_processes")

NOT_UTF8 = os.fsdecode(b"caf\xe9")

BytesCall = Callable[..., Result]


def check_one_line(result: Result, status: int, *expected: str) -> None:
    assert "Traceback" not in result.err
    assert_error(result, status, *expected)


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs", "--runs", NOT_UTF8), ("train", "--data", NOT_UTF8), ("eval", NOT_UTF8), ("stop", f"./{NOT_UTF8}/x"),
        ("train", "--model", f"{NOT_UTF8}.py"), ("shapes", f"{NOT_UTF8}.py:Net"), ("export", "x", "-o", NOT_UTF8),
        ("train", "--args", f'{{"{NOT_UTF8}": 1}}'), ("train", "--name", NOT_UTF8), (NOT_UTF8,), (f"--{NOT_UTF8}",),
    ],
)  # fmt: skip
def test_arguments(call: Call, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    check_one_line(call(*arguments, FASHION_TUI_RUNS=str(tmp_path)), 2, "UTF-8", "caf")


@pytest.mark.parametrize("variable", ["FASHION_TUI_RUNS", "FASHION_TUI_DATA", "XDG_STATE_HOME", "XDG_CACHE_HOME"])
def test_environment_variables(call: Call, variable: str, tmp_path: Path) -> None:
    environ = {"FASHION_TUI_DATA": str(tmp_path), variable: f"{tmp_path}/{NOT_UTF8}"}
    command = ("runs",) if variable in {"FASHION_TUI_RUNS", "XDG_STATE_HOME"} else ("train", "--epochs", "1")
    result = call(*command, **environ)
    assert "Traceback" not in result.err
    assert result.err.count("\n") == 1


def test_doctor_reports_a_folder_that_is_not_utf_8(call: Call, tmp_path: Path) -> None:
    result = call("doctor", "--json", FASHION_TUI_RUNS=f"{tmp_path}/{NOT_UTF8}")
    assert result.status == 1
    (check,) = [check for check in result.json["checks"] if check["name"] == "runs"]
    assert not check["ok"]
    assert "UTF-8" in check["detail"]


def test_a_deleted_working_directory(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    command = f"cd {tmp_path}/gone && rmdir {tmp_path}/gone && {COMMAND[0]} -m fashion_tui runs --runs here"
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    check_one_line(Result(done.returncode, done.stdout, done.stderr), 1, "working directory no longer exists")


def test_escaped_surrogates_in_arguments(call: Call, tmp_path: Path) -> None:
    check_one_line(call("shapes", "--args", '{"a": "\\udcff"}'), 2, "--args", "JSON object")


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("runs", "--runs", "~nosuchuser/x"), {}),
        (("train", "--data", "~nosuchuser/x"), {}),
        (("export", "latest", "-o", "~nosuchuser/x"), {}),
        (("train", "--model", "~nosuchuser/x.py"), {}),
        (("shapes", "~nosuchuser/x.py"), {}),
        (("runs",), {"FASHION_TUI_RUNS": "~nosuchuser/x"}),
        (("train",), {"FASHION_TUI_DATA": "~nosuchuser/x"}),
    ],
)
def test_home_directories_of_unknown_users(call: Call, arguments: tuple[str, ...], variables: dict[str, str]) -> None:
    check_one_line(call(*arguments, **variables), 2, "~nosuchuser", "home directory")


def test_a_run_in_a_folder_that_is_not_utf_8(call: Call, tmp_path: Path) -> None:
    """The run is listed as damaged, and the other runs can be used."""
    folder = tmp_path / "runs"
    with make_run(folder) as run:
        run.path.rename(folder / NOT_UTF8)
    with make_run(folder) as run:
        run_id = run.id
    listed = {summary["run"]: summary["damage"] for summary in call("runs", "--runs", folder, "--json").json}
    assert listed[run_id] is None
    assert "UTF-8" in listed["caf\ufffd"]
    shown = call("runs", "--runs", folder)
    assert shown.status == 0
    assert "isn't UTF-8" in shown.out
    check_one_line(call("stop", "caf", "--runs", folder), 1, "UTF-8")
    assert call("stop", run_id, "--runs", folder).status == 0
    assert call("runs", "--prune", "--yes", "--runs", folder).status == 0


def test_a_working_directory_that_is_not_utf_8(
    trained: TrainedRun, environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / NOT_UTF8
    folder.mkdir()

    def call_there(*arguments: str) -> Result:
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        return Result(done.returncode, done.stdout, done.stderr)

    runs = ("--runs", str(trained.runs))
    check_one_line(call_there("runs", "--runs", "here"), 1, "--runs", "UTF-8")
    check_one_line(call_there("export", "latest", *runs, "-o", "here"), 1, "--output", "UTF-8")
    check_one_line(call_there("train", *SMALL_RUN, "--runs", "here"), 1, "UTF-8")
    (folder / "net.py").write_text("from torch import nn\nclass Net(nn.Flatten):\n    pass\n")
    shown = call_there("shapes", "net.py")
    assert shown.status == 0, shown.err
    (folder / "net.py").write_text("net = 1 / 0\n")
    failed = call_there("shapes", "net.py")
    assert failed.err.count("\n") == 1
    assert "ZeroDivisionError" in failed.err


MODEL = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 10))

    def forward(self, x):
        print("\u2192 caf\\udce9", flush=True)
        if self.training and {fails}:
            raise ValueError("\u2192 caf\\udce9")
        return super().forward(x)
"""


@pytest.mark.parametrize("fails", [False, True])
def test_any_encoding_of_the_streams(call: Call, tmp_path: Path, fails: bool) -> None:  # noqa: FBT001
    """What the user's code prints and raises reaches the log, and the trainer reports its end."""
    model = tmp_path / "net.py"
    model.write_text(MODEL.format(fails="x.shape[0] > 100" if fails else "False"))
    options = ("--model", model, *SMALL_RUN, "--runs", tmp_path / "runs", "--name", "a")
    result = call("train", *options, "--json", PYTHONIOENCODING="latin-1:strict")
    assert "Traceback" not in result.err
    assert result.json_lines[-1]["event"] == ("failed" if fails else "finished")
    (listed,) = call("runs", "--runs", tmp_path / "runs", "--json").json
    assert listed["state"] == ("failed" if fails else "finished")
    assert "\u2192 caf?" in next((tmp_path / "runs").glob("*/trainer.log")).read_text()
    if fails:
        assert "ValueError: \u2192 caf\ufffd" in listed["message"]
    else:
        shown = call("eval", "latest", "--runs", tmp_path / "runs", PYTHONIOENCODING="ascii:strict")
        assert shown.status == 0, shown.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
def test_full_streams(trained: TrainedRun, environment: dict[str, str], tmp_path: Path) -> None:
    def run(*arguments: str, **streams: Any) -> "subprocess.CompletedProcess[str]":
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        return subprocess.run([*COMMAND, *arguments], env=environment, text=True, check=False, **streams)

    with Path("/dev/full").open("w") as full:
        full_stdout = run("runs", "--runs", str(trained.runs), stdout=full)
        assert full_stdout.returncode == 1
        assert full_stdout.stderr == "fashion-tui: No space left on device\n"
        assert run("nosuch", stderr=full).returncode == 2
        train = ("train", *SMALL_RUN, "--validation", "9000", "--runs", str(tmp_path))
        trained_quietly = run(*train, "--json", stderr=full)
        assert trained_quietly.returncode == 0
        assert json.loads(trained_quietly.stdout.splitlines()[-1])["event"] == "finished"
        assert run(*train, stdout=full, stderr=full).returncode == 1
