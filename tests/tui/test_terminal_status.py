"""The terminal's title, progress and bell for runs, and that the terminal is restored whenever the app ends."""

import os
import re
import signal
import sys
import time
from typing import Any

import msgspec
import pytest

from fashion_tui.machine.host import boot_id, host_name, process_start_time
from fashion_tui.runs.run import Run
from fashion_tui.schema.run import RunSummary
from fashion_tui.tui.run_notices import end_notices
from fashion_tui.tui.terminal_status import (
    NO_PROGRESS,
    RESTORE_TITLE,
    SAVE_TITLE,
    Progress,
    TerminalStatus,
    progress_of,
    shows_progress,
)
from tests.runs.parts import make_run
from tests.terminal import TIMEOUT, Terminal
from tests.tui.apps import AppLauncher

WINDOWS_TERMINAL = {"TERM": "xterm-256color", "WT_SESSION": "0"}
HALF = Progress("50 % net - fashion-tui", 1, 50)


def summary(**changes: Any) -> RunSummary:
    fields: dict[str, Any] = dict.fromkeys(("recipe", "dataset", "test_accuracy", "pid", "loss", "message", "damage"))
    fields |= dict.fromkeys(("epoch", "epochs", "step", "total_steps", "created", "images_per_second"), 0)
    fields |= {"run": "20261130-120000-net-abcd", "path": "", "state": "running", "train_seconds": 0.0}
    return RunSummary(**(fields | changes))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM_PROGRAM": "WezTerm"}, True),
        ({"TERM_PROGRAM": "ghostty"}, True),
        ({"TERM_PROGRAM": "iTerm.app"}, False),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.6.5"}, False),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.6.6"}, True),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.10.0beta2"}, True),
        ({"WT_SESSION": "0"}, True),
        ({"WT_SESSION": "0", "TERM_PROGRAM": "vscode"}, False),
        ({"ConEmuANSI": "ON"}, True),
        ({"KONSOLE_VERSION": "251203"}, False),
        ({"KONSOLE_VERSION": "260400"}, True),
        ({"WT_SESSION": "0", "TMUX": "/tmp/tmux,1,0"}, False),
        ({"WT_SESSION": "0", "STY": "1.screen"}, False),
        ({"WT_SESSION": "0", "TERM": "screen-256color"}, False),
        ({"TERM_PROGRAM": "ghostty", "TERM": "tmux-256color"}, False),
        ({"TERM_PROGRAM": "WezTerm", "ZELLIJ": "0"}, False),
    ],
)
def test_progress_is_sent_only_to_terminals_that_show_it(environ: dict[str, str], *, expected: bool) -> None:
    assert shows_progress(environ) == expected
    sequence = TerminalStatus(environ).show(HALF)
    assert ("\x1b]9;4;1;50\x1b\\" in sequence) == expected
    assert "\x1b]2;50 % net - fashion-tui\x1b\\" in sequence


def test_the_title_is_saved_once_and_sent_only_if_it_changes() -> None:
    status = TerminalStatus({"TERM": "xterm-256color"})
    assert status.show(HALF).startswith(SAVE_TITLE)
    assert status.show(HALF) == ""
    assert status.show(Progress("51 %", 1, 51)) == "\x1b]2;51 %\x1b\\"
    assert status.show(None) == RESTORE_TITLE
    assert status.restore() == ""
    assert TerminalStatus({"TERM": "linux"}).show(HALF) == "", "the Linux console has no title"


def test_the_progress_is_repeated_and_then_removed() -> None:
    status = TerminalStatus(WINDOWS_TERMINAL)
    assert status.restore() == ""
    first, again = status.show(HALF), status.show(HALF)
    assert again == "\x1b]9;4;1;50\x1b\\" == first[-len(again) :]
    assert status.restore() == RESTORE_TITLE + NO_PROGRESS
    assert status.restore() == ""


def test_the_progress_is_that_of_the_newest_run_that_has_started() -> None:
    assert progress_of([]) is None
    assert progress_of([summary(state="finished"), summary(state="queued")]) is None
    running = summary(step=30, total_steps=120)
    assert progress_of([summary(state="queued"), running]) == Progress("25 % net-abcd - fashion-tui", 1, 25)
    paused = msgspec.structs.replace(running, state="paused")
    assert progress_of([paused, running]) == Progress("25 % net-abcd +1 - fashion-tui", 4, 25)
    assert progress_of([summary(state="starting")]) == Progress("net-abcd - fashion-tui", 3, 0)


