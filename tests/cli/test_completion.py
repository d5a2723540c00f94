"""Shell completion: in real shells on a terminal, and by the requests that shells send to the program."""

import shutil
import stat
import sys
from pathlib import Path

import pytest

from tests.terminal import Terminal

from .conftest import Call, TrainedRun

SHELLS = {
    "bash": (("bash", "--norc", "--noprofile", "-i"), 'eval "$(fashion-tui completion bash)"'),
    "zsh": (("zsh", "-f", "-i"), 'autoload -Uz compinit; compinit -u; eval "$(fashion-tui completion zsh)"'),
    "fish": (("fish", "--no-config", "-i"), "fashion-tui completion fish | source"),
}
"""Each shell without the user's configuration, and the command that a user types to get completion."""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with the program `fashion-tui`."""
    file = tmp_path / "bin" / "fashion-tui"
    file.parent.mkdir()
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fashion_tui "$@"\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file.parent


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands_options_values_and_runs(
    shell: str, environment: dict[str, str], program: Path, tmp_path: Path
) -> None:
    (command, *options), setup = SHELLS[shell]
    executable = shutil.which(command)
    if executable is None:
        pytest.skip(f"needs {shell}")
    run = tmp_path / "runs" / "20990101-000000-guide-ab12"
    run.mkdir(parents=True)
    variables = {"PATH": f"{program}:{environment['PATH']}", "FASHION_TUI_RUNS": str(run.parent), "PS1": "$ "}
    environ = environment | variables | {"TERM": "xterm", "LANG": "C.UTF-8"}
    with Terminal((executable, *options), environ, (100, 30)) as terminal:
        terminal.send(f"{setup}; echo rea''dy\r".encode())
        terminal.wait_for("ready")
        for typed, expected in (
            ("fashion-tui compl\t", "fashion-tui completion"),
            ("fashion-tui train --determ\t", "train --deterministic"),
            ("fashion-tui train --recipe str\t", "--recipe strong"),
            ("fashion-tui eval 2099\t", f"eval {run.name}"),
        ):
            terminal.send(f"\x15{typed}".encode())  # ctrl+u deletes the line
            terminal.wait_for(expected)


def complete(call: Call, *words: object) -> list[str]:
    """Return the completions of the last word."""
    result = call(
        COMP_WORDS=" ".join(map(str, words)), COMP_CWORD=str(len(words) - 1), _FASHION_TUI_COMPLETE="bash_complete"
    )
    assert (result.status, result.err) == (0, "")
    return [line.partition(",")[2] for line in result.out.splitlines()]


def test_completions(call: Call, trained: TrainedRun) -> None:
    steps = [event["step"] for event in trained.events if event["event"] == "checkpoint"]
    runs = ("--runs", trained.runs)
    for words, expected in (
        (("e",), ["eval", "export"]),
        (("--da",), ["--data", "--dataset"]),
        (("--dataset", "s"), ["synthetic"]),
        (("train", "--precision", ""), ["fp32", "bf16"]),
        (("train", "--device", "c"), ["cpu", "cuda"]),
        (("shapes", "--columns", "step,o"), ["step,operation", "step,output"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("eval", *runs, ""), ["latest", trained.run]),
        ((*runs, "eval", "lat"), ["latest"]),
        (("eval", *runs, "latest", "--checkpoint", "b"), ["best"]),
        (("eval", *runs, "latest", "--checkpoint", str(steps[-1])[:1]), [str(steps[-1])]),
        (("eval", "--runs", "/nonexistent/x", ""), ["latest"]),
    ):
        assert set(complete(call, "fashion-tui", *words)) >= set(expected), words


@pytest.mark.covers("fashion-tui --spec")
def test_the_specification_describes_every_command(call: Call) -> None:
    result = call("--spec")
    assert (result.status, result.err) == (0, "")
    spec = result.json
    assert set(spec["exit_statuses"]) == {"0", "1", "2", "130"}
    commands = {command["name"]: command for command in spec["commands"]}
    listed = complete(call, "fashion-tui", "")
    assert set(commands) == {name for name in listed if not name.startswith("-")}
    train = {option["flags"][0]: option for option in commands["train"]["options"]}
    assert (train["--seed"]["type"], train["--seed"]["default"]) == ("integer", 0)
    assert "strong" in train["--recipe"]["values"]
    assert train["--epochs"]["default_description"] == "the recipe's"
    assert commands["eval"]["arguments"][0] == {
        "name": "RUN",
        "type": "run",
        "metavar": "RUN",
        "values": None,
        "default": None,
        "required": True,
        "multiple": False,
    }
    for command in commands.values():
        assert command["summary"]
        flags = {flag for option in command["options"] for flag in option["flags"]}
        assert {"--data", "--dataset", "--runs", "--help"} <= flags
        help_text = call(command["name"], "--help").out
        assert all(flag in help_text for flag in flags)
