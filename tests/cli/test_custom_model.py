"""A custom model is trained from a file, can be used after the file is deleted, and is executed only if trusted."""

import re
import shutil
from importlib import metadata
from pathlib import Path

import pytest

from fashion_tui.runs.trust import TRUSTED_FILE
from tests.custom_models import DROPOUT_NET, source_that_writes, write_files

from .conftest import SMALL_RUN, Call, Result, assert_error

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("forked_processes")]


def train(call: Call, model: object, *options: object, **variables: str) -> Result:
    return call("train", "--model", model, *options, *SMALL_RUN, "--json", **variables)


@pytest.mark.covers("train --model", "train --args", "resume --trust")
def test_a_run_needs_neither_the_file_nor_new_trust_from_its_author(call: Call, tmp_path: Path) -> None:
    file, mark, state = tmp_path / "net.py", tmp_path / "mark", tmp_path / "state"
    file.write_text(source_that_writes(mark))
    variables = {"FASHION_TUI_RUNS": str(tmp_path / "runs"), "XDG_STATE_HOME": str(state)}
    trained = train(call, f"{file}:Net", "--args", '{"width": 24}', **variables)
    assert trained.status == 0, trained.err
    finished = trained.json_lines[-1]
    started = trained.json_lines[0]
    assert (started["model"], started["parameters"]) == ("Net", 785 * 24 + 2 * 24 + 25 * 10)
    assert (Path(finished["path"]) / "model.py").read_text() == file.read_text()
    file.unlink()

    evaluated = call("eval", "latest", "--json", **variables)
    assert evaluated.json["accuracy"] == finished["test_accuracy"]
    weights = tmp_path / "net.safetensors"
    exported = call("export", "latest", "-o", weights, "--json", **variables)
    assert (exported.status, exported.json["max_difference"]) == (0, 0)

    # Another user, who has never run this code and whose cache has no predictions, opens the same run.
    (state / "fashion-tui" / TRUSTED_FILE).unlink()
    variables["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    mark.unlink()
    shutil.move(weights, tmp_path / "exported-by-author")
    for command in (("eval", "latest"), ("export", "latest", "-o", weights), ("resume", "latest", "--epochs", "2")):
        assert_error(call(*command, "--json", **variables), 1, "model.py", "--trust")
    assert not mark.exists()
    assert not weights.exists()

    assert call("eval", "latest", "--trust", "--json", **variables).status == 0
    assert call("export", "latest", "-o", weights, **variables).status == 0
    (state / "fashion-tui" / TRUSTED_FILE).unlink()
    mark.unlink()
    resumed = call("resume", "latest", "--epochs", "2", "--trust", "--json", **variables)
    assert (resumed.status, resumed.json["from_step"]) == (0, finished["step"]), resumed.err
    assert mark.exists()
    assert call("stop", "latest", **variables).status == 0


def test_the_example_in_the_readme(call: Call, tmp_path: Path) -> None:
    """A network in two files is shown and trained, and then evaluated without the files."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    for name, code in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", readme, re.DOTALL):
        (tmp_path / name).write_text(code)
    shapes = call("shapes", f"{tmp_path / 'net.py'}:Net", "--args", '{"width": 32}', "--json")
    assert shapes.json["total_params"] == (9 * 32 + 32) + 2 * 32 + (9 * 32 * 64 + 64) + 2 * 64 + 65 * 10
    variables = {"FASHION_TUI_RUNS": str(tmp_path / "runs"), "XDG_STATE_HOME": str(tmp_path / "state")}
    trained = train(call, f"{tmp_path / 'net.py'}:Net", "--args", '{"width": 32}', **variables)
    assert trained.status == 0, trained.err
    (tmp_path / "net.py").unlink()
    (tmp_path / "blocks.py").unlink()
    accuracy = call("eval", "latest", "--json", **variables).json["accuracy"]
    assert accuracy == trained.json_lines[-1]["test_accuracy"]


@pytest.mark.covers("train --model", "verify --trust", "train --trust")
def test_a_model_in_several_files_needs_its_folder_only_to_start(call: Call, tmp_path: Path) -> None:
    """A package is trained; then its folder is deleted, and the run is evaluated, verified and repeated.

    It can't be exported, because a number in one of its modules scales the logits.
    """
    file, state = write_files(tmp_path / "home"), tmp_path / "state"
    variables = {"FASHION_TUI_RUNS": str(tmp_path / "runs"), "XDG_STATE_HOME": str(state)}
    trained = train(call, file, "--args", '{"width": 12}', **variables)
    assert trained.status == 0, trained.err
    finished = trained.json_lines[-1]
    assert trained.json_lines[0]["parameters"] == 785 * 12 + 2 * 12 + 13 * 10
    shutil.rmtree(tmp_path / "home")

    evaluated = call("eval", "latest", "--json", **variables)
    assert evaluated.json["accuracy"] == finished["test_accuracy"]
    exported = call("export", "latest", "-o", tmp_path / "net.pt", **variables)
    assert_error(exported, 1, "by up to 0.", "registered buffers")
    (state / "fashion-tui" / TRUSTED_FILE).unlink()
    assert_error(call("verify", "latest", **variables), 1, "project/models/blocks.py", "--trust")
    verified = call("verify", "latest", "--steps", "3", "--trust", "--json", **variables)
    assert verified.json["identical"], verified.err
    assert verified.json["versions"]["numpy"] == metadata.version("numpy")
    again = call("train", "--like", finished["run"], "--detach", "--json", **variables)
    assert again.status == 0, again.err
    assert call("stop", again.json["run"], **variables).status == 0
    stored = sorted(path.name for path in (Path(again.json["path"]) / "modules" / "project").rglob("*.py"))
    assert stored == ["__init__.py", "__init__.py", "blocks.py", "scaling.py", "sizes.py"]


NAN_NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)

    def forward(self, x):
        y = self.fc(x.flatten(1))
        return y if self.training or len(x) == 2 else y * 0 / torch.zeros(())
"""
"""A network whose outputs are NaN in evaluation mode, except for the two images of the trial."""


def test_scores_that_are_no_numbers_are_reported_and_valid_json(call: Call, tmp_path: Path) -> None:
    file, runs = tmp_path / "net.py", {"FASHION_TUI_RUNS": str(tmp_path / "runs")}
    file.write_text(NAN_NET)
    trained = train(call, file, "--validation", "6000", **runs)
    assert trained.status == 0, trained.err
    assert "2,000 of 2,000 test images" in trained.err
    (epoch,) = (event for event in trained.json_lines if event["event"] == "epoch")
    assert epoch["validation_accuracy"] == "NaN"
    assert trained.json_lines[-1]["test_accuracy"] == "NaN"
    evaluated = call("eval", "latest", "--json", **runs)
    assert "NaN" not in evaluated.out.replace('"NaN"', "")
    assert (evaluated.json["accuracy"], evaluated.json["loss"], evaluated.json["invalid"]) == ("NaN", "NaN", 2000)
    assert "2,000 of 2,000 images" in call("eval", "latest", **runs).out
    assert "2,000 of 2,000" in call("runs", **runs).out


@pytest.mark.parametrize(
    ("source", "options", "status", "expected"),
    [
        (None, (), 1, "No such file"),
        ("def", (), 1, "net.py:1: "),
        (DROPOUT_NET.replace("width=16", "width"), (), 2, """--args '{"width": …}'"""),
        (DROPOUT_NET, ("--args", '{"depth": 2}'), 2, "depth"),
        (DROPOUT_NET, ("--args", "{width"), 2, "--args: {width isn't a JSON object"),
        (DROPOUT_NET, ("--args", "3"), 2, "JSON object"),
        (DROPOUT_NET.replace("784", "780"), (), 1, "780 features, got 784"),
        (DROPOUT_NET.replace("width, 10", "width, 9"), (), 1, "float32 [2, 9]"),
        (f"import faulty\n{DROPOUT_NET}", (), 1, "faulty.py:2: invalid syntax"),
        (f"{DROPOUT_NET}\nopen('pyproject.toml')", (), 1, "no data files"),  # this file exists in the working directory
        (f"{DROPOUT_NET}\nfrom pathlib import Path\nPath(__file__).with_name('sizes.json').open()", (), 1, "no data"),
        (f"{DROPOUT_NET}\nimport importlib\nname = 'blocks'\n__import__(name)", (), 1, "import statements"),
        (
            f"import blocks, gone\n{DROPOUT_NET}",
            (),
            1,
            "neither in the folder or package of the model's file nor installed",
        ),
        (f"{DROPOUT_NET}\nclass Other(nn.Module): pass", (), 2, "Other"),
        ("Net = 3", (), 1, "nn.Module"),
    ],
)
def test_a_model_that_cannot_be_trained_is_an_error_and_creates_no_run(
    call: Call, tmp_path: Path, source: str | None, options: tuple[str, ...], status: int, expected: str
) -> None:
    for name in ("blocks.py", "sizes.json"):
        (tmp_path / name).touch()
    (tmp_path / "faulty.py").write_text("x = 1\ndef f(:\n")
    if source is not None:
        (tmp_path / "net.py").write_text(source)
    runs = tmp_path / "runs"
    result = train(call, tmp_path / "net.py", *options, FASHION_TUI_RUNS=str(runs))
    assert_error(result, status, expected)
    assert not runs.exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--model", "gide"), "unknown model 'gide'; choose from guide"),
        (("--model", ":Net"), "file.py:Class"),
        (("--model", "timm:resnet18"), "--model file.py:Class"),
        (("--args", '{"width": 3}'), "'width'; choose a custom model (file.py:Class)"),
    ],
)
def test_other_models_that_cannot_be_trained(
    call: Call, tmp_path: Path, options: tuple[str, ...], expected: str
) -> None:
    result = call("train", *options, *SMALL_RUN, FASHION_TUI_RUNS=str(tmp_path))
    assert_error(result, 2, expected)
    assert "choose from" not in result.err or "timm" not in result.err, "train refuses timm's networks"
