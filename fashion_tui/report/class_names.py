"""Shorten the names of classes so that they remain distinct."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from rich.cells import cell_len

from .formatting import printable
from .glyphs import ASCII, Glyphs

_LAST_WORD = re.compile(r"[^\W_]+$")


def short_class_name(names: Sequence[str], label: int, width: int, glyphs: Glyphs) -> str:
    """Return the name of a class, at most `width` columns wide.

    A name that fits is returned unchanged. `T-shirt/top` becomes `T-shirt` if no other name starts with that.
    Otherwise, the middle of the name is cut so that no other name has the same start and end: `blue sports car` and
    `blue school bus` become `blue…car` and `blue…bus`. If no cut is unique, the class index replaces the start.

    Args:
        names: The names of all classes.
        label: Index of the name among them.
        width: Maximum width, in columns.
        glyphs: The characters to draw with.

    """
    return _short_name(tuple(names), label, width, glyphs)


def short_class_names(names: Sequence[str], width: int, glyphs: Glyphs) -> list[str]:
    """Return the name of each class, at most `width` columns wide. See `short_class_name`."""
    return [short_class_name(names, label, width, glyphs) for label in range(len(names))]


def column_titles(names: Sequence[str], width: int, glyphs: Glyphs) -> list[str]:
    """Return a title for the column of each class: the first `width` columns of its name.

    If these aren't distinct, the titles are the class indices.
    """
    if not have_distinct_starts(names, width):
        return [str(label) for label in range(len(names))]
    return [_beginning(printable(name, glyphs), width) for name in names]


def row_name(names: Sequence[str], label: int, width: int, title_width: int, glyphs: Glyphs) -> str:
    """Return the name of a row, at most `width` columns wide, in a table whose columns have `column_titles`.

    If the titles are class indices, the name starts with the index: `17 castle`.
    """
    number = "" if have_distinct_starts(names, title_width) else f"{label:>{len(str(len(names) - 1))}} "
    return number + short_class_name(names, label, width - len(number), glyphs)


def have_distinct_starts(names: Sequence[str], width: int) -> bool:
    """Return whether the names can be told apart by their first `width` columns, even in ASCII."""
    return _have_distinct_starts(tuple(names), width)


@lru_cache
def _have_distinct_starts(names: tuple[str, ...], width: int) -> bool:
    return len({_beginning(printable(name, ASCII), width) for name in names}) == len(names)


@lru_cache(maxsize=4096)
def _short_name(names: tuple[str, ...], label: int, width: int, glyphs: Glyphs) -> str:
    name = printable(names[label], glyphs)
    if cell_len(name) <= width:
        return name
    mark = glyphs.ellipsis if glyphs.unicode else "~"
    others = [printable(other, glyphs) for index, other in enumerate(names) if index != label]
    first, *alternatives = name.split("/")
    if alternatives and 0 < cell_len(first) <= width and not any(other.startswith(first) for other in others):
        return first
    for beginning, end in _cuts(name, width):
        if not any(other.startswith(beginning) and other.endswith(end) for other in others):
            return f"{beginning}{mark}{end}"
    number = _beginning(f"{label}{mark}", width)
    return number + _end(name, width - cell_len(number))


def _cuts(name: str, width: int) -> Iterator[tuple[str, str]]:
    """Return the possible beginnings and ends of a name that is too long, the most readable ones first."""
    word = _LAST_WORD.search(name)
    last_word = cell_len(word.group()) if word is not None else 0
    available = width - 1  # the mark takes one column
    for columns in (*([last_word] if last_word <= available // 2 + 1 else []), available // 2, 0, *range(1, available)):
        end = _end(name, columns)
        if beginning := _beginning(name, available - cell_len(end)).rstrip():
            yield beginning, end


def _beginning(text: str, width: int) -> str:
    """Return as many of the first characters as fit within `width` columns."""
    while cell_len(text) > max(width, 0):
        text = text[: max(width, 0)] if len(text) > max(width, 0) else text[:-1]
    return text


def _end(text: str, width: int) -> str:
    """Return as many of the last characters as fit within `width` columns, without leading spaces."""
    return _beginning(text[::-1], width)[::-1].lstrip()
