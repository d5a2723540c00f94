"""Draw the part of a confusion matrix that fits into a window, with a cursor on one of its cells."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from .class_names import column_titles, have_distinct_starts, row_name
from .formatting import format_percent, format_range, printable
from .glyphs import Glyphs
from .style import ACCENT, FOREGROUND, MUTED, PALETTE

Normalisation = Literal["counts", "rows", "columns"]
"""Whether the cells are counts, percentages of the true class (row), or percentages of the prediction (column)."""

NORMALISATION_TITLES: dict[Normalisation, str] = {
    "counts": "counts",
    "rows": "% of the row",
    "columns": "% of the column",
}

LARGE_CONFUSION = 0.05
"""Confusions that affect at least this share of the true class's images are shown in bold and in brackets."""

CELL_WIDTH = 5
SHORT_NAME = 3
"""Maximum width of a column title, in terminal columns."""

CORRECT_BACKGROUND = PALETTE.correct
CONFUSION_BACKGROUNDS = tuple(zip((0.10, LARGE_CONFUSION, 0.01), PALETTE.confusions, strict=True))
"""(threshold, background colour) pairs. A threshold is a fraction of the number of images in the true class.

Each confusion gets the colour of the first pair whose threshold it reaches.
"""

NAME_WIDTH = 12
"""Maximum width of the names of the true classes, in columns, without the class indices that may precede them."""
OTHER_LINES = 2
"""Lines above the rows of the matrix: its caption and the names of the columns."""

CURSOR = f"bold {ACCENT} reverse"

Cell = tuple[int, int]
"""Row and column of a cell, as they are displayed."""


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """A confusion matrix with the order of its classes."""

    names: Sequence[str]
    counts: Sequence[Sequence[int]]
    """Number of images for each true class (row) and each predicted class (column), by label."""
    order: Sequence[int]
    """The label in each row and column."""

    def count(self, cell: Cell) -> int:
        return self.counts[self.order[cell[0]]][self.order[cell[1]]]

    def row_total(self, cell: Cell) -> int:
        """Return the number of images of the cell's true class."""
        return sum(self.counts[self.order[cell[0]]])

    def column_total(self, cell: Cell) -> int:
        """Return the number of images predicted as the cell's predicted class."""
        return sum(row[self.order[cell[1]]] for row in self.counts)

    def largest_confusion(self) -> Cell:
        """Return the cell outside the diagonal with the most images, or the first cell if there are no confusions."""
        size = range(len(self.order))
        cells = [(row, column) for row in size for column in size if row != column and self.count((row, column))]
        return max(cells, key=self.count, default=(0, 0))


@dataclass(frozen=True, slots=True)
class MatrixWindow:
    """The rows and columns of a confusion matrix that are visible."""

    rows: range
    columns: range


