"""Commands on runs that other libraries log, and the example in the README."""

import csv
import hashlib
import re
import shlex
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from fashion_tui.runs import metric_cache
from fashion_tui.runs.run import Run
from tests.runs.parts import make_run

from .conftest import Call, assert_error

README = Path(__file__).parents[2] / "README.md"
DATA = Path(__file__).parents[1] / "runs" / "imported" / "data"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    shutil.copytree(DATA, tmp_path / "logs")
    return tmp_path / "logs"


def checksums(folder: Path) -> dict[str, str]:
    """Return the checksum of each file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.covers("runs --runs", "compare --runs")
def test_they_are_listed_filtered_compared_and_exported_and_nothing_is_written(
    logs: Path, call_in_process: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_cache, "GROWING_SECONDS", 0)
    before = checksums(logs)
    first, second = "lightning_logs/version_0", "lightning_logs/version_1"
    listed = {run["run"]: run for run in call_in_process("runs", "--runs", logs, "--json").json}
    assert {name: (run["kind"], run["state"], run["step"]) for name, run in listed.items()} == {
        first: ("imported", "imported", 31), second: ("imported", "imported", 31),
        "hugging_face": ("imported", "imported", 32),
    }  # fmt: skip
    assert call_in_process("runs", "--runs", logs).out.count("imported") == 3
    for condition, expected in {
        "lr>0.05": {first}, "lr<0.05": {second}, "width=8": {first, second}, "val_loss.best<2": {first},
        "train_batch_size=4": {"hugging_face"}, "lightning": {first, second}, "eval_loss>1": {"hugging_face"},
    }.items():  # fmt: skip
        found = call_in_process("runs", "--filter", condition, "--runs", logs, "--json").json
        assert {run["run"] for run in found} == expected, condition
    sort = call_in_process("runs", "--sort", "-lr", "--columns", "run,lr,train_loss", "--runs", logs, "--json").json
    assert [run["columns"]["lr"] for run in sort] == [0.1, 0.01, None]
    compared = call_in_process("compare", first, second, "--runs", logs, "--json").json
    assert compared["differences"]["settings.lr"] == [0.1, 0.01]
    assert compared["metrics"]["val_loss"]["last"] == [1.5162630081176758, listed_last(logs / second, "val_loss")]
    rows = list(csv.DictReader(StringIO(call_in_process("runs", first, "--csv", "--runs", logs).out)))
    written = list(csv.DictReader((logs / first / "metrics.csv").open(encoding="utf-8")))
    assert [(row["step"], row["train_loss"], row["val_loss"]) for row in rows] == [
        (row["step"], row["train_loss"], row["val_loss"]) for row in written
    ]
    assert {row["time"] for row in rows} == {""}
    assert checksums(logs) == before


def _write_weights(file: BinaryIO) -> None:
    file.write(b"x" * 1000)


def listed_last(folder: Path, column: str) -> float:
    rows = csv.DictReader((folder / "metrics.csv").open(encoding="utf-8"))
    return [float(row[column]) for row in rows if row[column]][-1]


@pytest.mark.parametrize(
    "command",
    [
        ("pause",), ("stop",), ("resume",), ("checkpoint",), ("eval",), ("verify",), ("rename", "title"), ("tag", "x"),
        ("note", "text"), ("delete", "--yes"), ("export", "-o", "net.safetensors"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_other_commands_refuse_them_in_one_line(
    command: tuple[str, ...], logs: Path, call_in_process: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(logs.parent)
    before = checksums(logs.parent)
    name, *options = command
    assert_error(call_in_process(name, "hugging_face", *options, "--runs", logs), 1, "hugging_face", "Hugging Face")
    assert checksums(logs.parent) == before


def test_prune_leaves_their_checkpoints_alone(logs: Path, call_in_process: Call) -> None:
    with Run(logs / "lightning_logs" / "version_0") as run:
        for step in range(1, 5):
            run.checkpoints.save(_write_weights, step=step, epoch=0)
    before = checksums(logs)
    assert call_in_process("runs", "--prune", "--yes", "--runs", logs).status == 0
    assert checksums(logs) == before
    listed = call_in_process("runs", "--runs", logs, "--json").json
    assert {run["checkpoint_bytes"] for run in listed} == {0}


def test_nothing_is_deleted_with_an_imported_run(logs: Path, call_in_process: Call) -> None:
    with make_run(logs) as own:
        own.write_status(msgspec.structs.replace(own.read_status(), state="finished"))
    assert_error(call_in_process("delete", own.id, "hugging_face", "--yes", "--runs", logs), 1, "imported")
    assert own.path.is_dir()


def test_they_are_compared_with_a_run_of_this_package(logs: Path, call_in_process: Call) -> None:
    with make_run(logs) as own:
        pass
    compared = call_in_process("compare", own.id, "hugging_face", "--runs", logs, "--json").json
    assert compared["runs"] == [own.id, "hugging_face"]
    assert compared["differences"]["library"] == [None, "Hugging Face"]
    assert compared["metrics"]["loss"]["last"] == [None, 7.5048072814941404]


def test_warnings_about_a_log_are_printed(tmp_path: Path, call_in_process: Call) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.csv").write_text("loss\n0.5\n")
    (tmp_path / "run" / "hparams.yaml").write_text("a: [")
    result = call_in_process("runs", "run", "--json", "--runs", tmp_path)
    assert result.json["metrics"] == {"loss": {"steps": [0], "values": [0.5]}}
    assert "hparams.yaml can't be read: line " in result.err
    assert "no column 'step'" in result.err


def test_the_example_in_the_readme(
    tmp_path: Path, environment: dict[str, str], call_in_process: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    (section,) = re.findall(r"## Logs of other libraries\n(.*?)\n## ", README.read_text(), re.DOTALL)
    script, commands = re.findall(r"```(?:python)?\n(.*?)```", section, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path, env=environment, timeout=90)
    before = checksums(tmp_path)
    _, filtered, compared, exported = [shlex.split(line, comments=True)[1:] for line in commands.splitlines()]
    assert [run["run"] for run in call_in_process(*filtered, "--json").json] == ["lr-0.5"]
    comparison = call_in_process(*compared, "--json").json
    assert comparison["differences"] == {"settings.lr": [0.1, 0.5]}
    assert comparison["metrics"]["loss/train"]["last"] == pytest.approx([0.9**99, 0.5**99])
    assert "loss/train" in call_in_process(*compared).out
    rows = list(csv.DictReader(StringIO(call_in_process(*exported[: exported.index(">")]).out)))
    assert [float(row["loss/train"]) for row in rows] == pytest.approx([0.9**step for step in range(100)])
    assert checksums(tmp_path) == before
