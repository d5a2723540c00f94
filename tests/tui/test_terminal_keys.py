"""Keys on a real terminal."""

import psutil

from tests.terminal import Terminal
from tests.tui.apps import CONTENTS, AppLauncher

PALETTE = "Search commands"
HELP = "Every run trains"


def _go_to(terminal: Terminal, key: str, pane: str) -> None:
    terminal.press(key)
    terminal.wait_for(CONTENTS[pane])


def test_digits_choose_panes_and_function_keys_do_so_in_an_editor(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for(CONTENTS["playground"])
    terminal.type("1234q?5")  # typed into the prompt, which has the focus
    terminal.wait_for("1234q?5")
    terminal.wait_for("f2 Playground f3 Data f4 Model f5 Train f6 Evaluate")
    for key, pane in {"f3": "data", "f4": "model", "f5": "train", "f6": "evaluate", "f2": "playground"}.items():
        _go_to(terminal, key, pane)
    terminal.wait_for("1234q?5")
    terminal.press("escape")  # leaves the prompt, so that digits choose panes
    terminal.wait_for("select a cell")
    terminal.wait_for("1 Playground  2 Data  3 Model  4 Train  5 Evaluate")
    for key, pane in {"4": "train", "3": "model", "2": "data", "5": "evaluate", "1": "playground"}.items():
        if key == "1":
            terminal.press("1")
        else:
            _go_to(terminal, key, pane)
    terminal.wait_for("1234q?5")
    terminal.type("6")  # typed into the prompt again
    terminal.wait_for("1234q?56")
    terminal.press("ctrl+q")
    assert terminal.exit_status() == 0


def test_help_and_palette(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for(CONTENTS["playground"])
    terminal.press("f1")  # works in the prompt
    terminal.wait_for("Playground pane")
    terminal.press("f1")
    terminal.wait_gone("Playground pane")
    _go_to(terminal, "f5", "train")
    terminal.press("?")
    terminal.wait_for(HELP)
    terminal.press("escape")
    terminal.wait_gone(HELP)

    terminal.press("ctrl+p")
    terminal.wait_for(PALETTE)
    terminal.type("go to model")
    terminal.wait_for("Go to Model")
    terminal.press("enter")
    terminal.wait_for(CONTENTS["model"])
    terminal.press("ctrl+p")
    terminal.wait_for(PALETTE)
    terminal.type("train: start")
    terminal.wait_for("Train: Start a new run")
    terminal.press("enter")
    terminal.wait_for("batch size")
    terminal.press("escape")
    terminal.wait_for(CONTENTS["train"])
    terminal.press("ctrl+p")
    terminal.wait_for(PALETTE)
    terminal.press("escape")
    terminal.wait_gone(PALETTE)
    terminal.press("q")
    assert terminal.exit_status() == 0


def test_choosing_a_pane_closes_dialogs_and_ctrl_z_never_suspends(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for(CONTENTS["playground"])
    terminal.press("ctrl+z")
    for key, shown in {"f1": HELP, "n": "batch size"}.items():
        _go_to(terminal, "f5", "train")
        terminal.press("ctrl+z", key)
        terminal.wait_for(shown)
        _go_to(terminal, "f6", "evaluate")
        terminal.wait_gone(shown)
        _go_to(terminal, "4", "train")
    assert terminal.process.status() != psutil.STATUS_STOPPED
