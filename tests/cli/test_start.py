"""How quickly the command line is there, and what it must not load for that."""

import resource
import statistics
import subprocess
import sys

import pytest

from fashion_tui.cli.main import COMMANDS

from .conftest import COMMAND, Call

LIMIT = 0.3
"""Seconds that `--help` may take."""


def test_help_is_there_at_once(environment: dict[str, str]) -> None:
    def seconds() -> float:
        """Of the processor: what other processes take away isn't counted."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*COMMAND, "--help"], capture_output=True, env=environment, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert statistics.median(seconds() for _ in range(5)) < LIMIT


def test_help_names_every_command(call: Call) -> None:
    shown = call("--help").out
    for name in COMMANDS:
        assert f"\n  {name} " in shown
    assert call("-h").out == shown


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_with_examples(call: Call, command: str) -> None:
    answer = call(command, "--help")
    assert answer.status == 0, answer.err
    assert f"fashion-tui {command}" in answer.out
    assert "Examples:" in answer.out
    for option in ("--data", "--dataset", "--runs"):
        assert option in answer.out
    assert ("--json" in answer.out) == (command != "attach")


def test_version(call: Call) -> None:
    answer = call("--version")
    assert (answer.status, answer.out.split()[0]) == (0, "fashion-tui")


def test_no_module_of_the_command_line_loads_torch() -> None:
    modules = sorted({f"fashion_tui.cli.commands.{module}" for module, _ in COMMANDS.values()})
    program = f"import sys, fashion_tui.tui.app, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "torchvision"} & set(done.stdout.split())


def test_no_command_but_the_app_loads_textual() -> None:
    modules = sorted({f"fashion_tui.cli.commands.{module}" for module, _ in COMMANDS.values()})
    program = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "textual" not in done.stdout.split()
