"""The report and the predictions that `eval` writes."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch
from PIL import Image

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.runs.run import Run
from tests.runs.parts import make_run

from .conftest import Call, assert_error


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A stopped run with an untrained network."""
    torch.manual_seed(0)
    weights = build("guide").state_dict()
    with make_run(tmp_path / "runs", dataset=SYNTHETIC) as run:
        run.checkpoints.save(lambda file: write_checkpoint(file, {"model": weights}, {}), step=10, epoch=0)
        run.write_status(msgspec.structs.replace(run.read_status(), state="stopped", step=10))
        yield run


@pytest.mark.covers("eval --predictions")
def test_predictions_agree_with_the_evaluation(call_in_process: Call, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    result = call_in_process("eval", run.path, "--predictions", file, "--json")
    assert result.status == 0, result.err
    assert str(file) in result.err
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened, strict=True))
    classes = [each["name"] for each in result.json["per_class"]]
    assert [int(row["index"]) for row in rows] == list(range(2_000))
    assert sum(row["correct"] == "true" for row in rows) / 2_000 == result.json["accuracy"]
    assert sum(float(row["loss"]) for row in rows) / 2_000 == pytest.approx(result.json["loss"], rel=1e-6)
    pairs = [(row["truth"], row["predicted"]) for row in rows]
    for truth, counts in zip(classes, result.json["confusion"], strict=True):
        assert [pairs.count((truth, predicted)) for predicted in classes] == counts
    for row in rows[:100]:
        probabilities = [float(row[f"probability of {name}"]) for name in classes]
        assert sum(probabilities) == pytest.approx(1, abs=1e-7)
        assert classes[probabilities.index(max(probabilities))] == row["predicted"]


@pytest.mark.covers("eval --report")
def test_reports_state_the_accuracy_and_show_mistakes(call_in_process: Call, run: Run, tmp_path: Path) -> None:
    """`tests/report/document` reads all parts of a report."""
    for name in ("report.HTML", "my report.md"):
        result = call_in_process("eval", run.path, "--report", tmp_path / name, "--json")
        assert result.status == 0, result.err
        text = (tmp_path / name).read_text()
        for expected in (run.id, "synthetic", f"{result.json['accuracy'] * 100:.2f} %", "Ankle boot", "lr = 0.001"):
            assert expected in text
    images = re.findall(r"\((my%20report-images/image-\d+\.png)\)", text)
    assert len(images) == 24
    for image in images:
        with Image.open(tmp_path / image.replace("%20", " ")) as opened:
            assert opened.size == (112, 112)
    assert (tmp_path / "my report-images" / "reliability.svg").is_file()
    assert call_in_process("eval", run.path, "--report", tmp_path / "my report.md").status == 0, "it is replaced"


def test_a_report_that_cant_be_written_keeps_the_file(call_in_process: Call, tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("an older report")
    (tmp_path / "report-images").write_text("a file")
    result = call_in_process("eval", "no such run", "--report", tmp_path / "report.md")
    assert_error(result, 1, "report-images")
    assert (tmp_path / "report.md").read_text() == "an older report"


@pytest.mark.parametrize(
    ("command", "option", "name"),
    [
        ("eval", "--report", "x.md"),
        ("eval", "--predictions", "x.csv"),
        ("export", "-o", "x.pt"),
        ("audit", "--csv", "x"),
    ],
)
def test_a_folder_without_write_access_is_reported_first(
    call_in_process: Call, command: str, option: str, name: str
) -> None:
    """No file can be created in `/proc`, even by root."""
    run = () if command == "audit" else ("no such run",)
    assert_error(call_in_process(command, *run, option, f"/proc/{name}"), 1, "/proc", "no file can be created")


@pytest.mark.parametrize(
    ("option", "name", "status", "expected"),
    [
        ("--report", "report.pdf", 2, ".html or .md"), ("--report", "report", 2, ".html or .md"),
        ("--report", "none/report.md", 1, "none doesn't exist"), ("--predictions", "predictions.txt", 2, ".csv"),
        ("--predictions", "none/predictions.csv", 1, "none doesn't exist"),
    ],
)  # fmt: skip
def test_a_wrong_path_is_refused_before_the_evaluation(
    call_in_process: Call, tmp_path: Path, option: str, name: str, status: int, expected: str
) -> None:
    assert_error(call_in_process("eval", "no such run", "--runs", tmp_path, option, tmp_path / name), status, expected)
    assert list(tmp_path.iterdir()) == []