def test_runs_that_end_are_noticed() -> None:
    before = [summary(), summary(run="other", state="queued"), summary(run="old", state="finished")]

    def notices(**changes: Any) -> list[tuple[str, str]]:
        after = [msgspec.structs.replace(before[0], **changes), *before[1:]]
        return [(notice.text, notice.severity) for notice in end_notices(before, after)]

    assert notices() == notices(state="paused") == notices(state="stopped") == []
    assert notices(state="finished", test_accuracy=0.9123) == [
        ("net-abcd has finished: test accuracy 91.23 %", "information")
    ]
    assert notices(state="failed", message="the loss is NaN; try 1e-3") == [
        ("net-abcd has failed: the loss is NaN", "error")
    ]
    assert notices(state="lost") == [("net-abcd is lost: its trainer was killed", "error")]
    assert notices(state="finished", kind="logged", step=1200) == [
        ("net-abcd has finished at step 1,200", "information")
    ]


def write_state(run: Run, **changes: Any) -> None:
    """Write the status of a run as its trainer would."""
    status = msgspec.structs.replace(
        run.read_status(),
        heartbeat=time.time() + 3600,
        pid=os.getpid(),
        pid_started=process_start_time(),
        boot_id=boot_id(),
        host=host_name(),
        **changes,
    )
    run.write_status(status)


def bells(terminal: Terminal) -> int:
    """Return how often the terminal's bell has rung. The same character also ends queries such as that for colours."""
    return re.sub(rb"\x1b\][^\x07\x1b]*\x07", b"", bytes(terminal.output)).count(b"\x07")


def wait_for_bytes(terminal: Terminal, expected: bytes) -> None:
    end = time.monotonic() + TIMEOUT
    while expected not in terminal.output:
        assert time.monotonic() < end, f"no {expected!r}; the screen:\n{terminal.text()}"
        time.sleep(0.05)


def test_the_terminal_is_told_about_runs_and_restored(app_terminal: AppLauncher) -> None:
    with make_run(app_terminal.runs) as run, run.lock():
        write_state(run, state="running", step=50, steps_per_epoch=100, epochs=1)
        with app_terminal(environ={"WT_SESSION": "0"}) as terminal:
            wait_for_bytes(terminal, b"\x1b]9;4;1;50\x1b\\")
            assert f"{SAVE_TITLE}\x1b]2;50 % guide-".encode() in terminal.output
            assert bells(terminal) == 0
            write_state(run, state="finished", step=100, test_accuracy=0.9)
            terminal.wait_for("has finished: test accuracy 90.00 %")
            assert bells(terminal) == 1
            wait_for_bytes(terminal, (RESTORE_TITLE + NO_PROGRESS).encode())
            write_state(run, state="running", step=75)
            wait_for_bytes(terminal, b"\x1b]9;4;1;75\x1b\\")
            terminal.send_signal(signal.SIGTERM)
            terminal.exit_status()
            left = bytes(terminal.output).rpartition(b"\x1b]9;4;1;75\x1b\\")[2]
            assert (RESTORE_TITLE + NO_PROGRESS).encode() in left


def test_an_error_in_the_app_restores_the_terminal(app_terminal: AppLauncher) -> None:
    """The program is the app with an error that occurs after the first progress report."""
    program = (
        "import fashion_tui.tui.app as module, runpy, sys\n"
        "show = module.progress_of\n"
        "calls = []\n"
        "def fail(runs):\n"
        "    calls.append(runs)\n"
        "    if runs and len(calls) > 1: raise ValueError('broken')\n"
        "    return show(runs)\n"
        "module.progress_of = fail\n"
        "sys.argv = ['fashion-tui', '--dataset', 'synthetic']\n"
        "runpy.run_module('fashion_tui', run_name='__main__')\n"
    )
    with make_run(app_terminal.runs) as run, run.lock():
        write_state(run, state="running", step=50, steps_per_epoch=100, epochs=1)
        with app_terminal(
            command=(sys.executable, "-c", program), dataset=None, environ={"WT_SESSION": "0"}
        ) as terminal:
            wait_for_bytes(terminal, b"\x1b]9;4;1;50\x1b\\")
            write_state(run, state="running", step=51)
            assert terminal.exit_status() != 0
            assert (RESTORE_TITLE + NO_PROGRESS).encode() in terminal.output
