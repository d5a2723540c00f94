"""Large pastes and slow connections, on a real terminal."""

import threading
from contextlib import suppress

import psutil
import pytest

from fashion_tui.bench.terminal import key_bytes
from tests.terminal import TIMEOUT, Terminal
from tests.tui.apps import CONTENTS, KEYS, AppLauncher


def code(characters: int, last: str) -> str:
    """Return code of about this number of characters, followed by the last line."""
    line = "    self.conv = nn.Conv2d(16, 32, kernel_size=3)  # a comment\n"
    return f"class Net:\n{line * (characters // len(line))}{last}"


def send_in_background(terminal: Terminal, data: bytes) -> None:
    """Send more than the terminal's buffer can hold."""

    def send() -> None:
        with suppress(OSError):  # the terminal was closed
            for start in range(0, len(data), 1024):
                terminal.send(data[start : start + 1024])

    threading.Thread(target=send, daemon=True).start()


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time of the app itself, without its child processes."""
    times = process.cpu_times()
    return float(times.user + times.system)


def open_editor(terminal: Terminal, editor: str) -> None:
    terminal.wait_for(CONTENTS["playground"])
    terminal.wait_for("synthetic")
    if editor == "model":
        terminal.press(KEYS["model"])
        terminal.wait_for(CONTENTS["model"])
        terminal.press("i")
        terminal.wait_for("class GuideNet")
    terminal.settle()


@pytest.mark.parametrize("editor", ["playground", "model"])
def test_pasting(app_terminal: AppLauncher, editor: str) -> None:
    terminal = app_terminal()
    open_editor(terminal, editor)
    typed = code(20_000, "first").replace("\n", "\r").encode()
    pasted = b"\x1b[200~%b\x1b[201~" % code(1_000_000, "second").encode()
    # The limits are far above what an idle machine needs (0.1 s and 0.6 s), and far below what a slow parser, an edit
    # per key or the highlighting of the whole text needs.
    for data, last, limit in ((typed, "first", 5.0), (pasted, "second", 6.0)):
        before = cpu_seconds(terminal.process)
        send_in_background(terminal, data)
        terminal.wait_for(last)
        terminal.send(b"_key")
        terminal.wait_for(f"{last}_key")
        assert cpu_seconds(terminal.process) - before < limit
    terminal.press("ctrl+q")
    assert terminal.exit_status() == 0


def test_text_typed_behind_other_output_on_a_slow_connection(app_terminal: AppLauncher) -> None:
    terminal = app_terminal(bytes_per_second=8_000)
    terminal.wait_for(CONTENTS["playground"])
    terminal.wait_for("synthetic")
    terminal.settle(quiet=1.0)
    start = len(terminal.output)
    for _ in range(4):
        for pane in ("data", "model", "train", "evaluate", "playground"):
            written = len(terminal.output)
            terminal.press(KEYS[pane])
            with terminal.changed:  # the app has begun to paint it
                terminal.changed.wait_for(lambda written=written: len(terminal.output) > written, TIMEOUT)  # type: ignore[misc]
    terminal.send(b"hello" + key_bytes("backspace") + b"0")
    terminal.wait_for("In [1]: hell0")
    # Enough for four full frames and the operating system's buffers, but not for the twenty frames that were replaced.
    assert len(terminal.output) - start < 100_000
    terminal.press("ctrl+q")
    assert terminal.exit_status() == 0
    assert terminal.text_after_exit() == ""
