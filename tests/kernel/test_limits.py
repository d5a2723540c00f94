"""Long strings are truncated: printed text loses its beginning, and values lose their end."""

from fashion_tui.kernel.limits import MAX_CHARACTERS, MAX_LINES, keep_newest, truncate


def test_a_short_string_is_unchanged() -> None:
    assert keep_newest("one\ntwo") == ("one\ntwo", 0, 0)
    assert keep_newest("") == ("", 0, 0)


def test_the_newest_lines_are_kept_and_the_others_counted() -> None:
    text, lines, characters = keep_newest("".join(f"{number}\n" for number in range(MAX_LINES + 3)))
    assert text.split("\n")[0] == "3"
    assert text.count("\n") == MAX_LINES
    assert (lines, characters) == (3, len("0\n1\n2\n"))


def test_a_string_of_exactly_the_limit_is_unchanged() -> None:
    text = "x\n" * MAX_LINES
    assert keep_newest(text) == (text, 0, 0)


def test_an_endless_line_loses_its_beginning() -> None:
    text, lines, characters = keep_newest("a" + "x" * MAX_CHARACTERS)
    assert len(text) == MAX_CHARACTERS
    assert (lines, characters) == (0, 1)


def test_a_long_value_is_cut_and_says_how_much_is_missing() -> None:
    text = truncate("x" * (MAX_CHARACTERS + 1_234))
    assert text.startswith("x" * MAX_CHARACTERS)
    assert text.endswith("\n… 1,234 more characters")
    assert truncate("short") == "short"
