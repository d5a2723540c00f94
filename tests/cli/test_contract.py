"""The interface for scripts: the keys of each JSON result, no other output on stdout, and exit statuses."""

import json
import math
import os
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from .conftest import SMALL_RUN, Call, TrainedRun, assert_error

pytestmark = pytest.mark.usefixtures("forked_processes")


@pytest.mark.covers(
    "train --json", "train --runs", "train --dataset", "train --validation", "train --batch-size", "train --epochs"
)
def test_train_prints_events_and_ends_with_finished(trained: TrainedRun) -> None:
    assert trained.events[0]["event"] == "started"
    assert {event["event"] for event in trained.events} >= {"steps", "epoch", "checkpoint"}
    last = trained.events[-1]
    assert last["event"] == "finished"
    assert {"run", "path", "epochs", "test_accuracy", "train_seconds", "images_per_second"} <= last.keys()
    assert Path(last["path"]) == trained.runs / trained.run
    elapsed = last["time"] - trained.events[0]["time"]
    assert 0 < last["train_seconds"] + last["evaluation_seconds"] <= elapsed
    assert last["loading_seconds"] > 0
    losses = [loss for event in trained.events if "first_step" in event for loss in event["metrics"]["loss"]]
    assert len(losses) == math.ceil(3_000 / 512)


def test_train_prints_the_events_of_the_log(trained: TrainedRun) -> None:
    log = (trained.runs / trained.run / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["data"] for line in log] == trained.events


@pytest.mark.covers("runs --json", "runs --runs")
def test_runs_lists_runs(call: Call, trained: TrainedRun) -> None:
    result = call("runs", "--runs", trained.runs, "--json")
    assert result.status == 0
    (run,) = result.json
    assert {"run", "path", "state", "recipe", "dataset", "epoch", "step", "test_accuracy", "pid"} <= run.keys()
    assert (run["run"], run["state"], run["recipe"], run["dataset"]) == (trained.run, "finished", "guide", "synthetic")
    assert run["test_accuracy"] == trained.events[-1]["test_accuracy"]

    out = call("runs", FASHION_TUI_RUNS=str(trained.runs)).out
    for expected in (trained.run, "finished", "synthetic"):
        assert expected in out


@pytest.mark.covers("runs --prune", "runs --yes")
def test_prune_needs_confirmation_and_deletes_older_checkpoints(
    call: Call, trained: TrainedRun, tmp_path: Path
) -> None:
    copy = tmp_path / "runs" / trained.run
    shutil.copytree(trained.runs / trained.run, copy)
    newest = next((copy / "checkpoints").glob("step-*.pt"))
    older = newest.with_name("step-1.pt")
    older.write_bytes(b"older" * 1000)

    assert_error(call("runs", "--prune", "--runs", copy.parent), 2, "--yes")
    assert_error(call("runs", "--yes", "--runs", copy.parent), 2, "--prune")
    assert older.exists()
    (pruned,) = call("runs", "--prune", "--yes", "--json", "--runs", copy.parent).json
    assert (pruned["run"], pruned["bytes"]) == (trained.run, 5000)
    assert not older.exists()
    assert newest.exists()
    assert call("runs", "--prune", "--yes", "--json", "--runs", copy.parent).json == []
    (run,) = call("runs", "--json", "--runs", copy.parent).json
    assert run["disk_bytes"] > run["checkpoint_bytes"] > newest.stat().st_size


@pytest.mark.parametrize(
    ("kills", "lingers", "ok", "expected"),
    [
        ("no", "no", True, "runs continue after logout"),
        ("yes", "no", False, "loginctl enable-linger"),
        ("yes", "yes", True, "systemd-run --user --scope"),
    ],
)
def test_doctor_checks_whether_logout_ends_runs(
    call: Call, tmp_path: Path, kills: str, lingers: str, expected: str, *, ok: bool
) -> None:
    loginctl = tmp_path / "loginctl"  # replaces the machine's own loginctl
    loginctl.write_text(
        f"#!/bin/sh\ncase $* in *Linger*) echo Linger={lingers};; *) echo KillUserProcesses={kills};; esac\n"
    )
    loginctl.chmod(0o755)
    result = call("doctor", "--json", "--runs", tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}")
    (check,) = [check for check in result.json["checks"] if check["name"] == "logout"]
    assert check["ok"] is ok
    assert expected in check["detail"]


