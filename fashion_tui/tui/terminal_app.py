"""A Textual app for terminals that may be slow, remote, too small, or limited to ASCII."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.console import RenderableType
from textual import events
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.actions import ActionParseResult
from textual.app import App
from textual.dom import DOMNode
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter
from textual.geometry import Size
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.widget import Widget
from textual.worker import Worker

from fashion_tui.report.glyphs import terminal_glyphs

from . import clipboard
from .actions import EVERYWHERE
from .app_screen import BaseScreen
from .cropped_update import CroppedUpdate
from .dialogs.dialog import MINIMUM_SIZE, TooSmall
from .driver import TerminalDriver
from .graphics.layer import ImageLayer
from .input_queue import InputQueue
from .output_flow import PostponedFrames
from .printable_filter import PrintableFilter
from .removed_widgets import free_removed_widgets
from .terminal_status import Progress

QUIT_KEYS = {key for action in EVERYWHERE if action.id == "quit" and action.priority for key in action.keys.split(",")}
"""Keys that quit the app even while an editor has the focus."""

SIZE_CHECK_DELAY = 0.1
"""Seconds from a resize event until the terminal's size is checked again."""


@dataclass(frozen=True, slots=True)
class PixelOutput:
    """The layer that draws an image in pixels, and the size of a cell."""

    layer: ImageLayer
    cell: tuple[int, int]
    """Height and width in pixels."""


class AsciiScrollBarRender(ScrollBarRender):
    """Draws scroll bars with background colours only, because ASCII has no block characters."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


class MainScreen(BaseScreen[None]):
    """The screen with the panes."""

    def _compositor_refresh(self) -> None:
        super()._compositor_refresh()
        if self.app.screen is not self:
            # Textual would paint this screen and the dialog in front of it repeatedly, although nothing changed
            self._repaint_required = False


class TerminalApp(App[None]):
    """An app that handles input in order, skips frames on a slow connection, and writes only printable text."""

    def __init__(self) -> None:
        super().__init__()
        self._input_queue = InputQueue(self)
        self._printable_filter = PrintableFilter()
        self._postponed = PostponedFrames()
        self._last_size: Size | None = None
        """Terminal size reported by the last resize event."""
        if not terminal_glyphs().unicode:
            ScrollBar.renderer = AsciiScrollBarRender
        free_removed_widgets()

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._printable_filter]

    def copy_to_clipboard(self, text: str) -> None:
        """Copy text with an OSC 52 sequence.

        In GNU screen, also send a wrapped copy of the sequence, which screen passes on to the terminal.
        """
        super().copy_to_clipboard(text)
        if "STY" in os.environ and self._driver is not None:
            self._driver.write(clipboard.wrap_for_screen(text))

    def _handle_exception(self, error: Exception) -> None:
        """Ignore errors while the app exits, because message handlers may look for widgets that no longer exist."""
        if not self._exit:
            super()._handle_exception(error)

    # Input

    def get_default_screen(self) -> MainScreen:
        return MainScreen(id="_default")

    def get_driver_class(self) -> type[Driver]:
        driver_class = super().get_driver_class()
        return TerminalDriver if driver_class is LinuxDriver else driver_class

    async def on_event(self, event: events.Event) -> None:
        if InputQueue.accepts(event):
            if isinstance(event, events.Key) and event.key in QUIT_KEYS and self._input_queue.is_behind:
                self._input_queue.discard()  # quit now instead of handling the earlier input first
            await self._input_queue.put(event, super().on_event)
        else:
            await super().on_event(event)

    def hold_input(self, worker: Worker[Any]) -> None:
        """Hold back keys until the worker finishes or opens a dialog, which then receives the keys."""
        self._input_queue.hold(worker)

    # Output

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Write a frame, or postpone it while the connection is busy with earlier output."""
        driver = self._driver
        if not isinstance(driver, TerminalDriver) or not isinstance(renderable, (ChopsUpdate, LayoutUpdate)):
            super()._display(screen, renderable)
        elif driver.flow.is_ready or self._exit:
            frame = CroppedUpdate.of(renderable) if isinstance(renderable, ChopsUpdate) else renderable
            super()._display(screen, frame)
            if driver.image_layer is not None:
                driver.image_layer.frame_written(screen, renderable)
            driver.flow.query_if_due()
        else:
            self._postponed.add(screen, renderable)
            driver.call_when_ready(self._show_postponed)

    def _show_postponed(self) -> None:
        if self.screen_stack and not self._exit:
            self.screen.call_later(self._postponed.show, self.screen)

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        """The screens that are visible behind the current one. There are none behind an opaque screen.

        Textual paints the whole terminal whenever one of them changes.
        """
        return [] if self.screen.styles.background.a == 1 else super()._background_screens

    @property
    def pixel_output(self) -> PixelOutput | None:
        """What is needed to draw images in pixels, or None if they must be drawn in cells."""
        driver = self._driver
        if not isinstance(driver, TerminalDriver) or driver.image_layer is None or self.no_color:
            return None
        cell = driver.cell_size()
        return None if cell is None else PixelOutput(driver.image_layer, cell)

    async def run_action(
        self,
        action: "str | ActionParseResult",
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run an action, unless it is that of a widget that isn't mounted yet and so has no children."""
        if isinstance(default_namespace, Widget) and not default_namespace.is_mounted:
            return False
        return await super().run_action(action, default_namespace, namespaces)

    async def _close_all(self) -> None:
        """Cancel all workers, and then remove all widgets. Without their widgets, the workers would fail."""
        self.workers.cancel_all()
        await super()._close_all()

    def show_progress(self, progress: Progress | None) -> None:
        """Show a run's progress in the terminal's title and tab. If it is None, restore both."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.show_progress(progress)

    # The size of the terminal

    def on_resize(self, event: events.Resize) -> None:
        if event.size == self._last_size:  # the terminal may have shrunk and grown back, which clears cells
            self.screen.refresh()
        self._last_size = event.size
        self._check_size_later()
        too_small = event.size.width < MINIMUM_SIZE[0] or event.size.height < MINIMUM_SIZE[1]
        if too_small and not isinstance(self.screen, TooSmall):
            self.push_screen(TooSmall())
        elif not too_small and isinstance(self.screen, TooSmall):
            self.pop_screen()

    def _check_size_later(self) -> None:
        """Check the size again soon, because two resize events in quick succession can arrive in reverse order."""
        if not self.is_headless:
            self.set_timer(SIZE_CHECK_DELAY, self._check_size)

    def _check_size(self) -> None:
        if not isinstance(self._driver, TerminalDriver):
            return
        size = Size(*self._driver.terminal_size())
        if size != self.size:
            self.post_message(events.Resize(size, size))
