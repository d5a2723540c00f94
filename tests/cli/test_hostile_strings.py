"""Strings that someone else has chosen never reach the terminal as they are, wherever a command prints one.

Commands run in this process, because there are many of them. `-o`, `--model` and the engine's messages are tested in
separate processes.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from fashion_tui.cli.main import run as run_command
from fashion_tui.cli.output import print_line, show, stderr_console, write_json
from fashion_tui.cli.progress import TrainingBar
from fashion_tui.runs.lock import LockHeld
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import Failed, Warned
from fashion_tui.schema.text import UNPRINTABLE
from tests.runs.parts import make_run, steps

from .conftest import Call, TrainedRun

pytestmark = pytest.mark.usefixtures("forked_processes")

HOSTILE = "x\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u2066\u200by"
"""Sets the title, clears the screen, changes the colour (with a C1 control), and reverses and hides characters."""

RUN_COMMANDS = ("eval", "pause", "resume", "stop", "checkpoint", "attach")


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A function that runs a command and returns everything that it prints, after checking that it is printable."""
    monkeypatch.delenv("FASHION_TUI_DATA", raising=False)

    def output(*arguments: object) -> str:
        run_command(list(map(str, arguments)))
        captured = capsys.readouterr()
        assert_printable(captured.out + captured.err)
        assert captured.out + captured.err
        return captured.out + captured.err

    return output


def assert_printable(text: str) -> None:
    found = {match[0] for line in text.split("\n") for match in UNPRINTABLE.finditer(line)}
    assert not found, ascii(text)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with make_run(tmp_path / "runs") as run:
        yield run


def leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the strings in a JSON object."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, str):
        yield path


def replace_leaf(value: Any, path: tuple[str, ...], new: object) -> Any:
    return new if not path else value | {path[0]: replace_leaf(value[path[0]], path[1:], new)}


def use(output: Callable[..., str], run: Run) -> str:
    """Use a run in every way that doesn't start a process, and return the output."""
    folder = run.path.parent
    printed = [output("runs", "--runs", folder), output("runs", "--runs", folder, "--json")]
    printed += [output(command, run.path) for command in ("pause", "checkpoint", "stop", "attach")]
    return "\n".join(printed)


def test_values_of_the_configuration(output: Callable[..., str], run: Run) -> None:
    file = run.path / "config.json"
    config = json.loads(file.read_text())
    config["source"] = {"class_name": "Net", "arguments": {"a": "b"}, "sha256": "0"}
    found = list(leaves(config))
    assert {"run", "recipe", "dataset", "device", "host", "versions", "source"} <= {path[0] for path in found}
    for path in found:
        file.write_text(json.dumps(replace_leaf(config, path, HOSTILE)))
        use(output, run)
    for path in (("recipe", "epochs"), ("format",), ("recipe", HOSTILE)):
        file.write_text(json.dumps(config | {path[0]: {path[-1]: HOSTILE}}))
        use(output, run)


def test_values_of_the_status(output: Callable[..., str], run: Run) -> None:
    file = run.path / "status.json"
    status = json.loads(file.read_text()) | {"message": "a message"}
    for path in leaves(status):
        file.write_text(json.dumps(replace_leaf(status, path, HOSTILE)))
        use(output, run)
    file.write_text(json.dumps(status | {"state": "failed", "message": HOSTILE}))
    assert "]0;owned" in use(output, run)


def test_messages_of_the_log(output: Callable[..., str], run: Run) -> None:
    run.write_status(msgspec.structs.replace(run.read_status(), state="running", heartbeat=0.0))
    writer = run.event_writer()
    writer.write(steps(1, 10))
    writer.write(Warned(time=0.0, message=HOSTILE))
    writer.write(Failed(time=0.0, step=10, message=HOSTILE))
    writer.close()
    assert "]0;owned" in use(output, run)


def test_the_holder_of_the_lock(run: Run) -> None:
    with run.lock():
        (run.path / "run.lock").write_text(json.dumps({"pid": 1, "host": HOSTILE}))
        with Run(run.path) as other, pytest.raises(LockHeld, match="owned") as raised:
            other.lock().acquire(0.0)
    assert_printable(str(raised.value))


def test_the_last_line_of_a_trainer(run: Run) -> None:
    (run.path / "trainer.log").write_text(HOSTILE)
    line = run.last_log_line() or ""
    assert "]0;owned" in line
    assert_printable(line)


