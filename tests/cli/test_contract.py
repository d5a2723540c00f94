"""What scripts rely on: the keys of each answer, that stdout holds it alone, and the exit statuses."""

import json
import os
import shutil
from pathlib import Path

import pytest

from .conftest import QUICK, Call, TrainedRun, assert_one_line


def test_train_tells_its_events_and_ends_with_finished(trained: TrainedRun) -> None:
    assert trained.events[0]["event"] == "started"
    assert {event["event"] for event in trained.events} >= {"steps", "epoch", "checkpoint"}
    last = trained.events[-1]
    assert last["event"] == "finished"
    assert {"run", "path", "epochs", "test_accuracy", "train_seconds", "images_per_second"} <= last.keys()
    assert Path(last["path"]) == trained.runs / trained.run
    took = last["time"] - trained.events[0]["time"]
    assert 0 < last["train_seconds"] + last["evaluation_seconds"] <= took
    assert last["loading_seconds"] > 0.1, "torch alone takes longer"
    steps = [step for event in trained.events if event["event"] == "steps" for step in event["loss"]]
    assert len(steps) == -(-3_000 // 512)


def test_train_prints_the_events_as_they_stand_in_the_log(trained: TrainedRun) -> None:
    log = (trained.runs / trained.run / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["data"] for line in log] == trained.events


def test_runs_lists_them(call: Call, trained: TrainedRun) -> None:
    answer = call("runs", "--runs", trained.runs, "--json")
    assert answer.status == 0
    (run,) = answer.json
    assert {"run", "path", "state", "recipe", "dataset", "epoch", "step", "test_accuracy", "pid"} <= run.keys()
    assert (run["run"], run["state"], run["recipe"], run["dataset"]) == (trained.run, "finished", "guide", "synthetic")
    assert run["test_accuracy"] == trained.events[-1]["test_accuracy"]

    shown = call("runs", FASHION_TUI_RUNS=str(trained.runs)).out
    assert trained.run in shown
    assert "finished" in shown
    assert "synthetic" in shown


def test_older_checkpoints_are_pruned_only_when_that_was_said(call: Call, trained: TrainedRun, tmp_path: Path) -> None:
    copy = tmp_path / "runs" / trained.run
    shutil.copytree(trained.runs / trained.run, copy)
    newest = next((copy / "checkpoints").glob("step-*.pt"))
    older = newest.with_name("step-1.pt")
    older.write_bytes(b"older" * 1000)

    assert_one_line(call("runs", "--prune", "--runs", copy.parent), 2, "--yes")
    assert_one_line(call("runs", "--yes", "--runs", copy.parent), 2, "--prune")
    assert older.exists()
    (pruned,) = call("runs", "--prune", "--yes", "--json", "--runs", copy.parent).json
    assert (pruned["run"], pruned["bytes"]) == (trained.run, 5000)
    assert not older.exists()
    assert newest.exists()
    assert call("runs", "--prune", "--yes", "--json", "--runs", copy.parent).json == []
    (run,) = call("runs", "--json", "--runs", copy.parent).json
    assert run["disk_bytes"] > run["checkpoint_bytes"] > newest.stat().st_size


@pytest.mark.parametrize(
    ("kills", "lingers", "ok", "said"),
    [
        ("no", "no", True, "runs go on after logout"),
        ("yes", "no", False, "loginctl enable-linger"),
        ("yes", "yes", True, "systemd-run --user --scope"),
    ],
)
def test_doctor_tells_whether_logout_ends_runs(
    call: Call, tmp_path: Path, kills: str, lingers: str, said: str, *, ok: bool
) -> None:
    """A `loginctl` as of a machine that is set up so."""
    loginctl = tmp_path / "loginctl"
    loginctl.write_text(
        f"#!/bin/sh\ncase $* in *Linger*) echo Linger={lingers};; *) echo KillUserProcesses={kills};; esac\n"
    )
    loginctl.chmod(0o755)
    answer = call("doctor", "--json", "--runs", tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}")
    (check,) = [check for check in answer.json["checks"] if check["name"] == "logout"]
    assert check["ok"] is ok
    assert said in check["detail"]


def test_no_runs_yet(call: Call, tmp_path: Path) -> None:
    assert call("runs", "--runs", tmp_path / "none", "--json").json == []
    answer = call("runs", "--runs", tmp_path / "none")
    assert (answer.status, answer.out) == (0, "")
    assert "fashion-tui train" in answer.err


def test_eval_agrees_with_the_trainer(call: Call, trained: TrainedRun) -> None:
    answer = call("--runs", trained.runs, "eval", "latest", "--json")
    assert answer.status == 0, answer.err
    evaluation = answer.json
    assert {"run", "n", "accuracy", "loss", "per_class", "confusion", "ece"} <= evaluation.keys()
    assert evaluation["run"] == trained.run
    assert evaluation["n"] == 2_000
    assert evaluation["accuracy"] == trained.events[-1]["test_accuracy"]
    assert len(evaluation["per_class"]) == 10
    assert {"name", "precision", "recall", "f1", "support"} == evaluation["per_class"][0].keys()
    confusion = evaluation["confusion"]
    assert [sum(row) for row in confusion] == [report["support"] for report in evaluation["per_class"]]
    assert sum(confusion[label][label] for label in range(10)) == round(evaluation["accuracy"] * 2_000)
    assert "synthetic" in answer.err


def test_eval_shows_a_report_that_says_it_is_synthetic(call: Call, trained: TrainedRun) -> None:
    shown = call("eval", trained.run, "--runs", trained.runs, "--checkpoint", "best").out
    for expected in ("±", "top-2", "ECE", "Ankle boot", "confusion", "synthetic", "2,000 test images"):
        assert expected in shown


def test_shapes_of_the_guides_network(call: Call) -> None:
    answer = call("shapes", "guide", "--json")
    assert answer.status == 0, answer.err
    table = answer.json
    assert table["total_params"] == 204_542
    assert table["total_macs"] == sum(row["macs"] for row in table["rows"] if row["depth"] == 0)
    assert {"name", "op", "input", "output", "params", "macs"} <= table["rows"][0].keys()
    assert table["rows"][0]["input"] == [1, 28, 28]
    assert table["rows"][0]["output"] == [12, 28, 28]
    assert table["rows"][-1]["output"] == [10]
    shown = call("shapes").out
    for expected in ("conv1", "max_pool2d", "204,542"):
        assert expected in shown


NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)

    def forward(self, x):
        return self.conv(x)
