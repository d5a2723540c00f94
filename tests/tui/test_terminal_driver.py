"""Input that isn't UTF-8, SIGCONT, and the terminal's own size, on a real terminal."""

import signal

import pytest

from tests.terminal import TIMEOUT
from tests.tui.apps import CONTENTS, AppLauncher


def _rule(line: str) -> int:
    """Return the column of the vertical rule, or -1 if there is none."""
    return line.find("│")


def test_bytes_that_are_not_utf8(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for(CONTENTS["playground"])
    terminal.send(b"caf\xe9 ")  # in Latin-1
    terminal.wait_for("In [1]: caf\ufffd")
    terminal.send(b"\xff\xfe")
    terminal.wait_for("caf\ufffd \ufffd\ufffd")
    terminal.settle()  # otherwise, the terminal's answer to a query could arrive within the next character
    terminal.send(b"\xc3")
    terminal.send(b"\xa9x")  # the rest of the character
    terminal.wait_for("caf\ufffd \ufffd\ufffdéx")
    terminal.press("ctrl+q")
    assert terminal.exit_status() == 0


@pytest.mark.parametrize("stops", [True, False])
@pytest.mark.parametrize("key", ["q", "ctrl+q"])
def test_leaving_after_sigcont(app_terminal: AppLauncher, key: str, stops: bool) -> None:  # noqa: FBT001
    terminal = app_terminal()
    terminal.wait_for(CONTENTS["playground"])
    for pane in ("f6", "f5"):
        if stops:
            terminal.send_signal(signal.SIGSTOP)
        start = len(terminal.output)
        terminal.send_signal(signal.SIGCONT)
        with terminal.changed:
            assert terminal.changed.wait_for(lambda start=start: b"\x1b[?2004h" in terminal.output[start:], TIMEOUT)  # type: ignore[misc]
        terminal.press(pane)
        terminal.wait_for(CONTENTS["train" if pane == "f5" else "evaluate"])
    terminal.press(key)
    assert terminal.exit_status() == 0
    assert terminal.attributes() == terminal.attributes_before


@pytest.mark.parametrize("columns", ["150", "60"])
def test_exported_size_is_ignored(app_terminal: AppLauncher, columns: str) -> None:
    terminal = app_terminal(size=(110, 35), environ={"COLUMNS": columns, "LINES": "20"})
    terminal.wait_for(CONTENTS["playground"])
    for size in ((110, 35), (104, 31), (120, 40)):
        if size != (110, 35):  # the program isn't told of a size that doesn't change
            terminal.resize(size)
        terminal.wait_until(
            lambda screen, size=size: len(lines := screen.splitlines()) == size[1] and "synthetic" in lines[-1],  # type: ignore[misc]
            f"the status line is in the last of {size[1]} lines",
        )
        terminal.wait_until(
            lambda screen, width=size[0]: 0.4 < max(map(_rule, screen.splitlines())) / width < 0.8,  # type: ignore[misc]
            f"the rule is near the middle of {size[0]} columns",
        )
    terminal.press("ctrl+q")
    assert terminal.exit_status() == 0
