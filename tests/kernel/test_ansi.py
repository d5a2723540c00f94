"""Printed text keeps its characters and colours, and loses everything that would control the terminal."""

import random
import re
import time
from itertools import pairwise

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
        ("\x1b[31ma\x1b[31mb\n", "\x1b[31mab\x1b[0m\n"),
        # spaces that only move the cursor or erase have no style
        ("\x1b[4m\tX", f"{' ' * 8}\x1b[4mX\x1b[0m"),
        ("\x1b[4mab\x1b[1Kc", "  \x1b[4mc\x1b[0m"),
        # a progress bar
        ("  0%\r 50%\r100%\n", "100%\n"),
        ("longer\rshort\n", "shortr\n"),
        ("longer\r\x1b[Kshort\n", "short\n"),
        ("longer\x1b[2K\rshort\n", "short\n"),
        ("abc\x1b[1K\rX\n", "X  \n"),
        ("abcd\b\b\x1b[1K\n", "   d\n"),
        ("abcd\b\b\x1b[0K\n", "ab\n"),
        ("dos\r\nlines\r\n", "dos\nlines\n"),
        ("ab\bc\n", "ac\n"),
        ("\b\b\bc\n", "c\n"),
        ("a\tb\n12345678\tc\n", "a       b\n12345678        c\n"),
        ("0123456789\r\tX\n", "01234567X9\n"),
        # control sequences
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]0;title\x1b\\text", "text"),
        ("\x1b]52;c;cm0gLXJmIC8=\x07text", "text"),
        ("\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9d0;title\x9ctext", "text"),
        ("\x1bPq#0;2;0\x1b\\text", "text"),
        ("\x1b_Ga=T;AAAA\x1b\\text", "text"),
        ("\x1bXstart of string\x1b\\text", "text"),
        ("\x1b^private\x1b\\text", "text"),
        ("\x98start of string\x9c\x9eprivate\x9c\x9fapplication\x9ctext", "text"),
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


SGR = [
    *("", "0", "1", "3", "4", "7", "9", "22", "23", "24", "27", "29", "30", "35", "38;5;208", "38;2;1;2;3", "39"),
    *("40", "47", "48;5;17", "48;2;9;8;7", "49", "90", "97", "100", "107"),
]
WORDS = st.text("abcdeü- ", min_size=1, max_size=6)
MOVES = st.sampled_from(["\r", "\b", "\b\b\b", "\t", "\n", "\r\n"])
ERASURES = st.sampled_from(["\x1b[K", "\x1b[0K", "\x1b[1K", "\x1b[2K"])
COLOURS = st.lists(st.sampled_from(SGR), max_size=3).map(lambda codes: f"\x1b[{';'.join(codes)}m")
NOISE = st.sampled_from(["\x07", "\x1b]0;title\x07", "\x1b[?25l", "\x1b=", "\x00"])
PIECES = st.lists(WORDS | MOVES | ERASURES | COLOURS | NOISE, max_size=20)


def cells(text: str) -> dict[tuple[int, int], object]:
    """Return the characters that a terminal shows, except spaces, with their styles, by line and column."""
    screen = pyte.Screen(1_000, 50)
    screen.set_mode(pyte.modes.LNM)  # a line feed also returns to the first column
    pyte.Stream(screen).feed(text)
    return {(y, x): tuple(cell) for y, line in screen.buffer.items() for x, cell in line.items() if cell.data != " "}


@settings(max_examples=300)
@given(PIECES)
def test_a_terminal_shows_the_same_with_and_without_the_other_control_sequences(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert cells(sanitize(text)) == cells(text)
    assert plain(text) == re.sub(COLOUR, "", sanitize(text))


FRAGMENTS = st.sampled_from(
    [*"[]P(B7 #\\31;mK?a", "\x1b", "\x9b", "\x9c", "\x9d", "\x07", "\ud801", "\u202e", "A" * 5_000]
)


@given(
    text=st.lists(WORDS | MOVES | ERASURES | COLOURS | FRAGMENTS, max_size=30).map("".join),
    cuts=st.lists(st.integers(0, 40) | st.integers(0, 20_000), max_size=8),
    max_line=st.sampled_from([3, 5, MAX_LINE]),
)
def test_the_lines_are_the_same_wherever_the_text_is_cut(text: str, cuts: list[int], max_line: int) -> None:
    """The fragments form incomplete control sequences, and strings for the terminal that are longer than a chunk."""
    whole, parts = LineWriter(max_line), LineWriter(max_line)
    expected = [*whole.feed(text), whole.line]
    bounds = [0, *sorted(cuts), len(text)]
    lines = [line for start, end in pairwise(bounds) for line in parts.feed(text[start:end])]
    assert [*lines, parts.line] == expected
    assert all(len(COLOUR.sub("", line)) <= max_line for line in expected)


@given(st.lists(WORDS | COLOURS | st.just("\n"), max_size=30), st.integers(1, 12))
def test_long_lines_continue_on_the_next_one(pieces: list[str], limit: int) -> None:
    text = "".join(pieces)
    writer = LineWriter(max_line=limit)
    lines = [re.sub(COLOUR, "", line) for line in [*writer.feed(text), writer.line]]
    assert all(len(line) <= limit for line in lines)
    assert "".join(lines) == plain(text).replace("\n", "")


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


STYLE_ENDS = {1: 22, 2: 22, 3: 23, 4: 24, 7: 27, 9: 29}


@pytest.mark.parametrize("code", STYLE_ENDS)
def test_a_style_ends_with_its_own_code(code: int) -> None:
    for end in STYLE_ENDS.values():
        assert restyle(str(code), str(end)) == ("" if end == STYLE_ENDS[code] else str(code))


def test_a_string_for_the_terminal_is_removed_up_to_its_end_or_the_end_of_the_line() -> None:
    writer = LineWriter()
    for _ in range(3):
        assert writer.feed("\x1b]1337;File=:" + "A" * 5_000) == []
    assert writer.feed("\x1b") == []
    assert writer.feed("\\image\n") == ["image"]
    assert writer.feed("\x1b]never ended" + "A" * 5_000) == []
    assert writer.feed("AAA\nnext\n") == ["", "next"]


@pytest.mark.parametrize("sequence", ["\x1b(B", "\x1b#8", "\x1b[31m", "\x1b]0;title\x1b\\", "\x9b0;1m"])
def test_a_control_sequence_may_arrive_one_character_at_a_time(sequence: str) -> None:
    writer = LineWriter()
    assert [line for character in f"{sequence}\x1b[0mtext\n" for line in writer.feed(character)] == ["text"]


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
        ("", "38:2:0:1:2:3", "38;2;1;2;3"),
        ("48;5;17", "1", "1;48;5;17"),
        ("91", "31", "31"),
        ("101", "42", "42"),
        ("1", "1", "1"),
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
