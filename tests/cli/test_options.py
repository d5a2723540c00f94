"""Options that choose what a command reads, writes and prints. `test_train_options` has those of `train`."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.kernel import runtime_directory
from fashion_tui.lab.networks.build import build_network
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.runs import launch
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import StepChunk
from tests.custom_models import custom_model, forget_trust
from tests.engine.in_process import restored_settings
from tests.runs.parts import PROJECT, TOY_TRAINER, make_run, steps, wait_until

from .conftest import Call, Result, assert_error

Weights = dict[str, torch.Tensor]


def weights_of(seed: int) -> Weights:
    torch.manual_seed(seed)
    return build("guide").state_dict()


def writer(weights: Weights) -> Callable[[BinaryIO], None]:
    """Return a function that writes a checkpoint."""
    return lambda file: write_checkpoint(file, {"model": weights}, {})


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A stopped run with checkpoints of steps 10 (the best), 20 and 30."""
    with make_run(tmp_path / "runs", dataset=SYNTHETIC, validation=100) as run:
        for step in (10, 20, 30):
            run.checkpoints.save(writer(weights_of(step)), step=step, epoch=0, best=step == 10)
        run.write_status(msgspec.structs.replace(run.read_status(), state="stopped", step=30))
        yield run


@pytest.mark.covers("eval --checkpoint")
def test_eval_uses_the_chosen_checkpoint(call_in_process: Call, run: Run) -> None:
    def evaluate(*options: str) -> Any:
        return call_in_process("eval", run.path, "--json", *options).json

    chosen = {name: evaluate("--checkpoint", name) for name in ("best", "20", "final")}
    assert {name: evaluation["step"] for name, evaluation in chosen.items()} == {"best": 10, "20": 20, "final": 30}
    assert len({evaluation["loss"] for evaluation in chosen.values()}) == 3, "their weights differ"
    assert evaluate() == chosen["final"]


@pytest.mark.covers("export --checkpoint", "export --output", "export --json")
def test_export_writes_the_weights_of_the_chosen_checkpoint(call_in_process: Call, run: Run, tmp_path: Path) -> None:
    for options, step in (((), 30), (("--checkpoint", "best"), 10), (("--checkpoint", "20"), 20)):
        file = tmp_path / f"{step}.safetensors"
        result = call_in_process("export", run.path, "-o", file, *options, "--json")
        assert result.json["path"] == str(file)
        exported, expected = load_file(file), weights_of(step)
        assert exported.keys() == expected.keys()
        assert all(torch.equal(exported[name], expected[name]) for name in expected)
    printed = call_in_process("export", run.path, "-o", tmp_path / "again.safetensors").out
    assert printed.startswith(f"{tmp_path}/again.safetensors: safetensors")


