"""Printed text keeps its characters and colours, and loses everything that would control the terminal."""

import random
import re
import time

import pytest

from fashion_tui.kernel.ansi import MAX_LINE, LineWriter, plain, restyle, sanitize

FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
COLOUR = re.compile(r"\x1b\[[0-9;]+m")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ntext\n", "plain\ntext\n"),
        ("no end of line", "no end of line"),
        ("", ""),
        ("ü 漢字 🧵", "ü 漢字 🧵"),
        # colours
        ("\x1b[31mred\x1b[0m plain", "\x1b[31mred\x1b[0m plain"),
        ("\x1b[31mred\x1b[m plain", "\x1b[31mred\x1b[0m plain"),
        ("\x1b[1;31mboth\nlines\x1b[0m", "\x1b[1;31mboth\x1b[0m\n\x1b[1;31mlines\x1b[0m"),
        ("\x1b[31ma\x1b[32mb\x1b[39mc", "\x1b[31ma\x1b[0m\x1b[32mb\x1b[0mc"),
        ("\x1b[38;5;208mo\x1b[48;2;1;2;3mg", "\x1b[38;5;208mo\x1b[0m\x1b[38;5;208;48;2;1;2;3mg\x1b[0m"),
        ("\x9b31mred", "\x1b[31mred\x1b[0m"),
        ("\x1b[8mhidden\x1b[5mblinking", "hiddenblinking"),
        # a progress bar
        ("  0%\r 50%\r100%\n", "100%\n"),
        ("longer\rshort\n", "shortr\n"),
        ("longer\r\x1b[Kshort\n", "short\n"),
        ("longer\x1b[2K\rshort\n", "short\n"),
        ("abc\x1b[1K\rX\n", "X  \n"),
        ("dos\r\nlines\r\n", "dos\nlines\n"),
        ("ab\bc\n", "ac\n"),
        ("\b\b\bc\n", "c\n"),
        ("a\tb\n12345678\tc\n", "a       b\n12345678        c\n"),
        # control sequences
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]0;title\x1b\\text", "text"),
        ("\x1b]52;c;cm0gLXJmIC8=\x07text", "text"),
        ("\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9d0;title\x9ctext", "text"),
        ("\x1bPq#0;2;0\x1b\\text", "text"),
        ("\x1b_Ga=T;AAAA\x1b\\text", "text"),
        ("\x1b]never ended\nnext line", "\nnext line"),
        ("\x1b[2J\x1b[H\x1b[10;10Hx\x1b[3A\x1b[?1049h\x1b[6n", "x"),
        ("\x1b[>1u\x1b[?25l\x1b[!p\x1b[5 q", ""),
        ("\x1bc\x1b7\x1b8\x1b(0\x1b#8x", "x"),
        ("bell\x07 null\x00 vertical\x0b feed\x0c shift\x0e\x0f del\x7f", "bell null vertical feed shift del"),
        ("c1 \x80\x84\x85\x8d\x9a.", "c1 ."),
        ("\ud800 lone", "\N{REPLACEMENT CHARACTER} lone"),
    ],
)
def test_text_is_shown_as_a_terminal_would_without_control_sequences(text: str, shown: str) -> None:
    assert sanitize(text) == shown


@pytest.mark.parametrize("character", "\u200e\u200f\u202a\u202e\u2066\u2069\u2028\u2029")
def test_characters_that_change_the_writing_direction_are_removed(character: str) -> None:
    assert plain(f"a{character}b") == "ab"
    assert sanitize(f"a{character}b\n") == "ab\n"


@pytest.mark.parametrize("seed", range(20))
def test_only_colours_remain_wherever_the_text_is_cut(seed: int) -> None:
    generator = random.Random(seed)
    parts = [
        "\x1b",
        "[",
        "]",
        "3",
        "1",
        ";",
        "m",
        "K",
        "J",
        "\x07",
        "\\",
        "\r",
        "\n",
        "\b",
        "\t",
        "a",
        "ü",
        "\x9b",
        "\x9d",
    ]
    text = "".join(generator.choices([*parts, chr(generator.randrange(0xA0)), "\ud801"], k=3_000))
    expected = sanitize(text)
    assert not FORBIDDEN.search(COLOUR.sub("", expected))

    writer = LineWriter()
    lines: list[str] = []
    position = 0
    while position < len(text):
        step = generator.randrange(1, 5)
        lines += writer.feed(text[position : position + step])
        position += step
    assert "\n".join([*lines, writer.line]) == expected


def test_an_unfinished_line_can_be_read_and_rewritten() -> None:
    writer = LineWriter()
    assert writer.feed("done 10%") == []
    assert writer.line == "done 10%"
    assert writer.feed("\rdone 20%") == []
    assert writer.line == "done 20%"
    assert writer.feed("\n") == ["done 20%"]
    assert writer.line == ""


def test_a_colour_continues_in_the_next_chunk() -> None:
    writer = LineWriter()
    writer.feed("\x1b[3")
    writer.feed("1mred\nstill")
    assert writer.line == "\x1b[31mstill\x1b[0m"


@pytest.mark.parametrize("start", ["", "\x1b[31m", "\t"])
def test_an_endless_line_is_wrapped(start: str) -> None:
    writer = LineWriter()
    lines = writer.feed(start + "x" * (3 * MAX_LINE))
    lines += writer.feed("\n")
    assert sum(line.count("x") for line in lines) == 3 * MAX_LINE
    assert max(COLOUR.sub("", line).count("x") for line in lines) <= MAX_LINE


@pytest.mark.parametrize(
    ("style", "parameters", "after"),
    [
        ("", "", ""),
        ("1;31", "0", ""),
        ("31", "1", "1;31"),
        ("1;31", "22", "31"),
        ("31;42", "39;49", ""),
        ("31", "91", "91"),
        ("31", "101", "31;101"),
        ("", "38;5;300", ""),
        ("", "38;5", ""),
        ("", "38:2::1:2:3", "38;2;1;2;3"),
        ("", "38:5:9;1", "1;38;5;9"),
        ("", "4:3", "4"),
        ("", "01;031", "1;31"),
        ("1", "99999999", "1"),
        ("", "<1", ""),
    ],
)
def test_a_style_changes_with_each_sequence(style: str, parameters: str, after: str) -> None:
    assert restyle(style, parameters) == after


@pytest.mark.parametrize(
    "part",
    [
        "x\n",
        "\x1b[31mred\x1b[0m plain\n",
        "\x1b",
        "\x1b]",
        "\r",
        "\n\x00",
        "ab\b",
        "\x1b[31mx\b",
        "x\t",
        "\x1b]52;" + "A" * 200,
    ],
)
def test_half_a_million_characters_of_any_kind_are_fast(part: str) -> None:
    text = part * (500_000 // len(part))
    started = time.process_time()
    sanitize(text)
    assert time.process_time() - started < 5.0
