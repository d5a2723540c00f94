"""The help of each command, and the modules that a command imports."""

import importlib
import resource
import statistics
import subprocess
import sys

import click
import pytest

from fashion_tui import __version__
from fashion_tui.cli.main import COMMANDS, MODULES

from .conftest import COMMAND, Call

MAX_SECONDS = 0.3
"""Maximum CPU time of `--help`, in seconds."""

COMMAND_MODULES = sorted({f"fashion_tui.cli.commands.{MODULES.get(command, command)}" for command in COMMANDS})


def test_help_is_fast(environment: dict[str, str]) -> None:
    def cpu_seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*COMMAND, "--help"], capture_output=True, env=environment, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert statistics.median(cpu_seconds() for _ in range(5)) < MAX_SECONDS


@pytest.mark.covers("fashion-tui --help")
def test_help_lists_every_command(call: Call) -> None:
    out = call("--help").out
    for name, summary in COMMANDS.items():
        assert f"\n  {name} " in out
        assert summary in out
    assert call("-h").out == out


@pytest.mark.covers("* --help")
@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(call: Call, command: str) -> None:
    result = call(command, "--help")
    assert result.status == 0, result.err
    assert f"fashion-tui {command}" in result.out
    assert f"\n  {COMMANDS[command]}\n" in result.out
    assert "Examples:" in result.out
    for option in ("--data", "--dataset", "--runs"):
        assert option in result.out
    assert ("--json" in result.out) == (command != "attach")


@pytest.mark.parametrize("name", COMMAND_MODULES)
def test_every_option_has_a_help_text(name: str) -> None:
    commands = [value for value in vars(importlib.import_module(name)).values() if isinstance(value, click.Command)]
    assert commands
    for option in (option for command in commands for option in command.params if isinstance(option, click.Option)):
        assert option.help, option.name


@pytest.mark.covers("fashion-tui --version")
def test_version(call: Call) -> None:
    result = call("--version")
    assert (result.status, result.out) == (0, f"fashion-tui {__version__}\n")


def test_commands_and_app_import_no_torch() -> None:
    program = f"import sys, fashion_tui.tui.app, {', '.join(COMMAND_MODULES)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "torchvision"} & set(done.stdout.split())


def test_commands_import_no_textual() -> None:
    program = f"import sys, {', '.join(COMMAND_MODULES)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "textual" not in done.stdout.split()
