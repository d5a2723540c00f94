"""Hypothesis strategies that damage the content of a file."""

import re
from collections.abc import Sequence
from itertools import takewhile

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

DIGITS = [b"%d" % digit for digit in range(10)]


@st.composite
def damaged(draw: DrawFn, content: bytes) -> bytes:
    """Return the content after one to three of these: cut off, flip bits, change a digit, insert or remove bytes.

    With another digit, text such as JSON stays valid, but a value is wrong.
    """
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        position = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(["digit", "cut off", "flip", "insert", "remove"])):
            case "cut off":
                content = content[:position]
            case "flip" if position < len(content):
                flipped = content[position] ^ draw(st.integers(1, 255))
                content = content[:position] + bytes([flipped]) + content[position + 1 :]
            case "digit" if digits := [match.start() for match in re.finditer(rb"\d", content)]:
                position = draw(st.sampled_from(digits))
                content = content[:position] + draw(st.sampled_from(DIGITS)) + content[position + 1 :]
            case "insert":
                content = content[:position] + draw(st.binary(min_size=1, max_size=20)) + content[position:]
            case _:
                content = content[:position] + content[position + draw(st.integers(1, 100)) :]
    return content


@st.composite
def shuffled(draw: DrawFn, lines: Sequence[bytes]) -> bytes:
    """Return the lines in any order. Some may be missing, and some may be repeated."""
    indexes = draw(
        st.lists(st.integers(0, len(lines) - 1), max_size=2 * len(lines)) | st.permutations(range(len(lines)))
    )
    return b"".join(lines[index] for index in indexes)


def any_damage(lines: Sequence[bytes]) -> SearchStrategy[bytes]:
    """Return a strategy for damaged files: the lines are out of order, or their content is damaged, or both."""
    return damaged(b"".join(lines)) | shuffled(lines) | shuffled(lines).flatmap(damaged)


def intact_bytes(content: bytes, original: bytes) -> int:
    """Return the number of bytes before the damage."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(content, original, strict=False)))