def matrix_window(matrix: ConfusionMatrix, first: Cell, cursor: Cell, size: tuple[int, int]) -> MatrixWindow:
    """Return the window that contains the cursor and begins as close to the cell `first` as possible.

    `size` is the number of lines and columns on the screen, including the caption and the names.
    """
    total, (lines, width) = len(matrix.order), size
    visible = max(lines - OTHER_LINES, 1), max((width - _name_width(matrix)) // CELL_WIDTH, 1)
    starts = [_start(begin, place, count, total) for begin, place, count in zip(first, cursor, visible, strict=True)]
    rows, columns = (range(start, min(start + count, total)) for start, count in zip(starts, visible, strict=True))
    return MatrixWindow(rows, columns)


def _start(begin: int, cursor: int, visible: int, total: int) -> int:
    return max(min(max(begin, cursor - visible + 1), cursor, total - visible), 0)


def matrix_width(matrix: ConfusionMatrix) -> int:
    """Return the width of the whole matrix, in columns."""
    return _name_width(matrix) + CELL_WIDTH * len(matrix.order)


def _name_width(matrix: ConfusionMatrix) -> int:
    width = min(max((cell_len(name) for name in matrix.names), default=0), NAME_WIDTH)
    return width + 1 if _has_titles(matrix) else width + len(str(len(matrix.names))) + 2


def _has_titles(matrix: ConfusionMatrix) -> bool:
    """Return whether the column titles are names. If short names would be ambiguous, they are class indices instead."""
    return have_distinct_starts(matrix.names, SHORT_NAME)


def matrix_lines(
    matrix: ConfusionMatrix, window: MatrixWindow, normalisation: Normalisation, cursor: Cell | None, glyphs: Glyphs
) -> list[Text]:
    """Return a caption, the names of the predicted classes, and a line for each visible true class.

    Counts of correct predictions are bold, large confusions are bold and, if they fit, in brackets; zeros are dots.
    A percentage that doesn't fit in brackets is rounded to an integer.
    `cursor` is the highlighted cell, or None.
    """
    lines = [_caption(matrix, window, normalisation, glyphs)]
    name_width = _name_width(matrix)
    header = Text(" " * name_width, no_wrap=True)
    titles = column_titles(matrix.names, SHORT_NAME, glyphs)
    for column in window.columns:
        name = set_cell_size(titles[matrix.order[column]], SHORT_NAME)
        is_marked = cursor is not None and cursor[1] == column
        header.append(f" {name} ", style=f"bold {ACCENT}" if is_marked else MUTED)
    lines.append(header)
    for row in window.rows:
        name = set_cell_size(_class_name(matrix, row, name_width - 1, glyphs), name_width)
        is_marked = cursor is not None and cursor[0] == row
        line = Text.assemble((name, f"bold {ACCENT}" if is_marked else FOREGROUND), no_wrap=True)
        for column in window.columns:
            text, style = _cell(matrix, (row, column), normalisation, glyphs)
            line.append(text, style=CURSOR if (row, column) == cursor else style)
        lines.append(line)
    return lines


def matrix_blocks(matrix: ConfusionMatrix, width: int, glyphs: Glyphs) -> list[Text]:
    """Return the counts of the whole matrix, without a caption, in lines of at most `width` columns.

    If the matrix is wider, it is split into blocks of nearly the same number of columns, one below the other.
    """
    classes = len(matrix.order)
    blocks = math.ceil(classes / max((width - _name_width(matrix)) // CELL_WIDTH, 1))
    lines: list[Text] = []
    for block in range(blocks):
        columns = range(classes * block // blocks, classes * (block + 1) // blocks)
        _, *block_lines = matrix_lines(matrix, MatrixWindow(range(classes), columns), "counts", None, glyphs)
        lines += [Text(), *block_lines] if lines else block_lines
    return lines


def _class_name(matrix: ConfusionMatrix, index: int, width: int, glyphs: Glyphs) -> str:
    """Return the name of the class in a row or column."""
    return row_name(matrix.names, matrix.order[index], width, SHORT_NAME, glyphs)


def _caption(matrix: ConfusionMatrix, window: MatrixWindow, normalisation: Normalisation, glyphs: Glyphs) -> Text:
    parts = []
    for title, visible in ((f"truth {_down(glyphs)}", window.rows), (f"prediction {_right(glyphs)}", window.columns)):
        is_partial = len(visible) < len(matrix.order) and _has_titles(matrix)
        parts.append(f"{title} {format_range(visible.start + 1, visible.stop, glyphs)}" if is_partial else title)
    caption = f"{' '.join(parts)} · {NORMALISATION_TITLES[normalisation]}"
    if not _has_titles(matrix):
        caption += f" · {len(matrix.names):,} classes"
    if list(matrix.order) != sorted(matrix.order):
        caption += " · by similarity"
    return Text(printable(caption, glyphs), MUTED)


def _down(glyphs: Glyphs) -> str:
    return "↓" if glyphs.unicode else "v"


def _right(glyphs: Glyphs) -> str:
    return "→" if glyphs.unicode else ">"


def _cell(matrix: ConfusionMatrix, cell: Cell, normalisation: Normalisation, glyphs: Glyphs) -> tuple[str, str]:
    """Return the text of a cell, CELL_WIDTH columns wide, and its style."""
    count, is_correct = matrix.count(cell), cell[0] == cell[1]
    total = matrix.column_total(cell) if normalisation == "columns" else matrix.row_total(cell)
    share = count / total if total else 0.0
    number = str(count)
    if normalisation != "counts":
        number = f"{share * 100:.0f}" if share > 0.9995 else f"{share * 100:.1f}"
    text = f"{number:>{CELL_WIDTH - 1}} "
    if is_correct:
        return text, f"bold {FOREGROUND} on {CORRECT_BACKGROUND}"
    if count == 0:
        return f"{glyphs.dot if glyphs.unicode else '.':>{CELL_WIDTH - 1}} ", MUTED
    background = next((f" on {colour}" for minimum, colour in CONFUSION_BACKGROUNDS if share >= minimum), "")
    if share < LARGE_CONFUSION:
        return text, FOREGROUND + background
    bracketed = [f"[{number}]", *([f"[{share * 100:.0f}]"] if normalisation != "counts" else [])]
    text = next((f"{marked:>{CELL_WIDTH}}" for marked in bracketed if len(marked) <= CELL_WIDTH), text)
    return text, f"bold {FOREGROUND}{background}"


def cell_lines(matrix: ConfusionMatrix, cell: Cell, width: int, glyphs: Glyphs) -> list[Text]:
    """Return two lines of at most `width` columns: a cell's classes, and its number of images as counts and shares."""
    arrow = f" {_right(glyphs)} "
    available = (width - len(arrow)) // 2
    truth, predicted = (_class_name(matrix, place, available, glyphs).strip() for place in cell)
    count, row, column = matrix.count(cell), matrix.row_total(cell), matrix.column_total(cell)
    images = f" {'image' if count == 1 else 'images'}"
    of_row, of_column = (format_percent(count / total if total else 0.0) for total in (row, column))
    separator = f" {glyphs.dot} "
    shares = (
        f"{images}{separator}{of_row} of the class{separator}{of_column} of the prediction",
        f"{images}{separator}row {of_row}{separator}column {of_column}",
        f"{separator}row {of_row}{separator}column {of_column}",
    )
    number = f"{count:,}"
    fitting = next((text for text in shares if cell_len(number + text) <= width), shares[-1])
    return [
        Text.assemble((truth, FOREGROUND), (arrow, MUTED), (predicted, FOREGROUND), no_wrap=True),
        Text.assemble((number, f"bold {FOREGROUND}"), (fitting, MUTED), no_wrap=True),
    ]
