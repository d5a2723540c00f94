"""The base classes of the five panes."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, ClassVar, cast

from rich.text import Text
from textual.app import RenderResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.worker import Worker

from .lab_app import LabApp
from .pane_actions import PaneName


class KeyLabels:
    """A widget whose keys have other labels in the footer at some times than at others."""

    def label_of(self, action: str) -> str | None:  # noqa: ARG002
        """Return the current label of an action in the footer, an empty string to hide it, or None for the usual label.

        `action` contains its arguments, as in `turn(1)`.
        """
        return None


class Pane(KeyLabels, Vertical):
    """One of the five panes. A pane is mounted when it is first chosen, and stays mounted until the app exits."""

    PANE: ClassVar[PaneName]
    HELP: ClassVar[str]
    """Introduction for the help dialog, a few sentences of Markdown."""

    @property
    def lab_app(self) -> LabApp:
        return cast("LabApp", self.app)

    def main_widget(self) -> Widget:
        """Return the widget that is focused when the pane is chosen."""
        raise NotImplementedError

    def start_worker(
        self, work: Callable[[], Coroutine[Any, Any, None]], group: str, *, exclusive: bool = False
    ) -> Worker[None]:
        """Run a coroutine function in a worker.

        `run_worker` also accepts a coroutine, but Python prints a warning if the worker is cancelled before it starts.
        """
        return self.run_worker(work, group=group, exclusive=exclusive)

    def shown(self) -> None:
        """Called when the pane comes to the front. Override this to update outdated content."""

    async def note_before_exit(self) -> str | None:
        """Return a warning about what would be lost if the app exited, or None if nothing would be lost.

        Return the warning only once, so that the app exits when the user quits again.
        """
        return None

    def leaving(self) -> None:
        """Called before the app exits, even if a signal ends it. Override this to save unsaved work."""

    def hidden(self) -> None:
        """Called when another pane comes to the front. Override this to stop painting."""


class RunPane(Pane):
    """A pane that shows one run at a time."""

    def open_run(self, path: Path) -> None:
        """Show the run in this directory."""
        raise NotImplementedError


class EmptyState(Widget):
    """A few muted lines that explain why a pane is empty and which key to press."""

    DEFAULT_CSS = """
    EmptyState { height: 1fr; content-align: center middle; color: $muted; text-align: center; }
    """

    def __init__(self, text: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.text = text

    def show(self, text: str) -> None:
        """Replace the text."""
        self.text = text
        self.refresh()

    def render(self) -> RenderResult:
        return Text(self.text)