def test_runs_of_a_missing_folder(call: Call, tmp_path: Path) -> None:
    for options in ((), ("--json",), ("--prune",)):
        assert_error(call("runs", "--runs", tmp_path / "none", *options), 1, str(tmp_path / "none"), "--runs")


def test_runs_before_the_first_run(call: Call, tmp_path: Path) -> None:
    for folder, options in ((tmp_path / "none", ()), (tmp_path, ("--runs", tmp_path))):
        assert call("runs", *options, "--json", FASHION_TUI_RUNS=str(folder)).json == []
        result = call("runs", *options, FASHION_TUI_RUNS=str(folder))
        assert (result.status, result.out) == (0, "")
        assert "fashion-tui train" in result.err


@pytest.mark.covers("eval --json", "fashion-tui --runs")
def test_eval_agrees_with_the_trainer(call: Call, trained: TrainedRun) -> None:
    result = call("--runs", trained.runs, "eval", "latest", "--json")
    assert result.status == 0, result.err
    evaluation = result.json
    assert {"run", "n", "accuracy", "loss", "per_class", "confusion", "ece"} <= evaluation.keys()
    assert evaluation["run"] == trained.run
    assert evaluation["n"] == 2_000
    assert evaluation["accuracy"] == trained.events[-1]["test_accuracy"]
    assert len(evaluation["per_class"]) == 10
    assert {"name", "precision", "recall", "f1", "support"} == evaluation["per_class"][0].keys()
    confusion = evaluation["confusion"]
    assert [sum(row) for row in confusion] == [report["support"] for report in evaluation["per_class"]]
    assert sum(confusion[label][label] for label in range(10)) == round(evaluation["accuracy"] * 2_000)
    assert "synthetic" in result.err


@pytest.mark.covers("eval --runs", "eval --json")
def test_eval_prints_a_report_that_mentions_synthetic_data(call: Call, trained: TrainedRun) -> None:
    out = call("eval", trained.run, "--runs", trained.runs, "--checkpoint", "best").out
    for expected in (
        "95 % interval",
        "macro mean",
        "top-2",
        "ECE",
        "Ankle boot",
        "confusion",
        "synthetic",
        "2,000 test images",
    ):
        assert expected in out


@pytest.mark.covers("shapes --json")
def test_shapes_of_the_guides_network(call: Call) -> None:
    result = call("shapes", "guide", "--json")
    assert result.status == 0, result.err
    table = result.json
    assert table["total_params"] == 204_542
    assert table["total_macs"] == sum(row["macs"] for row in table["rows"] if row["depth"] == 0)
    assert {"name", "op", "input", "output", "params", "macs"} <= table["rows"][0].keys()
    assert table["rows"][0]["input"] == [1, 28, 28]
    assert table["rows"][0]["output"] == [12, 28, 28]
    assert table["rows"][-1]["output"] == [10]
    out = call("shapes").out
    for expected in ("conv1", "max_pool2d", "204,542"):
        assert expected in out


NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)

    def forward(self, x):
        return self.conv(x)
"""


@pytest.mark.covers("shapes --input", "shapes --args")
def test_shapes_of_a_custom_model(call: Call, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    result = call("shapes", f"{tmp_path}/net.py:Net", "--input", "3x32x32", "--args", '{"width": 7}', "--json")
    assert result.status == 0, result.err
    assert result.json["rows"][0]["output"] == [7, 30, 30]


DENOISER = """
import torch
from torch import nn

class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Embedding(50, 4)
        self.conv = nn.Conv2d(5, 1, 3, padding=1)

    def forward(self, x, t):
        time = self.time(t)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return self.conv(torch.cat([x, time], 1))

def batch(size):
    return {"t": torch.arange(size), "x": torch.ones(size, 1, 6, 6)}
