"""The feature maps of each layer of a run's network, for one image."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical

from fashion_tui.schema.dataset import Split
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.shapes import ShapeRow
from fashion_tui.tui.lab_app import LabApp
from fashion_tui.tui.model.feature_maps import FeatureMapsView
from fashion_tui.tui.model.network import network_of_run, trace_shapes
from fashion_tui.tui.model.tracing import OPEN_TIME_LIMIT


class LayerMaps(Vertical):
    """Shows the feature maps of one layer or function at a time. The network is traced when it is first shown."""

    maps = getters.query_one(FeatureMapsView)

    def __init__(self, run: Path, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._run = run
        self._rows: Sequence[ShapeRow] = ()
        """The calls that contain no other calls, in the order in which the network makes them."""
        self._position = 0
        """Index of the row that is shown."""

    def compose(self) -> ComposeResult:
        yield FeatureMapsView()

    @property
    def is_traced(self) -> bool:
        """Whether the layers are known."""
        return bool(self._rows)

    async def trace(self) -> None:
        """Find the layers, unless they are known. Raises UserError if the network can't be traced."""
        if self._rows:
            return
        network = await asyncio.to_thread(network_of_run, self._run)
        trace = await trace_shapes(cast("LabApp", self.app), network, OPEN_TIME_LIMIT, live=True)
        if trace.table is None or not trace.table.rows:
            raise UserError(trace.error or "the network calls no layers, so it has no feature maps")
        self._rows = [row for row in trace.table.rows if not row.has_children]

    def show(self, checkpoint: str, split: Split, index: int) -> None:
        """Show the feature maps for an image. Call `trace` before."""
        row = self._rows[self._position]
        occurrence = sum((other.path, other.op) == (row.path, row.op) for other in self._rows[: self._position])
        self.maps.show_image(checkpoint, split, index)
        self.maps.show_row(self._run, row, occurrence)

    def turn(self, layers: int) -> None:
        """Choose another layer for the next call of `show`."""
        self._position = min(max(self._position + layers, 0), max(len(self._rows) - 1, 0))
