"""The estimate of what it costs to train the network, for a batch size that the user changes with keys."""

from functools import partial

from rich.text import Text
from textual.timer import Timer

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import MUTED
from fashion_tui.report.training_costs import training_lines
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.requests import GetTrainingCosts
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.schema.training_costs import TrainingCosts
from fashion_tui.tui.pane import Pane
from fashion_tui.tui.widgets.lines import FittedLines

from .network import ShownNetwork

FIRST_BATCH = 64
MAX_BATCH = 2**20
DELAY = 0.5
"""Seconds from the last change of the network until its costs are measured again."""
TIME_LIMIT = 60.0
"""Time limit in seconds for measuring the costs."""


class TrainingEstimate(FittedLines):
    """Shows the costs of training. It is hidden until the user asks for it, because measuring takes a second."""

    def __init__(self, pane: Pane) -> None:
        super().__init__(id="training")
        self._pane = pane
        self._batch = FIRST_BATCH
        """Batch size, which is kept while the costs are hidden."""
        self._is_shown = False
        self._network: ShownNetwork | None = None
        self._table: ShapeTable | None = None
        self._costs: TrainingCosts | None = None
        self._note = ""
        self._timer: Timer | None = None
        self.display = False

    def change_batch(self, factor: float) -> None:
        """Multiply the batch size or, if the costs aren't shown yet, show them."""
        if not self._is_shown:
            self._is_shown = True
            self._measure()
        else:
            self._batch = int(min(max(self._batch * factor, 1), MAX_BATCH))
        self._paint()

    def hide(self) -> None:
        self._is_shown = False
        self._paint()

    def show_network(self, network: ShownNetwork, table: ShapeTable | None) -> None:
        """Show the costs of another network, or of the edited network. `table` is None while it has an error."""
        is_new = network is not self._network
        self._network, self._table = network, table
        if is_new:
            self._costs, self._note = None, ""
        if is_new and self._is_shown:
            if self._timer is not None:
                self._timer.stop()
            self._timer = self._pane.set_timer(DELAY, self._measure)
        self._paint()

    def _measure(self) -> None:
        if self._network is not None and self._table is not None:
            self._pane.start_worker(partial(self._ask, self._network), "training costs", exclusive=True)

    async def _ask(self, network: ShownNetwork) -> None:
        task = network.task(self._pane.lab_app.dataset)
        request = GetTrainingCosts(network=network.model, inputs=network.inputs, task=task, recipe=network.recipe)
        costs, note = None, ""
        try:
            costs = await self._pane.lab_app.sandbox.ask(request, TrainingCosts, TIME_LIMIT)
        except UserError as error:
            note = str(error)
        if network is self._network:
            self._costs, self._note = costs, note
            self._paint()

    def _paint(self) -> None:
        self.display = self._is_shown
        self.fit(self._cost_lines)

    def _cost_lines(self, width: int) -> list[Text]:
        glyphs = terminal_glyphs()
        if self._costs is None or self._table is None:
            fails = self._network is not None and self._table is None
            note = "no costs of training: the network has an error" if fails else self._note
            note = note or f"measuring the costs of training {glyphs.ellipsis}"
            return [Text(printable(note, glyphs), MUTED, no_wrap=True)]
        return training_lines(self._costs, self._table, self._batch, width, glyphs)
