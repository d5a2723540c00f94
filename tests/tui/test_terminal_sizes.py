"""Terminals that are too small, and terminals that are resized."""

import signal

from tests.terminal import Terminal
from tests.tui.apps import CONTENTS, KEYS, AppLauncher

LARGE, SMALL, TINY = (100, 30), (59, 20), (1, 1)
MESSAGE = "needs 60×20"


def _shrink_and_grow(terminal: Terminal) -> None:
    for size in (SMALL, TINY, (200, 19)):
        terminal.resize(size)
        if size != TINY:
            terminal.wait_for(MESSAGE)
    terminal.resize(LARGE)
    terminal.wait_gone(MESSAGE)


def test_terminal_that_is_too_small_at_the_start_shows_the_required_size(app_terminal: AppLauncher) -> None:
    terminal = app_terminal(size=(40, 10))
    terminal.wait_for(MESSAGE)
    terminal.press("f3", "ctrl+p", "f1")  # disabled while the terminal is too small
    terminal.settle()
    terminal.resize(LARGE)
    terminal.wait_gone(MESSAGE)
    terminal.wait_for("In [1]")
    terminal.press("f5")
    terminal.wait_for("No runs yet")
    terminal.resize((40, 10))
    terminal.wait_for(MESSAGE)
    terminal.press("q")
    assert terminal.exit_status() == 0


def test_panes_survive_a_terminal_that_is_too_small_for_a_while(app_terminal: AppLauncher) -> None:
    terminal = app_terminal(size=LARGE)
    terminal.wait_for("Playground")
    for pane, content in CONTENTS.items():
        terminal.press(KEYS[pane])
        terminal.wait_for(content)
        _shrink_and_grow(terminal)
        terminal.wait_for(content)
        for size in ((60, 20), (200, 50), LARGE):
            terminal.resize(size)
            terminal.wait_until(
                lambda screen, content=content: content in screen and MESSAGE not in screen,  # type: ignore[misc]
                f"{content} at {size}",
            )


def test_terminal_that_shrinks_and_grows_back_is_repainted(app_terminal: AppLauncher) -> None:
    terminal = app_terminal(size=LARGE)
    terminal.wait_for("Playground")
    terminal.press(KEYS["data"])
    terminal.wait_until(lambda screen: screen.count("█") > 50, "images")
    before = terminal.settle(quiet=1.0)
    terminal.clear()
    terminal.send_signal(signal.SIGWINCH)  # two quick resizes may cause one signal, after which the size is the same
    terminal.wait_until(lambda screen: screen == before, "the repainted screen")


def test_last_of_many_quick_resizes_takes_effect(app_terminal: AppLauncher) -> None:
    terminal = app_terminal(size=LARGE)
    terminal.wait_for("Playground")
    for _ in range(30):
        for size in (SMALL, TINY, (200, 19)):
            terminal.resize(size)
        terminal.wait_for(MESSAGE)
        terminal.resize(TINY)
        terminal.resize(LARGE)
        terminal.wait_for("In [1]")


def test_dialogs_survive_a_terminal_that_is_too_small_for_a_while(app_terminal: AppLauncher) -> None:
    terminal = app_terminal(size=LARGE)
    terminal.wait_for("Playground")
    terminal.press("f5")
    terminal.wait_for("No runs yet")
    terminal.press("?")
    terminal.wait_for("Every run trains")
    _shrink_and_grow(terminal)
    terminal.wait_for("Every run trains")
    terminal.press("escape")
    terminal.wait_gone("Every run trains")

    terminal.press("n")
    terminal.wait_for("batch size")
    terminal.type("37")  # epochs
    terminal.wait_for("37")
    _shrink_and_grow(terminal)
    terminal.wait_for("batch size")
    terminal.wait_for("37")  # the input is still there
    terminal.press("escape")
    terminal.wait_gone("batch size")

    terminal.press("ctrl+p")
    terminal.wait_for("Search commands")
    _shrink_and_grow(terminal)
    terminal.wait_for("Search commands")
    terminal.press("escape")
    terminal.wait_gone("Search commands")
    terminal.press("q")
    assert terminal.exit_status() == 0
