"""Keys take effect in the order in which they were typed, however close together they arrive."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import pytest

from fashion_tui.bench.terminal import key_bytes
from tests.terminal import Terminal
from tests.tui.apps import CONTENTS, AppLauncher

GAPS = [0, 2, 5, 10, 50, 100]
"""Milliseconds between two keys."""

WORDS = {
    "hello": (*"hellp", "backspace", "o"),
    "acb": (*"ab", "left", "c"),
    "abcd": (*"cd", "home", *"ab"),
}
"""For each word, the keys that type it, with corrections on the way."""


def type_with_gaps(terminal: Terminal, keys: Sequence[str], gap: int) -> None:
    """Send all keys, with `gap` milliseconds between them, or in one write if `gap` is 0."""
    if gap == 0:
        terminal.send(b"".join(map(key_bytes, keys)))
        return
    for key in keys:
        terminal.send(key_bytes(key))
        time.sleep(gap / 1000)


@pytest.fixture(params=["idle", "busy"])
def load(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the test once on its own, and once while another process keeps the CPU busy."""
    if request.param == "idle":
        yield
        return
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        yield
        process.kill()


@pytest.mark.usefixtures("load")
def test_words_in_prompt_editor_and_form(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for(CONTENTS["playground"])
    for gap in GAPS:
        for word, keys in WORDS.items():
            type_with_gaps(terminal, keys, gap)
            terminal.wait_for(f"In [1]: {word}")
            terminal.press("ctrl+c")  # clears the prompt
            terminal.wait_gone(word)

    terminal.press("f4")
    terminal.wait_for(CONTENTS["model"])
    terminal.press("i")
    terminal.wait_for("class GuideNet")
    terminal.press("enter", "up")  # an empty first line
    for gap in GAPS:
        for word, keys in WORDS.items():
            type_with_gaps(terminal, keys, gap)
            terminal.wait_for(f" 1  {word}")
            terminal.send(key_bytes("end") + key_bytes("backspace") * len(word))
            terminal.wait_gone(f" 1  {word}")


@pytest.mark.usefixtures("load")
def test_numbers_in_the_run_form(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for(CONTENTS["playground"])
    terminal.press("f5")
    terminal.wait_for(CONTENTS["train"])
    for gap in GAPS:
        type_with_gaps(terminal, ("n", "1", "2", "4", "backspace", "home", "7", "8", "left", "9"), gap)
        terminal.wait_for("79812")
        terminal.press("escape")
        terminal.wait_gone("79812")


def test_keys_after_one_that_moves_the_focus(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for(CONTENTS["playground"])
    terminal.send(b"x = torch.ones(3, requires_grad=True) * 2\r")
    terminal.wait_for("In [2]")
    terminal.wait_for("Mul ")  # the tensor is listed
    for _ in range(3):
        terminal.send(key_bytes("ctrl+g") + b"l")
        terminal.wait_for("graph of x")
        terminal.press("escape", "escape")  # back to the tensors, then to the prompt
        terminal.wait_gone("graph of x")
    terminal.send(b"end")
    terminal.wait_for("In [2]: end")


def test_keys_for_other_panes_do_not_overtake_text(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for(CONTENTS["playground"])
    terminal.send(b"a = 1" + key_bytes("f5") + key_bytes("f2") + b"23" + key_bytes("home") + b"b" + key_bytes("f5"))
    terminal.wait_for(CONTENTS["train"])
    terminal.press("f2")
    terminal.wait_for("In [1]: ba = 123")


def test_keys_right_after_the_one_that_proposes_a_fix(app_terminal: AppLauncher) -> None:
    terminal = app_terminal(size=(180, 40))
    terminal.wait_for(CONTENTS["playground"])
    terminal.press("f4")
    terminal.wait_for(CONTENTS["model"])
    terminal.press("i")
    terminal.wait_for("class GuideNet")
    terminal.send(key_bytes("pagedown") * 4 + key_bytes("up") * 10 + key_bytes("end"))
    terminal.send(key_bytes("left") + key_bytes("backspace") * 3 + b"64")  # the width of fc1
    terminal.wait_for("out_features=64)")
    terminal.wait_for("fix line 20")
    terminal.send(key_bytes("ctrl+l") + b"# a note")
    terminal.wait_for("(in_features=64, out_features=classes)# a note")  # the fix for the line with the note
    terminal.send(key_bytes("ctrl+l") + key_bytes("enter") + b"# b")
    terminal.wait_for("✓")
    assert "20          self.fc2 = nn.Linear(in_features=64, out_features=classes)# a note# b" in terminal.text()


def test_pasted_text_keeps_its_place_among_keys(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for(CONTENTS["playground"])
    for _ in range(5):
        terminal.send(b"ab" + key_bytes("left") + b"\x1b[200~pasted\x1b[201~" + key_bytes("backspace") + b"x")
        terminal.wait_for("In [1]: apastexb")
        terminal.press("ctrl+c")
        terminal.wait_gone("apastexb")
