"""Read the dots of braille characters."""

from collections.abc import Sequence

_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of the dot for each bit of a Unicode braille character."""


def dots_of(lines: Sequence[str]) -> set[tuple[int, int]]:
    """Return the column and row of every dot that is set, counted from the top left."""
    return {
        (x * 2 + _DOTS[bit][0], y * 4 + _DOTS[bit][1])
        for y, line in enumerate(lines)
        for x, char in enumerate(line)
        if 0x2800 <= ord(char) <= 0x28FF
        for bit in range(8)
        if (ord(char) - 0x2800) >> bit & 1
    }
