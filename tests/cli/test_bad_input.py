"""What can be wrong in a call: each gets one line that says what and what to do, and nothing is left half-written."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fashion_tui.threads import available_threads

from .conftest import QUICK, Answer, Call, TrainedRun, assert_one_line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--recipe", "nosuch"), "guide"),
        (("--model", "nosuch"), "guide"),
        (("--epochs", "-3"), "-3"),
        (("--epochs", "0"), "epochs is 0; it must be between 1 and"),
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
        (("--validation", "12000"), "hold out fewer"),
        (("--checkpoint-every", "0"), "checkpoint-every"),
        (("--checkpoint-every", "nan"), "checkpoint-every"),
        (("--device", "tpu"), "tpu"),
        (("--name", "/../.."), "name"),
        (("--dataset", "nosuch"), "synthetic"),
        (("--nosuch",), "--help"),
    ],
)
def test_words_that_train_cant_take(call: Call, tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    runs = tmp_path / "runs"
    assert_one_line(call("train", "--dataset", "synthetic", "--runs", runs, *options), 2, said)
    assert not runs.exists()


def test_a_device_that_isnt_there(call: Call, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    answer = call("train", *QUICK, "--device", "cuda", "--runs", runs, CUDA_VISIBLE_DEVICES="")
    assert_one_line(answer, 1, "cuda", "--device cpu")
    assert not runs.exists()


@pytest.mark.parametrize("command", ["eval", "pause", "resume", "stop", "checkpoint", "attach", "export"])
def test_a_run_that_isnt_there(call: Call, tmp_path: Path, command: str) -> None:
    more = ("-o", tmp_path / "out") if command == "export" else ()
    assert_one_line(call(command, "nosuch", "--runs", tmp_path, *more), 1, "nosuch")
    assert_one_line(call(command, "latest", "--runs", tmp_path / "none", *more), 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("nosuch",), 2, "(see: fashion-tui --help)"),
        (("shapes", "nosuch"), 2, "file.py:Class"),
        (("shapes", "nosuch.py:Net"), 1, "nosuch.py"),
        (("shapes", "--input", "1x0x28"), 2, "1x28x28"),
        (("shapes", "--args", "{"), 2, "JSON"),
        (("shapes", "--depth", "0"), 2, "0 is not in the range"),
        (("shapes", "--columns", "step,colour"), 2, "no column is called 'colour'; there is: #, step"),
        (("shapes", "--args", "[]"), 2, "object"),
        (("shapes", "guide", "--args", '{"width": 3}'), 2, "width"),
        (("export", "latest", "--format", "onnx", "-o", "x"), 2, "safetensors"),
        (("export", "latest"), 2, "-o"),
        (("eval",), 2, "RUN"),
        (("resume", "latest", "--epochs", "-1"), 2, "-1"),
    ],
)
def test_words_that_other_commands_cant_take(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    assert_one_line(call("--runs", tmp_path, *arguments), status, said)


def test_a_network_that_fails_is_shown_as_far_as_it_came(call: Call) -> None:
    answer = call("shapes", "guide", "--input", "1x14x14", "--json")
    assert answer.status == 1
    assert answer.json["rows"][0]["output"] == [12, 14, 14]
    assert answer.json["error"]
    assert answer.err.count("\n") == 1


def test_checkpoints_that_arent_there(call: Call, trained: TrainedRun) -> None:
    def evaluate(checkpoint: str) -> Answer:
        return call("eval", "latest", "--runs", trained.runs, "--checkpoint", checkpoint, "--json")

    assert_one_line(evaluate("12345"), 1, "12345")
    assert_one_line(evaluate("worst"), 2, "final, best or")


def test_no_data_and_no_network(call: Call, tmp_path: Path) -> None:
    answer = call("train", "--runs", tmp_path / "runs")
    assert_one_line(answer, 1, "--data DIR", "FASHION_TUI_DATA", "--dataset synthetic")
    assert not (tmp_path / "runs").exists()


def test_a_data_folder_that_is_missing_or_empty(call: Call, tmp_path: Path) -> None:
    for variables, options in (({}, ("--data", tmp_path / "none")), ({"FASHION_TUI_DATA": str(tmp_path)}, ())):
        answer = call("train", *options, "--runs", tmp_path / "runs", **variables)
        assert_one_line(answer, 1, "--dataset synthetic", str(tmp_path))
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
    answer = call("train", "--data", tmp_path / "data", "--runs", tmp_path / "runs")
    assert_one_line(answer, 1, labels.name, "SHA-256", "--dataset synthetic")
    assert not (tmp_path / "runs").exists()


def test_a_runs_folder_that_cant_be_written(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = call("train", *QUICK, "--runs", tmp_path / "file" / "runs")
    assert answer.status == 1
    assert answer.err.splitlines()[-1].startswith("fashion-tui: ")
    assert "--runs" in answer.err
    assert "Traceback" not in answer.err


def test_damaged_runs_are_listed_and_the_others_still_work(call: Call, trained: TrainedRun, tmp_path: Path) -> None:
    whole = tmp_path / trained.run
    whole.symlink_to(trained.runs / trained.run)
    damaged = tmp_path / "20990101-000000-guide-cut0"
    damaged.mkdir()
    config = (trained.runs / trained.run / "config.json").read_bytes()
    (damaged / "config.json").write_bytes(config[:100])
    gone = tmp_path / "20990101-000001-guide-gone"
    gone.mkdir()

    listed = {run["run"]: run for run in call("runs", "--runs", tmp_path, "--json").json}
    assert listed[trained.run]["damage"] is None
    assert listed[damaged.name]["damage"]
    assert listed[gone.name]["damage"]
    assert "damaged" in call("runs", "--runs", tmp_path).out
    assert_one_line(call("eval", damaged.name, "--runs", tmp_path), 1, "config.json")
    assert call("eval", trained.run, "--runs", tmp_path, "--json").status == 0


def test_the_app_without_a_terminal(call: Call, trained: TrainedRun) -> None:
    assert_one_line(call(), 1, "terminal")
    assert_one_line(call("attach", "latest", "--runs", trained.runs), 1, "terminal")


def test_a_reader_that_leaves_early_is_no_error(call: Call, trained: TrainedRun, environment: dict[str, str]) -> None:
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


def test_a_closed_stdout_is_no_trouble(trained: TrainedRun, environment: dict[str, str]) -> None:
    command = f"{sys.executable} -m fashion_tui runs --runs {trained.runs} >&-"
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_more_threads_than_cores_are_told(call: Call, tmp_path: Path) -> None:
    many = available_threads() + 1
    answer = call("train", *QUICK, "--threads", many, "--runs", tmp_path / "runs", "--detach")
    assert answer.status == 0
    assert f"{many} threads on {many - 1} cores wait for each other; --threads {many - 1} is faster" in answer.err
    assert call("stop", "latest", "--runs", tmp_path / "runs").status == 0


def test_a_copied_run_goes_on_under_its_new_name(call: Call, trained: TrainedRun, tmp_path: Path) -> None:
    shutil.copytree(trained.runs / trained.run, tmp_path / "copied")
    answer = call("resume", "copied", "--epochs", "2", "--runs", tmp_path)
    assert answer.status == 0, answer.err
    assert "copied: running from step" in answer.out
    assert call("stop", "copied", "--runs", tmp_path).status == 0
    assert call("eval", "copied", "--runs", tmp_path, "--json").json["run"] == "copied"
