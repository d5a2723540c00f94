"""A network of one's own by command: trained from its file, used without it, and not executed where it isn't known."""

import shutil
from pathlib import Path

import pytest

from fashion_tui.runs.trust import TRUSTED_FILE
from tests.written import DROPOUT_NET, that_leaves_a_mark

from .conftest import QUICK, Answer, Call, assert_one_line

pytestmark = pytest.mark.timeout(600)


def train(call: Call, model: object, *options: object, **variables: str) -> Answer:
    return call("train", "--model", model, *options, *QUICK, "--json", **variables)


def test_trained_from_its_file_and_used_when_the_file_is_gone(call: Call, tmp_path: Path) -> None:
    file, mark, state = tmp_path / "net.py", tmp_path / "mark", tmp_path / "state"
    file.write_text(that_leaves_a_mark(mark))
    here = {"FASHION_TUI_RUNS": str(tmp_path / "runs"), "XDG_STATE_HOME": str(state)}
    trained = train(call, f"{file}:Net", "--args", '{"width": 24}', **here)
    assert trained.status == 0, trained.err
    finished = trained.lines[-1]
    assert trained.lines[0]["model"] == "Net"
    assert (Path(finished["path"]) / "model.py").read_text() == file.read_text()
    file.unlink()

    evaluated = call("eval", "latest", "--json", **here)
    assert evaluated.json["accuracy"] == finished["test_accuracy"]
    weights = tmp_path / "net.safetensors"
    exported = call("export", "latest", "-o", weights, "--json", **here)
    assert (exported.status, exported.json["max_difference"]) == (0, 0)

    # The same directory, for somebody who has never run that code.
    (state / "fashion-tui" / TRUSTED_FILE).unlink()
    mark.unlink()
    shutil.move(weights, tmp_path / "before")
    for command in (("eval", "latest"), ("export", "latest", "-o", weights), ("resume", "latest", "--epochs", "2")):
        assert_one_line(call(*command, "--json", **here), 1, "haven't run before", "model.py", "--trust")
    assert not mark.exists()
    assert not weights.exists()

    resumed = call("resume", "latest", "--epochs", "2", "--trust", "--json", **here)
    assert (resumed.status, resumed.json["from_step"]) == (0, finished_steps(trained)), resumed.err
    assert mark.exists()
    assert call("stop", "latest", **here).status == 0


def finished_steps(trained: Answer) -> int:
    return int(trained.lines[-1]["step"])


def test_eval_takes_trust_too(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(DROPOUT_NET)
    runs = {"FASHION_TUI_RUNS": str(tmp_path / "runs")}
    trained = train(call, file, **runs, XDG_STATE_HOME=str(tmp_path / "author"))
    assert trained.status == 0, trained.err
    reader = {**runs, "XDG_STATE_HOME": str(tmp_path / "reader")}
    assert call("eval", "latest", "--trust", "--json", **reader).status == 0
    assert call("export", "latest", "-o", tmp_path / "x.safetensors", **reader).status == 0


@pytest.mark.parametrize(
    ("source", "options", "status", "words"),
    [
        (None, (), 1, "can't be read: No such file"),
        ("def", (), 1, "net.py:1: "),
        (DROPOUT_NET.replace("width=16", "width"), (), 2, """Net needs width; give them as --args '{"width": …}'"""),
        (DROPOUT_NET, ("--args", '{"depth": 2}'), 2, "Net takes no depth"),
        (DROPOUT_NET, ("--args", "{width"), 2, "--args is no JSON"),
        (DROPOUT_NET, ("--args", "3"), 2, "must be an object"),
        (DROPOUT_NET.replace("784", "780"), (), 1, "expects 780 features, got 784"),
        (DROPOUT_NET.replace("width, 10", "width, 9"), (), 1, "Net gives float32 [2, 9]"),
        (f"import blocks\n{DROPOUT_NET}", (), 1, "a run stores the network's own file"),
        (f"{DROPOUT_NET}\nclass Other(nn.Module): pass", (), 2, "say which one"),
        ("Net = 3", (), 2, "no class derived from nn.Module"),
    ],
)
def test_what_cannot_be_trained_is_told_in_one_line_and_makes_no_run(
    call: Call, tmp_path: Path, source: str | None, options: tuple[str, ...], status: int, words: str
) -> None:
    (tmp_path / "blocks.py").touch()
    if source is not None:
        (tmp_path / "net.py").write_text(source)
    runs = tmp_path / "runs"
    answer = train(call, tmp_path / "net.py", *options, FASHION_TUI_RUNS=str(runs))
    assert_one_line(answer, status, words)
    assert not runs.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model", "gide"), "no model is called 'gide'; there is: guide"),
        (("--model", "torchvision:resnet18"), "write a class that makes one"),
        (("--args", '{"width": 3}'), "ours take no arguments"),
    ],
)
def test_names_that_are_no_network_to_train(call: Call, tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    assert_one_line(call("train", *options, *QUICK, FASHION_TUI_RUNS=str(tmp_path)), 2, words)
