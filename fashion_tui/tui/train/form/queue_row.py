"""The row of the form that asks whether the run waits until its device is free."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Label, Static

from fashion_tui.machine.gpus import resolves_to_cpu
from fashion_tui.schema.fields import NO, YES
from fashion_tui.tui.widgets.cycle import Cycle

QUEUE_HELP = "wait until no other run in this folder uses the device; queued runs start one after another"


class QueueRow(Horizontal):
    """Asks whether to queue the run. The default is yes on the CPU, where runs slow each other down."""

    def __init__(self, device: str) -> None:
        super().__init__(id="queue-row", classes="field")
        self._default = _default(device)
        self._is_chosen = False
        """Whether the user has chosen a value other than the default."""
        self.editor = Cycle((NO, YES), id="queue", value=self._default)

    def compose(self) -> ComposeResult:
        yield Label("  queue")
        yield self.editor
        yield Static("wait until no other run uses the device", classes="hint", markup=False)

    @property
    def is_on(self) -> bool:
        return self.editor.value == YES

    def follow_device(self, device: str) -> None:
        """Use the default for another device, unless the user has chosen a value."""
        self._default = _default(device)
        if not self._is_chosen:
            self.reset()

    def reset(self) -> None:
        """Set the value to the default for the device."""
        self.editor.value = self._default

    @on(Cycle.Changed)
    def _value_changed(self, event: Cycle.Changed) -> None:
        self._is_chosen = event.value != self._default


def _default(device: str) -> str:
    return YES if resolves_to_cpu(device) else NO