"""


@pytest.mark.covers("shapes --input", "shapes --inputs")
def test_shapes_with_several_inputs(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(DENOISER)
    for options, expected in (
        (("--input", "1x6x6", "--input", "t="), {"1x6x6:float32", "t=:int64"}),
        (("--inputs", f"{file}:batch"), {"t=:int64", "x=1x6x6:float32"}),
    ):
        result = call("shapes", f"{file}:Denoiser", *options, "--json")
        assert result.status == 0, result.err
        assert result.json["total_params"] == 50 * 4 + 5 * 9 + 1
        assert result.json["total_macs"] == 5 * 9 * 36
        assert result.json["rows"][-1]["output"] == [1, 6, 6]
        assert {*result.json["inputs"]} == expected
    assert_error(
        call("shapes", f"{file}:Denoiser", "--input", "1x6x6"),
        2,
        "Denoiser.forward also needs `t`: add --input t=SHAPE",
    )
    assert_error(call("shapes", file, "--input", "3", "--inputs", f"{file}:batch"), 2, "--inputs")


@pytest.mark.covers("shapes --depth", "shapes --columns")
def test_shapes_with_depth_and_columns(call: Call) -> None:
    result = call("shapes", "torchvision:resnet18", "--input", "3x64x64", "--depth", "1", "--json")
    assert [row["name"] for row in result.json["rows"]][-3:] == ["avgpool", "flatten", "fc"]
    assert {row["depth"] for row in result.json["rows"]} == {0}
    out = call("shapes", "--columns", "OUTPUT,step,forward").out
    assert out.splitlines()[2].split() == ["step", "output", "forward"]
    assert "µs" in out or "ms" in out


TWO_BRANCHES = """
from torch import nn

class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.spare = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 9)
        self.block = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x):
        y = self.first(x)
        return self.block(self.second(y) + y), y
"""


@pytest.mark.covers("shapes --json")
def test_json_of_shapes_says_where_data_flows_and_what_is_unused(call: Call, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(TWO_BRANCHES)
    table = call("shapes", f"{tmp_path}/net.py", "--input", "4", "--json").json
    assert [(row["name"], row["from"]) for row in table["rows"]] == [
        ("first", []), ("second", [0]), ("add", [1, 0]), ("block", [2]), ("0", [2]), ("1", [4]),
    ]  # fmt: skip
    assert table["outputs"] == [[4], [4]]
    assert table["unused"] == ["spare"]
    assert table["ran"] in {"real", "meta"}
    assert table["remarks"] == []
    assert table["explanation"] is None
    folded = call("shapes", f"{tmp_path}/net.py", "--input", "4", "--json", "--depth", "1").json
    assert [(row["name"], row["from"]) for row in folded["rows"]][-1] == ("block", [2])
    broken = call("shapes", f"{tmp_path}/net.py", "--input", "5", "--json")
    assert broken.status == 1
    assert broken.json["explanation"] in broken.err
    shown = call("shapes", f"{tmp_path}/net.py", "--input", "5")
    assert "first expects" in shown.err
    assert "first expects" not in shown.out, "the error is printed once"
    assert re.search(r"\(line \d+ of net\.py\)\n$", shown.err)
    assert "--input" not in shown.err
    default = call("shapes", f"{tmp_path}/net.py")
    assert "the input is the default 1×28×28; give --input, such as --input 128" in default.err
    assert "first" in broken.json["explanation"]


def test_shapes_compares_two_networks(call: Call, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(TWO_BRANCHES)
    (tmp_path / "new.py").write_text(TWO_BRANCHES.replace("nn.ReLU()", "nn.Dropout(), nn.ReLU()"))
    models = (f"{tmp_path}/net.py", f"{tmp_path}/new.py", "--input", "4")
    comparison = call("shapes", *models, "--json").json
    assert [(row["first"], row["second"]) for row in comparison["rows"]] == [
        (0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (None, 5), (5, 6),
    ]  # fmt: skip
    assert {row["differences"] != [] for row in comparison["rows"]} == {False}
    assert comparison["second"]["rows"][5]["op"] == "Dropout"
    folded = call("shapes", *models, "--depth", "1", "--json").json
    assert len(folded["rows"]) == len(folded["first"]["rows"]) == 4
    out = call("shapes", *models).out
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("+")] == [["+", "│"]]
    for wrong in ((*models, "guide"), (*models, "--graph", "x.svg"), (*models, "--batch-size", "2")):
        assert call("shapes", *wrong).status == 2
    failed = call("shapes", f"{tmp_path}/net.py", f"{tmp_path}/new.py", "--input", "5")
    assert (failed.status, "net.py" in failed.err) == (1, True)


@pytest.mark.covers("shapes --args")
def test_shapes_compares_a_network_with_other_arguments(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(NET)
    options = ("shapes", file, file, "--input", "3x4x4")
    widths = [("--args", f'{{"width": {width}}}') for width in (3, 5)]
    comparison = call(*options, *widths[0], *widths[1], "--json").json
    assert [comparison[name]["rows"][0]["output"][0] for name in ("first", "second")] == [3, 5]
    same = call(*options, *widths[0], "--json").json
    assert [same[name]["rows"][0]["output"][0] for name in ("first", "second")] == [3, 3]
    assert_error(call("shapes", file, *widths[0], *widths[1]), 2, "--args is given 2 times")


@pytest.mark.covers("shapes --batch-size")
def test_shapes_estimates_the_costs_of_training(call: Call) -> None:
    costs = [call("shapes", "guide", "--batch-size", size, "--json").json["training"] for size in ("10", "110")]
    assert costs[0]["parameter_bytes"] == costs[0]["gradient_bytes"] == 4 * 204_542
    assert costs[0]["adam_bytes"] == 8 * 204_542 + 4 * 8, "two moments for each parameter, and a count for each tensor"
    assert costs[1]["bytes"] - costs[0]["bytes"] == 100 * (costs[0]["activation_bytes"] // 10)
    assert costs[0]["bytes"] == sum(
        costs[0][f"{part}_bytes"] for part in ("parameter", "gradient", "adam", "activation")
    )
    assert costs[1]["step_seconds"] > 0
    per_sample, fixed = costs[0]["activation_bytes"] // 10, 4 * costs[0]["parameter_bytes"] + 32
    assert costs[0]["largest_batch"] == (costs[0]["free_bytes"] - fixed) // per_sample
    out = call("shapes", "guide", "--batch-size", "512").out
    assert "batch 512" in out
    assert "799 KiB gradients" in out
    assert call("shapes", "guide", "--json").json["training"] is None


ENDLESS = """
from torch import nn

