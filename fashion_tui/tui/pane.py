"""What the five panes have in common."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import RenderResult
from textual.containers import Vertical
from textual.widget import Widget

from .actions import PaneName

if TYPE_CHECKING:
    from .app import FashionApp


class Pane(Vertical):
    """One of the five panes. It is mounted when first chosen and lives as long as the app."""

    PANE: ClassVar[PaneName]
    HELP: ClassVar[str]
    """What one does here, in a few sentences of Markdown, for the help screen."""

    @property
    def lab_app(self) -> "FashionApp":
        """The app, with its engine, settings and state."""
        return cast("FashionApp", self.app)

    def main_widget(self) -> Widget:
        """The widget that has the focus when the pane is chosen."""
        raise NotImplementedError

    def shown(self) -> None:
        """The pane has come to the front. What it shows may have gone stale meanwhile."""

    def hidden(self) -> None:
        """Another pane has come to the front: nothing need be painted."""


class RunPane(Pane):
    """A pane that shows one run at a time."""

    def open_run(self, path: Path) -> None:
        """Show the run in that directory."""
        raise NotImplementedError


class EmptyState(Widget):
    """A few quiet lines where there is nothing to show yet: what would fill it, and which key does that."""

    DEFAULT_CSS = """
    EmptyState { height: 1fr; content-align: center middle; color: $muted; text-align: center; }
    """

    def __init__(self, text: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self.text = text

    def render(self) -> RenderResult:
        return self.text