def test_names_of_folders(output: Callable[..., str], run: Run) -> None:
    hostile = run.path.with_name(HOSTILE)
    shutil.copytree(run.path, hostile)
    for command in RUN_COMMANDS[1:]:
        output(command, "nosuch", "--runs", hostile.parent)
        output(command, hostile.parent / (HOSTILE + "none"))
    with Run(hostile) as copy:
        printed = use(output, copy)
    assert "]0;owned" in printed
    listed = json.loads(output("runs", "--runs", hostile.parent, "--json"))
    assert HOSTILE in {summary["run"] for summary in listed}, "JSON keeps the name, escaped"
    (hostile / "config.json").unlink()
    with Run(hostile) as copy:
        use(output, copy)


def test_completed_names_of_folders(call: Call, run: Run) -> None:
    shutil.copytree(run.path, run.path.with_name(HOSTILE))
    words = f"fashion-tui --runs {run.path.parent} stop "
    completed = call(COMP_WORDS=words, COMP_CWORD="4", _FASHION_TUI_COMPLETE="bash_complete")
    assert run.id in completed.out
    assert_printable(completed.out + completed.err)


@pytest.mark.parametrize(
    "arguments",
    [
        (HOSTILE,), (f"--{HOSTILE}",), ("runs", f"--{HOSTILE}"), ("--dataset", HOSTILE), ("--runs", HOSTILE, "runs"),
        ("train", "--recipe", HOSTILE), ("train", "--model", HOSTILE), ("train", "--model", f"{HOSTILE}.py:{HOSTILE}"),
        ("train", "--args", HOSTILE), ("train", "--args", f'["{HOSTILE}"]'), ("train", "--args", '["\x9b"]'),
        ("train", "--precision", HOSTILE), ("train", "--epochs", HOSTILE),
        ("train", "--data", f"/nonexistent/{HOSTILE}"), ("train", "--dataset", "synthetic", "--name", HOSTILE),
        ("train", "--dataset", "synthetic", "--runs", f"/dev/null/{HOSTILE}"),
        ("stop", HOSTILE), ("resume", HOSTILE), ("eval", f"/{HOSTILE}"), ("shapes", "--columns", HOSTILE),
        ("shapes", "--input", HOSTILE), ("shapes", "--depth", HOSTILE), ("shapes", "guide", HOSTILE),
        ("export", HOSTILE, "-o", HOSTILE), ("export", "latest", "--format", HOSTILE, "-o", "x"),
        ("bench", "--rounds", HOSTILE), ("resume", "latest", "--epochs", HOSTILE),
    ],
)  # fmt: skip
def test_arguments(
    output: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("FASHION_TUI_RUNS", str(tmp_path))
    assert "owned" in output(*arguments) or "\x9b" in arguments[-1]


@pytest.mark.parametrize("variable", ["FASHION_TUI_RUNS", "FASHION_TUI_DATA"])
def test_environment_variables(
    output: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, f"{tmp_path}/{HOSTILE}")
    assert "]0;owned" in output("runs") + output("train", "--epochs", "1")


def test_names_that_the_engine_reports(call: Call, trained: TrainedRun, tmp_path: Path) -> None:
    """The names of the user's files and classes, and of the file that `export` writes."""
    file = tmp_path / f"{HOSTILE}.py"
    file.write_text(f"raise ValueError({HOSTILE!r})\n")
    shapes = call("shapes", file)
    assert shapes.status == 1
    assert "]0;owned" in shapes.err
    exported = call("export", trained.run, "--runs", trained.runs, "-o", tmp_path / f"{HOSTILE}.safetensors")
    assert exported.status == 0, exported.err
    assert "]0;owned" in exported.out
    for result in (shapes, exported):
        assert_printable(result.out + result.err)


def test_everything_that_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Includes strings that no other function has made printable."""
    table = Table(HOSTILE, title=HOSTILE)
    table.add_row(Text(HOSTILE, "bold"))
    show(HOSTILE, Text(HOSTILE), table, Panel(HOSTILE))
    stderr_console().print(HOSTILE, style="dim")
    with TrainingBar(stderr_console()) as bar:
        bar.print(HOSTILE)
    print_line(HOSTILE)
    write_json({HOSTILE: [HOSTILE, "\U000e0041"]})
    captured = capsys.readouterr()
    assert (captured.out + captured.err).count("]0;owned") == 11
    assert_printable(captured.out + captured.err)
    assert json.loads(captured.out.splitlines()[-1]) == {HOSTILE: [HOSTILE, "\U000e0041"]}


def test_only_one_module_writes_to_the_terminal() -> None:
    """Output from other modules would bypass the replacement of unprintable characters."""
    package = Path(__file__).parents[2] / "fashion_tui" / "cli"
    writers = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if re.search(r"click\.echo|(?<![.])(?<!def )\bprint\(|sys\.std(out|err)\.write|\bConsole\(", file.read_text())
    }
    assert writers == {"main.py", "output.py", "commands/doctor.py"}
