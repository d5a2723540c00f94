"""Parsing of the terminal's input: pastes with and without brackets, and what is left to Textual's parser."""

import pytest
from textual.events import Key, MouseDown, Paste

from fashion_tui.tui import terminal_input
from fashion_tui.tui.terminal_input import PASTE_LENGTH, InputParser, Typed, keys_of

CODE = "def f(x):\n    return x\n\n" + "print(f(2))\n" * (PASTE_LENGTH // 10)


def parse(*parts: str) -> list[str]:
    """Return a description of each message that the parts produce."""
    parser = InputParser()
    messages = [message for part in parts for message in (*parser.feed(part), *parser.tick())]
    described = []
    for message in messages:
        match message:
            case Paste(text=text):
                described.append(f"paste {text}")
            case Typed(text=text):
                described.append(f"typed {text}")
            case Key(key=key):
                described.append(key)
            case _:
                described.append(type(message).__name__)
    return described


def test_a_bracketed_paste_among_other_input() -> None:
    data = "ab\x1b[D\x1b[200~x\r\ny\x07\tz\x1b[201~c\x1b[<0;5;6M"
    expected = ["typed ab", "left", "paste x\ny\tz", "c", MouseDown.__name__]
    assert parse(data) == expected
    for split in range(1, len(data)):
        described = parse(data[:split], data[split:])
        assert [*expected[1:3]] == [item for item in described if item in expected[1:3]], split
        assert described[-1] == expected[-1], split
    assert parse(*data) == ["a", "b", *expected[1:]]


def test_a_paste_without_brackets_is_recognised_by_its_length() -> None:
    assert parse(CODE.replace("\n", "\r")) == [f"paste {CODE}"]
    line = "x" * PASTE_LENGTH
    assert parse(f"{line}\r") == [f"paste {line}", "enter"]  # the line is run
    assert parse("x = 1\rx\r") == ["typed x = 1", "enter", "x", "enter"]
    assert parse("\x7f" * 2 * PASTE_LENGTH) == ["backspace"] * 2 * PASTE_LENGTH


def test_typed_text_is_made_of_keys() -> None:
    assert [(key.key, key.character) for key in keys_of("aÄ 1?")] == [
        ("a", "a"), ("Ä", "Ä"), ("space", " "), ("1", "1"), ("question_mark", "?"),
    ]  # fmt: skip


def test_a_paste_that_never_ends_does_not_keep_the_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_input, "PASTE_TIMEOUT", -1.0)
    assert parse("\x1b[200~half", "q") == ["paste half", "q"]