"""


def test_shapes_of_ones_own_network(call: Call, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    answer = call("shapes", f"{tmp_path}/net.py:Net", "--input", "3x32x32", "--args", '{"width": 7}', "--json")
    assert answer.status == 0, answer.err
    assert answer.json["rows"][0]["output"] == [7, 30, 30]


def test_shapes_as_deep_and_with_the_columns_that_are_asked_for(call: Call) -> None:
    answer = call("shapes", "torchvision:resnet18", "--input", "3x64x64", "--depth", "1", "--json")
    assert [row["name"] for row in answer.json["rows"]][-3:] == ["avgpool", "flatten", "fc"]
    assert {row["depth"] for row in answer.json["rows"]} == {0}
    shown = call("shapes", "--columns", "OUTPUT,step,forward").out
    assert shown.splitlines()[2].split() == ["step", "output", "forward"]
    assert "µs" in shown or "ms" in shown


def test_export_gives_the_same_file_for_the_same_weights(call: Call, trained: TrainedRun, tmp_path: Path) -> None:
    files = [tmp_path / "one.safetensors", tmp_path / "two.safetensors"]
    for file in files:
        answer = call("export", "latest", "--runs", trained.runs, "--format", "safetensors", "-o", file, "--json")
        assert answer.status == 0, answer.err
        assert {"path", "format", "max_difference"} <= answer.json.keys()
        assert answer.json["path"] == str(file)
        assert answer.json["max_difference"] == 0
    assert files[0].read_bytes() == files[1].read_bytes()


def test_doctor_checks_everything(call: Call, tmp_path: Path) -> None:
    answer = call("doctor", "--json", "--runs", tmp_path / "runs")
    assert answer.status == 0, answer.err
    checks = {check["name"]: check for check in answer.json["checks"]}
    assert all({"name", "ok", "detail"} <= check.keys() for check in checks.values())
    assert {"fashion-tui", "torch", "device: cpu", "runs", "playground", "terminal"} <= checks.keys()
    assert not checks["data: Fashion-MNIST"]["ok"]
    assert "--dataset synthetic" in checks["data: Fashion-MNIST"]["detail"]
    assert not (tmp_path / "runs").exists()


def test_doctor_fails_where_nothing_could_be_trained(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = call("doctor", "--runs", tmp_path / "file" / "runs")
    assert answer.status == 1
    assert "FASHION_TUI_RUNS" in answer.out


def test_a_run_is_started_paused_resumed_and_stopped(call: Call, tmp_path: Path, stop_trainers: list[Path]) -> None:
    def ask(command: str, *more: str) -> dict[str, object]:
        answer = call(command, "latest", "--runs", tmp_path, "--json", *more)
        assert answer.status == 0, answer.err
        told: dict[str, object] = answer.json
        assert {"run", "state"} <= told.keys()
        return told

    answer = call("train", *QUICK, "--epochs", "500", "--detach", "--runs", tmp_path, "--json")
    assert answer.status == 0, answer.err
    started = answer.json
    assert {"run", "path", "pid", "state"} <= started.keys()
    assert started["state"] in {"starting", "running"}
    stop_trainers.append(tmp_path)

    assert ask("checkpoint")["state"] == "running"
    assert ask("resume")["state"] == "running"  # changes nothing
    assert ask("pause")["state"] == "paused"
    assert ask("resume")["state"] == "running"
    assert ask("stop")["state"] == "stopped"
    assert ask("stop")["state"] == "stopped"  # nothing more to stop

    stopped_at = call("runs", "--runs", tmp_path, "--json").json[0]["step"]
    again = ask("resume")
    assert again["state"] == "running"
    assert again["from_step"] == stopped_at
    assert ask("stop")["run"] == started["run"]


def test_a_finished_run_is_resumed_only_for_more_epochs(call: Call, tmp_path: Path, stop_trainers: list[Path]) -> None:
    stop_trainers.append(tmp_path)
    answer = call("train", *QUICK, "--validation", "9000", "--runs", tmp_path)
    assert answer.status == 0, answer.err
    assert "test accuracy" in answer.out
    assert "synthetic" in answer.out
    unchanged = call("resume", "latest", "--runs", tmp_path, "--json")
    assert (unchanged.status, unchanged.json["state"]) == (0, "finished")
    more = call("resume", "latest", "--epochs", "500", "--runs", tmp_path, "--json")
    assert (more.status, more.json["from_step"]) == (0, -(-3_000 // 512))
    assert call("stop", "latest", "--runs", tmp_path).status == 0


@pytest.mark.real_data
def test_the_real_set(call: Call, real_data: Path, tmp_path: Path) -> None:
    answer = call(
        *("train", "--data", real_data, "--runs", tmp_path, "--epochs", "1", "--validation", "54000", "--json")
    )
    assert answer.status == 0, answer.err
    assert answer.lines[-1]["test_accuracy"] > 0.6
    assert "synthetic" not in answer.err
    assert call("eval", "latest", "--runs", tmp_path, "--json").json["n"] == 10_000