class Net(nn.Module):
    def forward(self, x):
        while x.sum() > -1:
            x = x.softmax(1)
        return x
"""


@pytest.mark.covers("shapes --timeout")
def test_shapes_stops_an_endless_loop(call: Call, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(ENDLESS)
    result = call("shapes", f"{tmp_path}/net.py", "--input", "4", "--timeout", "3")
    assert result.status == 1
    for words in ("stopped after 3 s", "--timeout"):
        assert words in result.err
    assert "softmax" in result.out
    assert result.out.count("softmax") < 1000, "an endless loop makes endless rows"


@pytest.mark.covers("shapes --graph")
def test_shapes_writes_a_graph(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "guide.svg"
    file.write_text("an older file")
    result = call("shapes", "guide", "--graph", file)
    assert result.status == 0, result.err
    assert "conv1" in result.out
    assert result.err == f"Wrote {file}\n"
    assert ET.parse(file).getroot().tag.endswith("svg")
    assert "max_pool2d" in file.read_text()
    for wrong, status in ((tmp_path / "guide.png", 2), (tmp_path, 2), (tmp_path / "missing" / "guide.svg", 1)):
        result = call("shapes", "guide", "--graph", wrong)
        assert (result.status, wrong.name in result.err) == (status, True)
        assert not wrong.is_file()


@pytest.mark.covers("export --runs", "export --output")
def test_export_writes_the_same_file_for_the_same_weights(call: Call, trained: TrainedRun, tmp_path: Path) -> None:
    files = [tmp_path / "one.safetensors", tmp_path / "TWO.SAFETENSORS"]
    for file in files:
        result = call("export", "latest", "--runs", trained.runs, "-o", file, "--json")
        assert result.status == 0, result.err
        assert {"path", "format", "max_difference"} <= result.json.keys()
        assert result.json["path"] == str(file)
        assert result.json["max_difference"] == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    out = call("export", "latest", "--runs", trained.runs, "-o", tmp_path / "three.safetensors").out
    assert "verified" in out
    assert "same logits" in out
    assert_error(
        call("export", "latest", "--runs", trained.runs, "-o", tmp_path / "sub" / "net.safetensors"),
        1,
        f"the folder {tmp_path / 'sub'} doesn't exist",
    )


@pytest.mark.covers("doctor --json")
def test_doctor_runs_all_checks(call: Call, tmp_path: Path) -> None:
    result = call("doctor", "--json", "--runs", tmp_path / "runs")
    assert result.status == 0, result.err
    checks = {check["name"]: check for check in result.json["checks"]}
    assert all({"name", "ok", "detail"} <= check.keys() for check in checks.values())
    assert {"fashion-tui", "torch", "device: cpu", "runs", "playground", "terminal"} <= checks.keys()
    assert not checks["data: Fashion-MNIST"]["ok"]
    assert "--dataset synthetic" in checks["data: Fashion-MNIST"]["detail"]
    assert not (tmp_path / "runs").exists()


@pytest.mark.covers("doctor --runs", "doctor --json")
def test_doctor_fails_if_nothing_could_be_trained(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for options in ((), ("--json",)):
        result = call("doctor", "--runs", tmp_path / "file" / "runs", *options)
        assert result.status == 1
        assert "FASHION_TUI_RUNS" in result.out
        assert result.err.startswith("fashion-tui: runs: ")
        assert "FASHION_TUI_RUNS" in result.err
        assert result.err.count("\n") == 1


@pytest.mark.covers(
    "train --detach",
    "pause --json",
    "pause --runs",
    "resume --json",
    "resume --runs",
    "stop --json",
    "stop --runs",
    "checkpoint --json",
    "checkpoint --runs",
)
def test_a_run_can_be_paused_resumed_and_stopped(call: Call, tmp_path: Path, stop_trainers: list[Path]) -> None:
    def request(command: str, *more: str) -> dict[str, object]:
        result = call(command, "latest", "--runs", tmp_path, "--json", *more)
        assert result.status == 0, result.err
        outcome: dict[str, object] = result.json
        assert {"run", "state"} <= outcome.keys()
        return outcome

    result = call("train", *SMALL_RUN, "--epochs", "500", "--detach", "--runs", tmp_path, "--json")
    assert result.status == 0, result.err
    started = result.json
    assert {"run", "path", "pid", "state"} <= started.keys()
    assert started["state"] in {"starting", "running"}
    stop_trainers.append(tmp_path)

    assert request("checkpoint")["state"] == "running"
    assert request("resume")["state"] == "running"  # no effect
    assert request("pause")["state"] == "paused"
    assert request("resume")["state"] == "running"
    assert request("stop")["state"] == "stopped"
    assert request("stop")["state"] == "stopped"  # no effect

    last_step = call("runs", "--runs", tmp_path, "--json").json[0]["step"]
    resumed = request("resume")
    assert resumed["state"] == "running"
    assert resumed["from_step"] == last_step
    assert request("stop")["run"] == started["run"]


def test_a_finished_run_is_resumed_only_for_more_epochs(call: Call, tmp_path: Path, stop_trainers: list[Path]) -> None:
    stop_trainers.append(tmp_path)
    result = call("train", *SMALL_RUN, "--validation", "9000", "--lr", "0.06", "--patience", "3", "--runs", tmp_path)
    assert result.status == 0, result.err
    assert "0.06 is far above" in result.err
    assert "patience has no effect" in result.err
    assert "test accuracy" in result.out
    assert "synthetic" in result.out
    unchanged = call("resume", "latest", "--runs", tmp_path, "--json")
    assert (unchanged.status, unchanged.json["state"]) == (0, "finished")
    said = call("resume", "latest", "--runs", tmp_path).out
    assert "finished at step 6" in said
    assert "--epochs" in said
    assert_error(call("resume", "latest", "--epochs", 10**20, "--runs", tmp_path), 2, str(10**20), "1,000,000")
    more = call("resume", "latest", "--epochs", "500", "--runs", tmp_path, "--json")
    assert (more.status, more.json["from_step"]) == (0, math.ceil(3_000 / 512))
    assert call("stop", "latest", "--runs", tmp_path).status == 0


@pytest.mark.covers("train --data")
@pytest.mark.real_data
def test_training_on_fashion_mnist(call: Call, real_data: Path, tmp_path: Path) -> None:
    result = call(
        *("train", "--data", real_data, "--runs", tmp_path, "--epochs", "1", "--validation", "54000", "--json")
    )
    assert result.status == 0, result.err
    assert result.json_lines[-1]["test_accuracy"] > 0.6
    assert "synthetic" not in result.err
    assert call("eval", "latest", "--runs", tmp_path, "--json").json["n"] == 10_000


@pytest.mark.covers("verify --steps", "verify --json", "verify --runs")
def test_verify_repeats_steps(call: Call, trained: TrainedRun, tmp_path: Path) -> None:
    result = call("verify", trained.run, "--steps", 2, "--runs", trained.runs, "--json")
    assert result.status == 0, result.err
    assert {"run", "from_step", "steps", "identical", "first_difference"} <= result.json.keys()
    expected = {"run": trained.run, "from_step": 0, "steps": 2, "identical": True, "first_difference": None}
    assert {name: result.json[name] for name in expected} == expected

    copy = tmp_path / trained.run
    shutil.copytree(trained.runs / trained.run, copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"seed": config["seed"] + 1}))
    result = call("verify", copy, "--steps", 100_000_000)
    assert result.status == 1
    assert f"{trained.run} has {trained.events[-1]['step']:,} steps" in result.err
    assert "step 1 " in result.out
    assert "loss" in result.out