def test_export_writes_through_a_link(call_in_process: Call, run: Run, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    for name in ("old", "missing"):
        link = tmp_path / f"{name}.safetensors"
        link.symlink_to(name)
        assert call_in_process("export", run.path, "-o", link, "--json").json["path"] == str(tmp_path / name)
        assert link.is_symlink()
        assert load_file(tmp_path / name).keys() == weights_of(0).keys()


def test_export_never_replaces_a_link_to_a_pipe_or_to_itself(call_in_process: Call, run: Run, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.mkfifo(tmp_path / "fifo")
    for name, target in (("named", "fifo"), ("pipe", f"/dev/fd/{writing}"), ("loop", "loop")):
        link = tmp_path / name
        link.symlink_to(target)
        result = call_in_process("export", run.path, "-o", link, "--format", "safetensors")
        assert_error(result, 1, f"{link}: it isn't a regular file")
        assert str(link.readlink()) == target
    os.close(reading)
    os.close(writing)
    assert (tmp_path / "fifo").is_fifo()


@pytest.mark.covers("export --format")
def test_format_replaces_that_of_the_suffix(call_in_process: Call, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "net.bin"
    assert_error(call_in_process("export", run.path, "-o", file), 2, "--format safetensors", ".pt2")
    for suffix in ("bin", "onnx"):
        file = tmp_path / f"net.{suffix}"
        assert call_in_process("export", run.path, "-o", file, "--format", "safetensors").status == 0
        assert load_file(file).keys() == weights_of(0).keys()


def test_an_export_states_what_the_network_expects(call_in_process: Call, run: Run, tmp_path: Path) -> None:
    exported = call_in_process("export", run.path, "-o", tmp_path / "net.PTH", "--json").json
    assert (exported["format"], exported["images"], exported["max_difference"]) == ("state-dict", 1_000, 0)
    metadata = exported["metadata"]
    assert (metadata["run"], metadata["step"], metadata["dataset"]) == (run.id, 30, "synthetic")
    assert (metadata["image_shape"], metadata["mean"], metadata["std"]) == ([1, 28, 28], [0.5], [0.5])
    assert metadata["classes"][9] == "Ankle boot"
    content = b"".join(tensor.contiguous().numpy().tobytes() for _, tensor in sorted(weights_of(30).items()))
    assert metadata["weights_sha256"] == hashlib.sha256(content).hexdigest()
    assert torch.load(tmp_path / "net.PTH", weights_only=True).keys() == weights_of(0).keys()
    printed = call_in_process("export", run.path, "-o", tmp_path / "net.pt").out
    assert "float32 [N, 1, 28, 28], (pixels / 255 - 0.5) / 0.5" in printed


@pytest.fixture
def custom_run(tmp_path: Path, state_home: Path) -> Iterator[Run]:
    """A run of a custom model whose code hasn't been trusted."""
    network = custom_model(width=4)
    with make_run(tmp_path / "runs", dataset=SYNTHETIC, network=network) as run:
        run.checkpoints.save(writer(build_network(run.config.recipe, network).state_dict()), step=10, epoch=0)
        forget_trust(state_home)
        yield run


@pytest.mark.covers("eval --trust", "export --trust")
@pytest.mark.parametrize("command", [("eval",), ("export", "-o", "net.safetensors")], ids=lambda command: command[0])
def test_trust_executes_the_runs_model_now_and_later(
    call_in_process: Call, custom_run: Run, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(custom_run.path.parent)
    assert_error(call_in_process(*command, custom_run.id, "--runs", "."), 1, "--trust")
    for options in (("--trust",), ()):
        result = call_in_process(*command, custom_run.id, "--runs", ".", *options)
        assert result.status == 0, result.err


@pytest.mark.covers("verify --trust")
def test_trust_repeats_the_steps_of_the_runs_model(call_in_process: Call, custom_run: Run) -> None:
    custom_run.event_writer().write(steps(1, 1))
    assert_error(call_in_process("verify", custom_run.path), 1, "--trust")
    with restored_settings():
        for options in (("--trust",), ()):
            result = call_in_process("verify", custom_run.path, *options)
            assert (result.status, result.err) == (1, "")
            assert result.out.startswith("step 1 "), "the loss in the log isn't that of the model"


@pytest.fixture
def toy_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_trainers: list[Path]) -> Iterator[Run]:
    """A stopped run of 3 epochs, each of 20 steps, whose trainer is the toy trainer."""
    monkeypatch.setattr(launch, "TRAINER", TOY_TRAINER)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setenv("TOY_STEPS", "20")
    stop_trainers.append(tmp_path / "runs")
    with make_run(tmp_path / "runs") as run:
        run.write_status(msgspec.structs.replace(run.read_status(), state="stopped"))
        yield run


def save_toy_checkpoint(run: Run, step: int, unsaved: tuple[str, ...]) -> None:
    def write(file: BinaryIO) -> None:
        file.write(json.dumps({"step": step}).encode())

    run.checkpoints.save(write, step=step, epoch=0, unsaved=unsaved)


def test_colours_in_a_file_do_not_change_the_width(
    call_in_process: Call, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = call_in_process("runs", "--runs", run.path.parent).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    coloured = call_in_process("runs", "--runs", run.path.parent).out
    assert coloured != plain
    assert click.unstyle(coloured) == plain


@pytest.mark.covers("resume --epochs")
def test_resume_trains_to_the_given_number_of_epochs(call_in_process: Call, toy_run: Run) -> None:
    for options, step in (((), 60), (("--epochs", "5"), 100)):
        assert call_in_process("resume", toy_run.path, *options).status == 0
        wait_until(lambda: not toy_run.is_live(), 90)
        status = toy_run.read_status()
        assert (status.state, status.step) == ("finished", step)


def test_resume_warns_if_the_only_checkpoint_is_damaged(call_in_process: Call, toy_run: Run) -> None:
    save_toy_checkpoint(toy_run, 20, unsaved=())
    toy_run.write_status(msgspec.structs.replace(toy_run.read_status(), step=20))
    (toy_run.path / "checkpoints" / "step-20.pt").write_bytes(b"cut")
    result = call_in_process("resume", toy_run.path, "--json")
    assert (result.status, result.json["from_step"]) == (0, 0)
    damage, restart = result.err.split("warning: ")[1:]
    assert "step-20.pt has 3 bytes" in damage
    assert "step 20" in restart
    assert "again from step 0" in " ".join(restart.split())
    wait_until(lambda: not toy_run.is_live(), 90)
    assert call_in_process("resume", toy_run.path, "--epochs", "4").err == "", "the new checkpoints are intact"


@pytest.mark.covers("resume --inexact")
def test_inexact_resumes_from_a_checkpoint_that_lacks_state(call_in_process: Call, toy_run: Run) -> None:
    save_toy_checkpoint(toy_run, 40, unsaved=("calls (count)",))
    assert_error(call_in_process("resume", toy_run.path), 1, "calls (count)", "--inexact")
    assert not toy_run.is_live()
    assert call_in_process("resume", toy_run.path, "--inexact").status == 0
    wait_until(lambda: not toy_run.is_live(), 90)
    chunks = [event for event in toy_run.follow_events().events() if isinstance(event, StepChunk)]
    assert chunks[0].first_step == 41


@pytest.mark.covers("fashion-tui --data", "fashion-tui --dataset", "fashion-tui --runs")
def test_options_before_the_command_apply_unless_they_are_repeated_after_it(
    call_in_process: Call, tmp_path: Path
) -> None:
    default = call_in_process("settings", "--json").json["settings"]
    for name, before, after in (
        ("data", str(tmp_path / "one"), str(tmp_path / "two")),
        ("runs", str(tmp_path / "one"), str(tmp_path / "two")),
        ("dataset", "synthetic", "fashion-mnist"),
    ):
        settings = call_in_process(f"--{name}", before, "settings", "--json").json["settings"]
        assert settings == default | {name: before}
        settings = call_in_process(f"--{name}", before, "settings", "--json", f"--{name}", after).json["settings"]
        assert settings == default | {name: after}


@pytest.mark.covers("doctor --data")
def test_doctor_checks_the_given_data_folder(call_in_process: Call, tmp_path: Path) -> None:
    def detail(*options: object) -> str:
        (check,) = data_checks(call_in_process("doctor", "--runs", tmp_path, "--json", *options))
        return str(check["detail"])

    assert str(tmp_path / "data") in detail("--data", tmp_path / "data")
    assert str(tmp_path / "data") not in detail()


def data_checks(result: Result) -> list[Any]:
    return [check for check in result.json["checks"] if check["name"].startswith("data: ")]


@pytest.mark.covers("completion --json")
def test_completion_prints_the_same_script_as_json(call_in_process: Call) -> None:
    for shell in ("bash", "zsh", "fish"):
        script = call_in_process("completion", shell).out
        encoded = call_in_process("completion", shell, "--json").json
        assert encoded["shell"] == shell
        assert encoded["script"].splitlines() == script.splitlines()
        assert "_FASHION_TUI_COMPLETE" in script


@pytest.mark.covers(
    "pause --data", "pause --dataset", "pause --image-size", "pause --fit",
    "stop --data", "stop --dataset", "stop --image-size", "stop --fit",
    "checkpoint --data", "checkpoint --dataset", "checkpoint --image-size", "checkpoint --fit",
    "resume --data", "resume --image-size", "resume --fit",
    "runs --data", "runs --dataset", "runs --image-size", "runs --fit",
    "eval --data", "eval --image-size", "eval --fit",
    "predict --data", "predict --image-size", "predict --fit",
    "export --data", "export --image-size", "export --fit",
    "verify --data", "verify --image-size", "verify --fit",
    "shapes --data", "shapes --dataset", "shapes --image-size", "shapes --fit", "shapes --runs",
    "kernel --data", "kernel --dataset", "kernel --image-size", "kernel --fit", "kernel --runs",
    "completion --data", "completion --dataset", "completion --image-size", "completion --fit", "completion --runs",
)  # fmt: skip
def test_options_without_an_effect(
    call_in_process: Call, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command accepts --data, --dataset, --image-size, --fit and --runs. Those that don't need one ignore it.

    A run names its own data set: commands that read it use --dataset only to find it again, with the run's image size.
    """
    monkeypatch.setattr(runtime_directory, "_parents", lambda: [str(tmp_path)])  # hides the apps of other tests
    run.write_status(msgspec.structs.replace(run.read_status(), state="finished"))
    none = tmp_path / "none"
    data, runs = ("--data", none), ("--runs", none)
    size = ("--image-size", 16, "--fit", "crop")
    dataset = ("--dataset", "fashion-mnist", *size)
    for command in ("pause", "stop", "checkpoint", "resume", "eval"):
        result = call_in_process(command, run.path)
        options = size if command in {"resume", "eval"} else dataset
        assert call_in_process(command, run.path, *data, *options) == result, command
        assert (result.status == 0) == (command not in {"pause", "checkpoint"}), "which need a live run"
    for command, *arguments in (("shapes",), ("kernel",), ("completion", "bash")):
        result = call_in_process(command, *arguments)
        assert call_in_process(command, *arguments, *data, *dataset, *runs) == result, command
    listed = ("runs", "--runs", run.path.parent)
    assert call_in_process(*listed, *data, *dataset) == call_in_process(*listed)
    exported = ("export", run.path, "-o", tmp_path / "net.safetensors")
    assert call_in_process(*exported, *data, *size) == call_in_process(*exported)
    Image.new("L", (28, 28)).save(tmp_path / "black.png")
    predicted = ("predict", tmp_path / "black.png", "--run", run.path)
    assert call_in_process(*predicted, *data, *size) == call_in_process(*predicted)
    result = call_in_process("verify", run.path)
    assert "no steps" in result.err
    assert call_in_process("verify", run.path, *data, *size) == result
    assert not none.exists()


@pytest.mark.covers("doctor --dataset", "doctor --image-size", "doctor --fit")
def test_doctor_says_that_synthetic_data_need_no_fashion_mnist(call_in_process: Call, tmp_path: Path) -> None:
    def data_line(*options: object) -> str:
        out = call_in_process("doctor", "--data", tmp_path, "--runs", tmp_path, *options).out
        return next(line for line in out.splitlines() if "data: Fashion-MNIST" in line)

    assert not data_line("--dataset", "fashion-mnist").startswith(" "), "marked as a failure"
    plain = data_line("--dataset", "synthetic")
    assert data_line("--dataset", "synthetic", "--image-size", 16, "--fit", "crop") == plain
    assert plain.startswith(" ")
    assert "not needed" in plain
