"""What goes out to a real terminal when something is copied, and the keys that a terminal might keep for itself."""

import base64
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.terminal import Terminal
from tests.tui.apps import APP, Apps

# tmux leaves out the `c`, which terminals then take to be meant.
_OSC_52 = re.compile(rb"\x1b\]52;c?;([A-Za-z0-9+/=]*)(?:\x07|\x1b\\)")


def copied(terminal: Terminal) -> str:
    """What the terminal was last asked to put into the clipboard."""
    return base64.b64decode(_OSC_52.findall(bytes(terminal.sent))[-1], validate=True).decode()


def open_with_a_cell(terminal: Terminal) -> None:
    terminal.wait_for("In [1]")
    terminal.type("'größe ' * 20")
    terminal.press("enter")
    terminal.wait_for("Out[1]: 'größe")


VALUE = repr("größe " * 20)


def test_what_is_copied_goes_to_the_terminals_own_clipboard(app_terminal: Apps) -> None:
    terminal = app_terminal(size=(80, 24))
    open_with_a_cell(terminal)
    terminal.press("escape", "y")
    terminal.wait_for(f"copied: {len(VALUE)} characters")
    assert copied(terminal) == VALUE  # whole, though it stands there in two rows
    terminal.press("Y")
    terminal.wait_for("copied: 13 characters")
    assert copied(terminal) == "'größe ' * 20"
    terminal.press("J")
    terminal.wait_for("jupyter console")
    assert re.fullmatch(r"jupyter console --existing /\S+/1\.json", copied(terminal))


def test_the_prompts_keys_reach_it_through_a_terminal(app_terminal: Apps) -> None:
    terminal = app_terminal(size=(80, 24))
    open_with_a_cell(terminal)
    terminal.press("ctrl+r")
    terminal.wait_for("search:")
    terminal.type("GR")  # upper case counts: nothing is found
    terminal.wait_for("nothing was typed that holds this")
    terminal.press("backspace", "backspace")
    terminal.wait_gone("nothing was typed")
    terminal.type("gr")
    terminal.wait_for("search: gr")
    terminal.press("enter")
    terminal.wait_for("In [2]: 'größe ' * 20")
    while "In [2]: 'größe ' * 20" in terminal.settle():
        terminal.press("ctrl+c")  # as long as the first cell isn't at its end, it is for that
    terminal.type("len(")
    terminal.press("ctrl+o")
    terminal.wait_for("Return the number of items")
    terminal.press("ctrl+o")
    terminal.wait_gone("Return the number of items")
    terminal.press("ctrl+s")  # which stops a terminal that isn't told otherwise
    terminal.wait_for("Save the session to")
    terminal.press("escape")
    terminal.wait_gone("Save the session to")
    terminal.type("7)")
    terminal.wait_for("In [2]: len(7)")


@pytest.mark.skipif(shutil.which("screen") is None, reason="needs GNU screen")
def test_screen_passes_it_on(app_terminal: Apps, tmp_path: Path) -> None:
    folder = tmp_path / "screen"
    folder.mkdir(mode=0o700)
    screen = (str(shutil.which("screen")), "-U", "-c", "/dev/null", *APP)
    terminal = app_terminal(command=screen, size=(100, 30), environ={"SCREENDIR": str(folder)})
    open_with_a_cell(terminal)
    terminal.press("ctrl+p")  # screen keeps an escape until the next key: it might begin what a mouse does
    terminal.wait_for("What would you like to do?")
    terminal.type("copy the chosen cell's value")
    terminal.wait_for("Playground: Copy the chosen cell's value")
    terminal.press("enter")
    terminal.wait_for(f"copied: {len(VALUE)} characters")
    terminal.settle()
    assert copied(terminal) == VALUE


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_tmux_passes_it_on_when_it_was_told_to(app_terminal: Apps, tmp_path: Path) -> None:
    configuration = tmp_path / "tmux.conf"
    configuration.write_text("set -g set-clipboard on\nset -g escape-time 10\n")
    tmux = (str(shutil.which("tmux")), "-f", str(configuration), "-S", str(tmp_path / "tmux"))
    terminal = app_terminal(command=(*tmux, "new-session", *APP), size=(100, 30))
    try:
        open_with_a_cell(terminal)
        terminal.press("escape", "y")
        terminal.wait_for(f"copied: {len(VALUE)} characters")
        terminal.wait_for("set-clipboard on")
        terminal.settle()
        assert copied(terminal) == VALUE
    finally:
        subprocess.run((*tmux, "kill-server"), check=False)
