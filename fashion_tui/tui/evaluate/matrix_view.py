"""The confusion matrix with a cursor. It scrolls if it is larger than its part of the pane."""

from dataclasses import dataclass
from typing import get_args

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import var

from fashion_tui.report.confusion import (
    OTHER_LINES,
    Cell,
    ConfusionMatrix,
    Normalisation,
    cell_lines,
    matrix_lines,
    matrix_width,
    matrix_window,
)
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.similarity import similarity_order
from fashion_tui.schema.evaluation import Evaluation
from fashion_tui.tui.widgets.lines import FittedLines

NORMALISATIONS: tuple[Normalisation, ...] = get_args(Normalisation)
MIN_WIDTH = 44
"""Minimum width of the view, in columns. It leaves space for the lines about the cell under the cursor."""
MAX_WIDTH = 62
"""Maximum width of the view, in columns. It is enough for the ten classes of Fashion-MNIST."""


class MatrixView(Vertical):
    """Shows a confusion matrix above two lines about the cell under the cursor."""

    cursor: var[Cell] = var[Cell]((0, 0), init=False)
    """Row and column of the cell under the cursor, as they are displayed."""
    normalisation: var[Normalisation] = var[Normalisation]("counts", init=False)
    by_similarity: var[bool] = var(False, init=False)
    """Whether similar classes are next to each other."""
    active: var[bool] = var(False, init=False)
    """Whether keys move the cursor. Otherwise, the cursor isn't shown."""

    cells = getters.query_one("#cells", FittedLines)
    cell_line = getters.query_one("#cell", FittedLines)

    @dataclass
    class CellChosen(Message):
        """The cursor has moved to another cell, or the cell under the cursor has changed."""

        truth: int
        """Label of the true class."""
        predicted: int

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._matrix = ConfusionMatrix((), (), ())
        self._first: Cell = (0, 0)
        """The upper left visible cell."""

    def compose(self) -> ComposeResult:
        yield FittedLines(id="cells")
        yield FittedLines(id="cell")

    @property
    def labels(self) -> tuple[int, int]:
        """Labels of the true class and the predicted class of the cell under the cursor."""
        row, column = self.cursor
        return self._matrix.order[row], self._matrix.order[column]

    def show(self, evaluation: Evaluation) -> None:
        """Show the confusion matrix of an evaluation. For new classes, move the cursor to the largest confusion."""
        names = [report.name for report in evaluation.per_class]
        is_new = names != self._matrix.names
        self._matrix = self._ordered(ConfusionMatrix(names, evaluation.confusion, range(len(names))))
        self.styles.max_width = min(max(matrix_width(self._matrix), MIN_WIDTH), MAX_WIDTH)
        self.cells.styles.max_height = len(names) + OTHER_LINES
        if is_new:
            self._first = (0, 0)
            self.set_reactive(MatrixView.cursor, self._matrix.largest_confusion())
        self._draw()

    def _ordered(self, matrix: ConfusionMatrix) -> ConfusionMatrix:
        order = similarity_order(matrix.counts) if self.by_similarity else range(len(matrix.names))
        return ConfusionMatrix(matrix.names, matrix.counts, order)

    def move(self, right: int, down: int) -> None:
        """Move the cursor by a number of columns and rows."""
        last = len(self._matrix.order) - 1
        row, column = self.cursor
        self.cursor = min(max(row + down, 0), last), min(max(column + right, 0), last)

    def move_page(self, pages: int) -> None:
        self.move(0, pages * max(self.cells.size.height - 3, 1))

    def next_normalisation(self) -> None:
        self.normalisation = NORMALISATIONS[(NORMALISATIONS.index(self.normalisation) + 1) % len(NORMALISATIONS)]

    def watch_cursor(self) -> None:
        self._draw()
        self.post_message(self.CellChosen(*self.labels))

    def watch_normalisation(self) -> None:
        self._draw()

    def watch_active(self) -> None:
        self._draw()

    def watch_by_similarity(self) -> None:
        """Sort the classes. The cursor stays on its cell."""
        if not self._matrix.names:
            return
        truth, predicted = self.labels
        self._matrix = self._ordered(self._matrix)
        order = list(self._matrix.order)
        self.set_reactive(MatrixView.cursor, (order.index(truth), order.index(predicted)))
        self._draw()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)  # the size of the cells is known only after the refresh

    def _draw(self) -> None:
        if not self._matrix.names or not self.cells.size.height:
            return
        glyphs = terminal_glyphs()
        window = matrix_window(self._matrix, self._first, self.cursor, (self.cells.size.height, self.cells.size.width))
        self._first = window.rows.start, window.columns.start
        lines = matrix_lines(self._matrix, window, self.normalisation, self.cursor if self.active else None, glyphs)
        self.cells.fit(lambda _width: lines)
        matrix, cell, is_active = self._matrix, self.cursor, self.active
        self.cell_line.fit(lambda width: cell_lines(matrix, cell, width, glyphs) if is_active else [])
