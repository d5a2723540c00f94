"""Strings that someone else has chosen never reach the terminal as they are, wherever the app shows one."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from fashion_tui.schema.events import Failed, Warned
from fashion_tui.schema.text import UNPRINTABLE
from tests.runs.parts import make_run, started, steps
from tests.terminal import Terminal
from tests.tui.apps import AppLauncher

HOSTILE = "x\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u2066y"

FORBIDDEN = (b"\x1b]0;", b"\x1b[2J\xc2\x9b", b"\x9b31m", "\u202e".encode(), "\u2066".encode())
"""The parts of the hostile string that must not be in the app's output."""


def assert_harmless(terminal: Terminal) -> None:
    assert not [part for part in FORBIDDEN if part in terminal.output]
    text = terminal.output.decode(errors="replace")
    assert {match[0] for match in UNPRINTABLE.finditer(text)} <= {"\x1b", "\r", "\n", "\x07", "\x08", "\x0f"}


def make_hostile_runs(folder: Path) -> None:
    """Create runs with hostile names, configurations, statuses and logs."""
    for name, event in (("failed", Failed), ("warned", Warned)):
        with make_run(folder, name=name) as run:
            writer = run.event_writer()
            writer.write(started(run.id))
            writer.write(steps(1, 10))
            writer.write(event(time=0.0, message=HOSTILE, **({"step": 10} if event is Failed else {})))
            writer.close()
            run.write_status(
                msgspec.structs.replace(run.read_status(), state="running", heartbeat=0.0, message=HOSTILE)
            )
            shutil.copytree(run.path, folder / f"{run.id}-{HOSTILE}")
    with make_run(folder, name="config") as run:
        file = run.path / "config.json"
        config = json.loads(file.read_text())
        file.write_text(json.dumps(config | {"recipe": config["recipe"] | {"optimizer": HOSTILE}}))
    with make_run(folder, name="git") as run:
        file = run.path / "config.json"
        config = json.loads(file.read_text())
        file.write_text(json.dumps(config | {"git_revision": HOSTILE, "versions": {HOSTILE: HOSTILE}}))


@pytest.mark.covers("fashion-tui --runs", "fashion-tui --data")
def test_hostile_runs_and_folders(app_terminal: AppLauncher, tmp_path: Path) -> None:
    runs = tmp_path / HOSTILE
    make_hostile_runs(runs)
    with app_terminal("--runs", str(runs), "--data", f"/nonexistent/{HOSTILE}", dataset=None) as terminal:
        terminal.wait_for("Trainer lost")
        terminal.wait_for("/nonexistent/")
        terminal.press("f5")
        terminal.wait_for("owned")
        for _ in range(len(list(runs.iterdir()))):
            terminal.press("down")
            terminal.settle()
        for key in ("r", "e", "f4", "w"):
            terminal.press(key)
            terminal.settle()
        terminal.press("escape", "ctrl+q")
        assert terminal.exit_status() == 0
        assert_harmless(terminal)


def test_what_the_users_own_code_names(app_terminal: AppLauncher) -> None:
    """Strings in values, tensors, documentation and errors in the Playground, and in files in the editor."""
    file = app_terminal.folder / "net.py"
    file.write_text(f"import torch\nraise ValueError({HOSTILE!r})\n")
    with app_terminal() as terminal:
        terminal.wait_for("synthetic garments")
        for code in (
            f"print({HOSTILE!r})",
            f"d = {{{HOSTILE!r}: torch.ones(3)}}",
            f"raise ValueError({HOSTILE!r})",
            f"show(torch.ones(2), [{HOSTILE!r}, 'b'])",
        ):
            terminal.send(b"\x1b[200~" + code.encode() + b"\x1b[201~")
            terminal.press("enter")
            terminal.settle(1.0)
        terminal.wait_for("ValueError")
        terminal.press("f4")
        terminal.wait_for("max_pool2d")
        terminal.press("a")
        terminal.wait_for("Open network")
        terminal.press("ctrl+u")
        terminal.type(str(file))
        terminal.press("enter")
        terminal.wait_for("owned")
        terminal.press("escape", "ctrl+q")
        terminal.settle()
        assert_harmless(terminal)
