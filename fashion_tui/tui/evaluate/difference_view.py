"""The difference of the confusion matrices of two runs."""

from fashion_tui.report.confusion_difference import difference_lines
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.schema.comparison import PredictionComparison
from fashion_tui.tui.widgets.lines import FittedLines


class DifferenceView(FittedLines):
    """Shows as much of the matrix as fits, and scrolls to other parts."""

    _compared: PredictionComparison | None = None
    _first_cell = (0, 0)
    """Row and column of the first cell that is shown."""

    def show(self, compared: PredictionComparison) -> None:
        self._compared = compared
        self.fit(
            lambda width: difference_lines(
                compared.classes, compared.confusion_difference, width, self._first_cell, terminal_glyphs()
            )
        )

    def move(self, right: int, down: int) -> None:
        """Scroll by a number of columns and rows of the matrix."""
        if self._compared is not None:
            last = len(self._compared.classes) - 1
            row, column = self._first_cell
            self._first_cell = (min(max(row + down, 0), last), min(max(column + right, 0), last))
            self.show(self._compared)
