"""The enlarged image of a prediction, with keys that explain the prediction and mark its image as mislabelled."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from fashion_tui.tui.actions import IN_PANE, bindings, key_of
from fashion_tui.tui.dialogs.image import ImageDialog

ACTIONS = tuple(action for action in IN_PANE["evaluate"] if action.name in {"why", "mark_label"})


class PredictionDialog(ImageDialog):
    """An enlarged image on which two actions of the Evaluate pane have the same keys as in the pane."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTIONS)
    HINTS = (tuple((key_of("evaluate", action.id), action.label) for action in ACTIONS), *ImageDialog.HINTS)

    def __init__(self, step: Callable[[int], None], why: Callable[[], None], mark_label: Callable[[], None]) -> None:
        """Create the dialog. `why` explains the prediction, `mark_label` marks the image or removes its mark."""
        super().__init__(step)
        self._why, self._mark_label = why, mark_label

    def action_why(self) -> None:
        self._why()

    def action_mark_label(self) -> None:
        self._mark_label()
