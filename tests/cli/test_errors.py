"""Invalid input: each error is one line that says what is wrong and what to do, and leaves nothing half-written."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fashion_tui.cli.follow import wait_for_start
from fashion_tui.machine.threads import available_cpus
from fashion_tui.runs.follow import EventFollower
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import Failed
from tests.runs.parts import make_run

from .conftest import SMALL_RUN, Call, Result, TrainedRun, assert_error

pytestmark = pytest.mark.usefixtures("forked_processes")


@pytest.mark.parametrize(
    ("message", "expected"),
    [("out of memory", "failed at step 27: out of memory"), ("NaN at step 27", "failed: NaN at step 27")],
)
def test_the_step_of_a_failure_is_printed_once(tmp_path: Path, message: str, expected: str) -> None:
    with make_run(tmp_path) as run:
        writer = run.event_writer()
        writer.write(Failed(time=0.0, step=27, message=message))
        writer.close()
        with pytest.raises(UserError) as error:
            wait_for_start(run, os.getpid(), EventFollower(run.folder, run.id), 90)
    assert str(error.value) == f"{run.id} {expected}"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--recipe", "nosuch"), "guide"),
        (("--model", "nosuch"), "guide"),
        (("--epochs", "-3"), "-3"),
        (("--epochs", "0"), "epochs is 0"),
        (("--epochs", "many"), "many"),
        (("--batch-size", "0"), "batch size is 0"),
        (("--batch-size", "12001"), "12,000"),
        (("--batch-size", "12000", "--validation", "1"), "11,999"),
        (("--lr", "nan"), "nan"),
        (("--lr", "-1"), "positive"),
        (("--precision", "fp8"), "bf16"),
        (("--seed", "-1"), "-1"),
        (("--threads", "0"), "threads"),
        (("--validation", "-1"), "-1"),
        (("--validation", "12000"), "only 12,000"),
        (("--validation", "59990"), "only 12,000"),
        (("--checkpoint-every", "0"), "checkpoint period is 0.0"),
        (("--checkpoint-every", "nan"), "checkpoint period is nan"),
        (("--device", "tpu"), "tpu"),
        (("--name", "/../.."), "name"),
        (("--dataset", "nosuch"), "synthetic"),
        (("--nosuch",), "--help"),
    ],
)
def test_invalid_options_of_train(call: Call, tmp_path: Path, options: tuple[str, ...], expected: str) -> None:
    runs = tmp_path / "runs"
    assert_error(call("train", "--dataset", "synthetic", "--runs", runs, *options), 2, expected)
    assert not runs.exists()


def test_a_missing_device(call: Call, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    result = call("train", *SMALL_RUN, "--device", "cuda", "--runs", runs, CUDA_VISIBLE_DEVICES="")
    assert_error(result, 1, "cuda", "--device cpu")
    assert not runs.exists()


@pytest.mark.parametrize("command", ["eval", "pause", "resume", "stop", "checkpoint", "attach", "export"])
def test_a_missing_run(call: Call, tmp_path: Path, command: str) -> None:
    more = ("-o", tmp_path / "out.pt") if command == "export" else ()
    assert_error(call(command, "nosuch", "--runs", tmp_path, *more), 1, "nosuch")
    assert_error(call(command, "latest", "--runs", tmp_path / "none", *more), 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (("nosuch",), 2, "(see: fashion-tui --help)"),
        (("shapes", "nosuch"), 2, "file.py:Class"),
        (("shapes", "nosuch.py:Net"), 1, "nosuch.py"),
        (("shapes", "--input", "1x0x28"), 2, "1x28x28"),
        (("shapes", "--args", "{"), 2, "JSON"),
        (("shapes", "--depth", "0"), 2, "--depth"),
        (("shapes", "--columns", "step,colour"), 2, "unknown column 'colour'; choose from #, step"),
        (("shapes", "--args", "[]"), 2, "object"),
        (("shapes", "guide", "--args", '{"width": 3}'), 2, "width"),
        (("export", "latest", "--format", "tflite", "-o", "x.pt"), 2, "safetensors"),
        (("export", "latest"), 2, "-o"),
        (("export", "latest", "-o", "x.tflite"), 2, ".safetensors, .pt, .pth, .onnx, .pt2, or add --format"),
        (("train", "--epoch", "2"), 2, "did you mean --epochs?"),
        (("train", "--learning-rate", "1"), 2, "did you mean --lr?"),
        (("--dat", "x"), 2, "did you mean --data?"),
        (("trian",), 2, "did you mean train?"),
        (("eval",), 2, "RUN"),
        (("resume", "latest", "--epochs", "-1"), 2, "-1"),
    ],
)
def test_invalid_options_of_other_commands(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], status: int, expected: str
) -> None:
    assert_error(call("--runs", tmp_path, *arguments), status, expected)


@pytest.mark.parametrize("arguments", [("train", "--nosuch"), ("eval", "latest", "--output", "x"), ("nosuch",)])
def test_no_suggestion_without_a_similar_name(call: Call, arguments: tuple[str, ...]) -> None:
    assert "mean" not in call(*arguments).err


def test_a_failing_network_is_shown_up_to_its_error(call: Call) -> None:
    result = call("shapes", "guide", "--input", "1x14x14", "--json")
    assert result.status == 1
    assert result.json["rows"][0]["output"] == [12, 14, 14]
    assert result.json["error"]
    assert result.err.count("\n") == 1


def test_missing_checkpoints(call: Call, trained: TrainedRun) -> None:
    def evaluate(checkpoint: str) -> Result:
        return call("eval", "latest", "--runs", trained.runs, "--checkpoint", checkpoint, "--json")

    assert_error(evaluate("12345"), 1, "12345")
    assert_error(evaluate("worst"), 2, "final, best")


def test_missing_data_without_a_network_connection(call: Call, tmp_path: Path) -> None:
    result = call("train", "--runs", tmp_path / "runs")
    assert_error(result, 1, "--data DIR", "FASHION_TUI_DATA", "--dataset synthetic")
    assert not (tmp_path / "runs").exists()


@pytest.mark.covers("train --data")
def test_a_missing_or_empty_data_folder(call: Call, tmp_path: Path) -> None:
    for variables, options in (({}, ("--data", tmp_path / "none")), ({"FASHION_TUI_DATA": str(tmp_path)}, ())):
        result = call("train", *options, "--runs", tmp_path / "runs", **variables)
        assert_error(result, 1, "--dataset synthetic", str(tmp_path))
    assert not (tmp_path / "runs").exists()


@pytest.mark.real_data
@pytest.mark.parametrize("damage", ["cut", "flipped", "magic"])
def test_damaged_data_files(call: Call, real_data: Path, tmp_path: Path, damage: str) -> None:
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"):
        source = real_data / "FashionMNIST" / "raw" / name
        suffix = "" if source.exists() else ".gz"
        (raw / f"{name}{suffix}").symlink_to(source.with_name(f"{name}{suffix}"))
    labels = real_data / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte"
    content = bytearray(
        labels.read_bytes() if labels.exists() else gzip.decompress(labels.with_name(f"{labels.name}.gz").read_bytes())
    )
    if damage == "cut":
        del content[5_000:]
    else:
        content[5_000 if damage == "flipped" else 3] ^= 1
    (raw / labels.name).write_bytes(content)
    result = call("train", "--data", tmp_path / "data", "--runs", tmp_path / "runs")
    assert_error(result, 1, labels.name, "SHA-256", "--dataset synthetic")
    assert not (tmp_path / "runs").exists()


def test_a_runs_folder_that_cannot_be_written(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = call("train", *SMALL_RUN, "--runs", tmp_path / "file" / "runs")
    assert result.status == 1
    assert result.err.splitlines()[-1].startswith("fashion-tui: ")
    assert "--runs" in result.err
    assert "Traceback" not in result.err


def test_damaged_runs_are_listed_and_other_runs_still_work(call: Call, trained: TrainedRun, tmp_path: Path) -> None:
    intact = tmp_path / trained.run
    intact.symlink_to(trained.runs / trained.run)
    damaged = tmp_path / "20990101-000000-guide-cut0"
    damaged.mkdir()
    config = (trained.runs / trained.run / "config.json").read_bytes()
    (damaged / "config.json").write_bytes(config[:100])
    empty = tmp_path / "20990101-000001-guide-none"
    empty.mkdir()

    listed = {run["run"]: run for run in call("runs", "--runs", tmp_path, "--json").json}
    assert listed[trained.run]["damage"] is None
    assert listed[damaged.name]["damage"]
    assert listed[empty.name]["damage"]
    assert "damaged" in call("runs", "--runs", tmp_path).out
    assert_error(call("eval", damaged.name, "--runs", tmp_path), 1, "config.json")
    assert call("eval", trained.run, "--runs", tmp_path, "--json").status == 0


def test_the_app_needs_a_terminal(call: Call, trained: TrainedRun) -> None:
    assert_error(call(), 1, "terminal")
    assert_error(call("attach", "latest", "--runs", trained.runs), 1, "terminal")


def test_a_closed_pipe_prints_no_error(call: Call, trained: TrainedRun, environment: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "fashion_tui", "runs", "--runs", str(trained.runs)],
            stdout=pipe,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b""


def test_a_closed_stdout_is_not_an_error(trained: TrainedRun, environment: dict[str, str]) -> None:
    command = f"{sys.executable} -m fashion_tui runs --runs {trained.runs} >&-"
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_warning_about_more_threads_than_cores(call: Call, tmp_path: Path) -> None:
    cores = available_cpus()
    result = call("train", *SMALL_RUN, "--threads", cores + 1, "--runs", tmp_path / "runs", "--detach")
    assert result.status == 0
    assert f"use --threads {cores}" in result.err
    assert call("stop", "latest", "--runs", tmp_path / "runs").status == 0


def test_a_copied_run_can_be_resumed(call: Call, trained: TrainedRun, tmp_path: Path) -> None:
    shutil.copytree(trained.runs / trained.run, tmp_path / "copied")
    result = call("resume", "copied", "--epochs", "2", "--runs", tmp_path)
    assert result.status == 0, result.err
    assert "copied: running from step" in result.out
    assert call("stop", "copied", "--runs", tmp_path).status == 0
    assert call("eval", "copied", "--runs", tmp_path, "--json").json["run"] == "copied"
