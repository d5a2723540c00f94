"""The shape trace of a network: the table, the error, the details of a row, and the comparison with the saved one."""

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import var

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.schema.replies import SourceTrace
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.tui.widgets.row_list import RowList

from .comparison_view import ComparisonView
from .error_line import ErrorLine
from .feature_maps import FeatureMapsView
from .network import ShownNetwork
from .row_details import RowDetails
from .shape_view import RowChosen, ShapeView
from .tracing import HistogramsReady, WeightHistograms

DETAILS_HEIGHT = 14
"""Lines below the table for all details of a row."""


class TraceView(Vertical):
    """Shows the latest shape trace of the network, and one of its rows in detail.

    If the network fails, the table ends with the row that fails. If the network can't even be created, the previous
    table stays visible.
    """

    maps: var[bool] = var(False, init=False)
    """Whether the feature maps are shown instead of the row's details."""
    comparing: var[bool] = var(False, init=False)
    """Whether the edited network is shown beside the saved one, instead of the table."""

    shapes = getters.query_one(ShapeView)
    comparison = getters.query_one(ComparisonView)
    error_line = getters.query_one(ErrorLine)
    details = getters.query_one(RowDetails)
    feature_maps = getters.query_one(FeatureMapsView)

    def __init__(self) -> None:
        super().__init__()
        self.trace: SourceTrace | None = None
        """The latest trace, or None before the first trace of a network."""
        self._network: ShownNetwork | None = None
        """The network of the latest trace."""
        self._saved_table: ShapeTable | None = None
        """The table of the saved source, while the edited source is compared with it."""
        self._has_table = False
        """Whether the table shows the network, possibly as it was before the latest edits."""
        self._histograms = WeightHistograms(self)

    def compose(self) -> ComposeResult:
        yield ShapeView()
        yield ComparisonView()
        yield ErrorLine()
        yield RowDetails()
        yield FeatureMapsView()

    @property
    def has_error(self) -> bool:
        return self.trace is not None and self.trace.error is not None

    @property
    def has_fix(self) -> bool:
        return self.trace is not None and self.trace.fix is not None

    @property
    def is_outdated(self) -> bool:
        """Whether the table shows the network as it was before edits that no network can be created from."""
        return self._has_table and self.trace is not None and self.trace.table is None

    @property
    def rows(self) -> RowList:
        """The rows that are visible, either of the table or of the comparison."""
        return self.comparison.rows if self.comparing else self.shapes.rows

    def show(self, network: ShownNetwork, trace: SourceTrace, *, edited: bool, is_searching: bool) -> None:
        """Show the trace of a network. `edited` means that its source has unsaved edits.

        `is_searching` means that a fix for the network's error is still being searched for.
        """
        self._network, self.trace = network, trace
        self.set_class(self.has_error, "-failed")
        self.set_class(self.is_outdated, "-outdated")
        if trace.table is not None:
            self.shapes.show(trace.table)  # if the network fails, the table has the rows up to the error
            self._has_table = True
        if not self.has_error:
            self._histograms.compute_soon(network)
        self.error_line.show(trace, is_searching=is_searching)
        if self.comparing and not edited:
            self.comparing = False
        else:
            self._show_comparison()

    def show_tracing(self) -> None:
        """Show that the network is being traced, unless its table is already visible."""
        if not self._has_table:
            self.shapes.show_note(f"tracing the network {terminal_glyphs().ellipsis}")

    def clear(self) -> None:
        """Remove everything that belongs to the network, before another one is traced."""
        self._network = self.trace = self._saved_table = None
        self._has_table = self.maps = self.comparing = False
        self.remove_class("-failed", "-outdated")
        self.shapes.clear()
        self.comparison.clear()
        self.error_line.show(None)
        self.details.fit(lambda _width: ())
        self.feature_maps.clear()

    # The row under the cursor

    @on(RowChosen)
    @on(HistogramsReady)
    def _show_row(self) -> None:
        table, row = self.shapes.table, self.shapes.row
        if self._network is not None and table is not None and row is not None:
            self.details.show(table, row, self._histograms.of_row(self._network, row))
            self._show_maps()
            self.refresh_bindings()
        self._arrange()

    def on_resize(self) -> None:
        self.call_after_refresh(self._arrange)

    def _arrange(self) -> None:
        """Show fewer details if the table is too long to be shown completely."""
        self.set_class(self.shapes.full_height + DETAILS_HEIGHT > self.size.height, "-long")

    def watch_maps(self) -> None:
        self.set_class(self.maps, "-maps")
        self.refresh_bindings()
        self.call_after_refresh(self._show_maps)  # the refresh sets the size of the maps

    def _show_maps(self) -> None:
        row, run = self.shapes.row, None if self._network is None else self._network.run
        if self.maps and run is not None and row is not None:
            self.feature_maps.show_row(run, row, self.shapes.occurrence)

    def move_right(self, steps: int) -> None:
        """Show another test image, or fold or unfold the row's module."""
        if self.maps:
            self.feature_maps.step_image(steps)
        else:
            self.shapes.fold(folded=steps < 0)

    # The comparison

    def compare_with(self, saved: ShapeTable) -> None:
        """Show the edited network beside the table of the saved source, until the source is saved or reverted."""
        self._saved_table = saved
        self.comparing = True
        self._show_comparison()

    def watch_comparing(self) -> None:
        moves_focus = self.has_focus_within
        self.set_class(self.comparing, "-compare")
        if moves_focus:
            self.rows.focus()
        self.refresh_bindings()

    def _show_comparison(self) -> None:
        edited = self.shapes.table
        if self.comparing and self._saved_table is not None and edited is not None:
            error = None if self.trace is None else self.trace.error
            self.comparison.show(self._saved_table, edited, outdated=self.is_outdated, error=error)
