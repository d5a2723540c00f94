"""The lines about the step under the cursor."""

from collections.abc import Sequence

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.schema.shapes import ShapeRow, ShapeTable
from fashion_tui.schema.weights import Histogram
from fashion_tui.tui.widgets.fitted import FittedLines

from .step import step_lines


class StepView(FittedLines):
    """Made for the room that there is; only cells that change are painted."""

    def show(self, table: ShapeTable, row: ShapeRow, histograms: Sequence[Histogram]) -> None:
        self.fit(lambda width: step_lines(table, row, histograms, (width, self.size.height), terminal_glyphs()))
