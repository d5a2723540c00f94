"""Strings from elsewhere become safe to print, and stay readable."""

import unicodedata

import pytest

from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.text import REPLACEMENT, encodable, one_line, printable


@pytest.mark.parametrize(
    "text", ["guide-a1b2", "naïve 数据 🚀", "👩\u200d🔬", "a\u00a0b", "１\u0301", "μ × ≈ …", "\U0001faea"]
)
def test_what_a_user_may_write_is_unchanged(text: str) -> None:
    assert printable(text) == text


def test_controls_and_invisible_characters_are_replaced() -> None:
    assert printable("a\x1b[31mb\x9b2Jc\x7f\u202ed\u2066\ufeff") == "a\ufffd[31mb\ufffd2Jc\ufffd\ufffdd\ufffd\ufffd"
    assert printable("one\r\ntwo\tthree\u2028four\x85five") == "one  two three four five"


def test_every_control_and_surrogate_is_replaced() -> None:
    unsafe = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in {"Cc", "Cs", "Zl", "Zp"}]
    bidirectional = [chr(code) for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))]
    assert {printable(character) for character in unsafe + bidirectional} == {" ", REPLACEMENT}


def test_one_line_is_short() -> None:
    assert one_line("  a \n\n b\x1b ") == "a b\ufffd"
    assert one_line("x" * 300) == "x" * 199 + "…"


def test_lone_surrogates_become_encodable() -> None:
    assert encodable("caf\udce9 é") == "caf\ufffd é"


def test_the_message_of_an_error_is_one_printable_line() -> None:
    assert str(UsageError("no run 'x\x1b]0;owned\x07\ny'")) == "no run 'x\ufffd]0;owned\ufffd y'"
