"""The base classes of all screens."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from textual.await_complete import AwaitComplete
from textual.await_remove import AwaitRemove
from textual.screen import Screen
from textual.widget import AwaitMount, Widget

Result = TypeVar("Result")


class BaseScreen(Screen[Result]):
    """A screen that calls methods after a refresh only if their widget still exists."""

    async def _invoke_and_clear_callbacks(self) -> None:
        """Call the scheduled callbacks, except methods of widgets that have been removed since then.

        Textual would call them. They would fail, because the children of these widgets are gone.
        """
        self._callbacks = [(callback, pump) for callback, pump in self._callbacks if not _is_removed(callback)]
        await super()._invoke_and_clear_callbacks()


def _is_removed(callback: Callable[..., Any]) -> bool:
    """Return whether a callback is a method of a widget that is being removed or has been removed."""
    method = callback.func if isinstance(callback, partial) else callback
    owner = getattr(method, "__self__", None)
    return isinstance(owner, Widget) and owner._pruning  # noqa: SLF001 -- Textual has no public property for it


class AppScreen(BaseScreen[Result]):
    """A screen in front of the panes. It can be closed at any time, even while it works in the background."""

    DEFAULT_CSS = """
    AppScreen > * { padding: 0 1; }
    AppScreen > KeyBar { padding: 0; }
    """

    _delayed: tuple[Result | None] | None = None
    """Result of a screen that waits for the screen in front of it to close."""

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Close the screen as soon as its widgets exist and no other screen is in front of it.

        Another screen is in front, for example, if the user opens the help before work in the background ends. Textual
        would close the screen in front. Calling this for a screen that is closed has no effect.
        """
        if not self.is_mounted:
            return AwaitComplete(self._dismiss_when_mounted(result))
        if self.app.screen is self:
            return super().dismiss(self._delayed[0] if self._delayed else result)
        self._delayed = (result,)
        return AwaitComplete()

    async def _dismiss_when_mounted(self, result: Result | None) -> None:
        await AwaitMount(self, [self])
        self.dismiss(result)

    def on_screen_resume(self) -> None:
        if self._delayed:
            self.dismiss()

    def remove(self) -> AwaitRemove:
        """Cancel the workers of the screen and of its widgets, and remove the screen.

        Textual cancels the workers last. Until then, they would fail because the widgets are gone.
        """
        for node in self.walk_children(with_self=True):
            self.workers.cancel_node(node)
        return super().remove()
