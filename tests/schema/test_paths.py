"""Paths that a user types."""

from pathlib import Path

import pytest

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import parse_model_name
from fashion_tui.schema.paths import check_utf8, is_utf8, user_path


def test_the_home_directory_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert user_path("~/runs", "--runs") == Path("/home/someone/runs")
    assert user_path("a/~/b", "--runs") == Path("a/~/b")


@pytest.mark.parametrize(
    ("value", "words"), [("~nosuchuser/x", "home directory"), ("caf\udce9", "UTF-8"), ("a\0b", "NUL")]
)
def test_unusable_paths_are_reported_with_their_source(value: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as raised:
        user_path(value, "--runs")
    assert str(raised.value).startswith("--runs is '")
    assert str(raised.value).isprintable()


def test_names_that_are_not_utf_8_are_recognised() -> None:
    assert is_utf8("café")
    assert not is_utf8(Path("caf\udce9"))
    assert check_utf8(Path("café"), "--data") == Path("café")


def test_a_model_file_of_an_unknown_user_is_reported() -> None:
    with pytest.raises(UserError, match="home directory"):
        parse_model_name("~nosuchuser/net.py:Net")
