"""The clipboard sequences sent to a real terminal, and keys that a terminal might intercept."""

import base64
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.terminal import Terminal
from tests.tui.apps import APP, AppLauncher

# tmux omits the `c`, which is the default.
_OSC_52 = re.compile(rb"\x1b\]52;c?;([A-Za-z0-9+/=]*)(?:\x07|\x1b\\)")


def copied(terminal: Terminal) -> str:
    """Return the text of the last clipboard sequence that was sent to the terminal."""
    return base64.b64decode(_OSC_52.findall(bytes(terminal.output))[-1], validate=True).decode()


def run_a_cell(terminal: Terminal) -> None:
    terminal.wait_for("In [1]")
    terminal.type("'größe ' * 20")
    terminal.press("enter")
    terminal.wait_for("Out[1]: 'größe")


VALUE = repr("größe " * 20)


def wait_for_copy(terminal: Terminal) -> None:
    """Wait for the clipboard sequence with VALUE. Behind GNU screen or tmux, it may arrive after the notification."""
    terminal.wait_until(
        lambda _: bool(_OSC_52.search(terminal.output)) and copied(terminal) == VALUE, "the clipboard sequence"
    )


def test_copying_to_the_clipboard_of_the_terminal(app_terminal: AppLauncher) -> None:
    terminal = app_terminal(size=(80, 24))
    run_a_cell(terminal)
    terminal.press("escape", "y")
    terminal.wait_for(f"Copied {len(VALUE)} characters")
    assert copied(terminal) == VALUE  # complete, although the value is wrapped on the screen
    terminal.press("Y")
    terminal.wait_for("Copied 13 characters")
    assert copied(terminal) == "'größe ' * 20"
    terminal.press("J")
    terminal.wait_for("jupyter console")
    assert re.fullmatch(r"jupyter console --existing /\S+/1\.json", copied(terminal))


def test_keys_of_the_prompt(app_terminal: AppLauncher) -> None:
    terminal = app_terminal(size=(80, 24))
    run_a_cell(terminal)
    terminal.press("ctrl+r")
    terminal.wait_for("search:")
    terminal.type("GR")  # no match, since a query with upper case is case-sensitive
    terminal.wait_for("No matches")
    terminal.press("backspace", "backspace")
    terminal.wait_gone("No matches")
    terminal.type("gr")
    terminal.wait_for("search: gr")
    terminal.press("enter")
    terminal.wait_for("In [2]: 'größe ' * 20")
    while "In [2]: 'größe ' * 20" in terminal.settle():
        terminal.press("ctrl+c")  # clears the prompt, or interrupts the first cell if it still runs
    terminal.type("len(")
    documentation, slow = "Return the number of items", "did not respond"
    while documentation not in terminal.text():
        terminal.press("ctrl+o")
        terminal.wait_until(lambda screen: documentation in screen or slow in screen, "an answer of the kernel")
        terminal.wait_gone(slow)
    terminal.press("ctrl+o")
    terminal.wait_gone("Return the number of items")
    terminal.press("ctrl+s")  # would freeze the terminal if flow control were on
    terminal.wait_for("Save the session as")
    terminal.press("escape")
    terminal.wait_gone("Save the session as")
    terminal.type("7)")
    terminal.wait_for("In [2]: len(7)")


@pytest.mark.skipif(shutil.which("screen") is None, reason="needs GNU screen")
def test_copying_within_gnu_screen(app_terminal: AppLauncher, tmp_path: Path) -> None:
    folder = tmp_path / "screen"
    folder.mkdir(mode=0o700)
    screen = (str(shutil.which("screen")), "-U", "-c", "/dev/null", *APP)
    terminal = app_terminal(command=screen, size=(100, 30), environ={"SCREENDIR": str(folder), "LANG": "C.UTF-8"})
    run_a_cell(terminal)
    terminal.press("ctrl+p")  # not escape, which screen holds back until the next key
    terminal.wait_for("Search commands")
    terminal.type("copy the selected cell's value")
    terminal.wait_for("Playground: Copy the selected cell's value")
    terminal.press("enter")
    terminal.wait_for(f"Copied {len(VALUE)} characters")
    wait_for_copy(terminal)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_copying_within_tmux(app_terminal: AppLauncher, tmp_path: Path) -> None:
    configuration = tmp_path / "tmux.conf"
    configuration.write_text("set -g set-clipboard on\nset -g escape-time 10\n")
    tmux = (str(shutil.which("tmux")), "-f", str(configuration), "-S", str(tmp_path / "tmux"))
    terminal = app_terminal(command=(*tmux, "new-session", *APP), size=(100, 30))
    try:
        run_a_cell(terminal)
        terminal.press("escape", "y")
        terminal.wait_for(f"Copied {len(VALUE)} characters")
        terminal.wait_for("set-clipboard on")
        wait_for_copy(terminal)
    finally:
        subprocess.run((*tmux, "kill-server"), check=False)
