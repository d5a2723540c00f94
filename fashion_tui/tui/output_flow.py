"""Flow control for the output. On a slow connection, the user sees the newest frame instead of a queue of old ones."""

import time
from collections.abc import Callable
from typing import Any

from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.screen import Screen

MAX_UNCONFIRMED = 4096
"""The next frame waits while more than this many characters are unconfirmed. A single frame may be larger."""

QUERY_INTERVAL = 1024
"""Number of characters after which the terminal is asked again for confirmation."""

QUERY_TIMEOUT = 5.0
"""Timeout for the terminal's reply to a query, in seconds."""

CURSOR_QUERY = "\x1b[6n"
"""Asks for the cursor position. The terminal replies after it has processed all output sent before the query."""


class OutputFlow:
    """Decides whether a frame can be written now.

    A frame waits until the operating system has accepted all earlier output, and until the terminal has confirmed all
    but the last MAX_UNCONFIRMED characters. The second condition applies only to terminals that have replied to a first
    query. All methods except `flushed` must be called from the app's thread.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        """Create the flow control. `write` is called to send a query to the terminal."""
        self._write = write
        self._written = 0
        """Number of characters written."""
        self._flushed = 0
        """Number of characters that the operating system has accepted."""
        self._confirmed = 0
        """Number of characters that the terminal is known to have processed."""
        self._queried = 0
        """Number of characters written before the last query."""
        self._query_time: float | None = None
        """Time of the last query, or None if its reply has arrived."""
        self._has_replied = False
        """Whether the terminal has replied to any query."""

    @property
    def awaits_reply(self) -> bool:
        return self._query_time is not None and time.monotonic() - self._query_time < QUERY_TIMEOUT

    @property
    def is_ready(self) -> bool:
        """Whether a frame can be written now."""
        if self._flushed < self._written:
            return False
        return not self._has_replied or not self.awaits_reply or self._written - self._confirmed <= MAX_UNCONFIRMED

    def wrote(self, text: str) -> None:
        """Add the length of a text to the number of written characters."""
        self._written += len(text)

    def flushed(self, characters: int) -> None:
        """Increase the number of characters that the system has accepted. Call this from the output thread."""
        self._flushed += characters

    def start(self) -> None:
        """Send the first query."""
        self._query()

    def query_if_due(self) -> None:
        """Send a query if at least QUERY_INTERVAL characters have been written since the last query.

        Call this after each frame.
        """
        if self._has_replied and not self.awaits_reply and self._written - self._queried >= QUERY_INTERVAL:
            self._query()

    def reply_received(self) -> None:
        """Count the output sent before the last query as processed."""
        self._has_replied = True
        self._query_time = None
        self._confirmed = self._queried
        self.query_if_due()

    def _query(self) -> None:
        self._queried = self._written
        self._query_time = time.monotonic()
        self._write(CURSOR_QUERY)


class PostponedFrames:
    """Screen changes that weren't written because the output wasn't ready."""

    def __init__(self) -> None:
        self._screen: Screen[Any] | None = None
        self._regions: set[Region] = set()
        self._whole_screen = False

    def add(self, screen: Screen[Any], update: ChopsUpdate | LayoutUpdate) -> None:
        """Add the regions of a frame that wasn't written."""
        if screen is not self._screen:
            self._whole_screen = self._screen is not None
            self._screen = screen
            self._regions.clear()
        if isinstance(update, ChopsUpdate):
            self._regions.update(Region(start, row, end - start, 1) for row, start, end in update.spans)
        else:
            self._whole_screen = True

    def show(self, screen: Screen[Any]) -> None:
        """Repaint the postponed regions with their current content. `screen` is the current screen."""
        compositor = screen._compositor  # noqa: SLF001 -- Textual has no public way to skip a frame
        size = compositor.size.region
        if self._whole_screen or screen is not self._screen:
            compositor._dirty_regions.add(size)  # noqa: SLF001
        else:
            regions = (region.intersection(size) for region in self._regions)
            compositor._dirty_regions.update(region for region in regions if region)  # noqa: SLF001
        self._screen, self._whole_screen = None, False
        self._regions.clear()
        # Don't pass widgets that are waiting for their layout to the compositor: they would be added to its map too
        # early, and the layout wouldn't paint them, because it paints only what changes in the map.
        dirty = screen._dirty_widgets  # noqa: SLF001 -- `_compositor_refresh` clears this set
        waiting = dirty - compositor.visible_widgets.keys()
        compositor.update_widgets(dirty - waiting)
        screen._compositor_refresh()  # noqa: SLF001
        dirty |= waiting
