"""A queue that delivers each input event only after all earlier keys and pastes have been handled completely.

Textual doesn't guarantee this order (https://github.com/Textualize/textual/issues/6605). The focused widget inserts
characters immediately, but a key with a binding first passes through the message queue of each ancestor up to the app,
and a priority binding runs before the keys that are still in these queues. If several keys arrive together, as they do
over SSH, they may therefore take effect in the wrong order.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App
from textual.dom import DOMNode
from textual.events import Event, Key, MouseEvent, Paste
from textual.message_pump import MessagePump
from textual.widgets import TextArea
from textual.worker import Worker

from .terminal_input import Typed, keys_of

CHECK_INTERVAL = 0.4
"""Seconds between progress checks of the current event. The checks run only while other events wait."""

MAX_IDLE_CHECKS, MAX_OPENING_CHECKS = 3, 12
"""Number of checks without progress after which waiting events are delivered anyway. MAX_OPENING_CHECKS applies while a
view or dialog is opening."""

MAX_BACKLOG = 2.0
"""Maximum time, in seconds, that events wait before the queue counts as behind."""

WORKER_POLL = 0.005
"""Interval, in seconds, at which to check whether a worker has finished or opened a screen."""


class InputQueue:
    """Delivers the user's input to an app, one event at a time.

    Text that is typed into an editor while earlier input is being handled is inserted all at once.

    A callback follows each key through the message queues, from the focused widget to the app. When it reaches the app,
    the key's handlers and action have run. The callback then follows the same path a second time, queued behind any
    messages that the handlers and the action posted. When it reaches the app again, those messages have been handled,
    too.

    All methods must be called from the app's thread.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._waiting: deque[tuple[Event, Callable[[Event], Awaitable[None]]]] = deque()
        self._waiting_since: float | None = None
        """Time at which events started to wait, or None if no events are waiting."""
        self._current: Event | None = None
        """The event that is being handled."""
        self._origin: MessagePump | None = None
        """Where the callback starts its second pass for the current event: the focused widget or the screen.

        None once the second pass has started.
        """
        self._progress = 0
        """Counter that increases whenever the current event makes progress."""
        self._worker: Worker[Any] | None = None
        """The worker that has to finish before the current key counts as handled."""
        self._max_idle_checks = MAX_IDLE_CHECKS
        self._watchdog: asyncio.TimerHandle | None = None

    @staticmethod
    def accepts(event: Event) -> bool:
        """Return whether the event is user input that hasn't been delivered yet."""
        return isinstance(event, (Key, Typed, Paste, MouseEvent)) and not event.is_forwarded

    async def put(self, event: Event, deliver: Callable[[Event], Awaitable[None]]) -> None:
        """Call `deliver` with the event as soon as all earlier events have been handled."""
        self._waiting.append((event, deliver))
        await self._deliver_waiting()
        if self._waiting and self._waiting_since is None:
            self._waiting_since = time.monotonic()
        if self._waiting and self._watchdog is None:
            self._watch(self._progress)

    @property
    def is_behind(self) -> bool:
        """True if events have been waiting for more than MAX_BACKLOG seconds."""
        return self._waiting_since is not None and time.monotonic() - self._waiting_since > MAX_BACKLOG

    def discard(self) -> None:
        """Drop all waiting events, and stop waiting for the current event."""
        self._waiting.clear()
        self._current = self._waiting_since = None

    def hold(self, worker: Worker[Any]) -> None:
        """Hold back further input until the worker finishes or shows another screen.

        Use this for actions that open a view or a dialog, so that the view or dialog receives the next keys.
        """
        self._worker = worker
        self._max_idle_checks = MAX_OPENING_CHECKS

    async def _deliver_waiting(self) -> None:
        while self._waiting and self._current is None:
            event, deliver = self._next()
            screen = self._app.screen
            if isinstance(event, MouseEvent):
                await deliver(event)
                continue
            self._current, self._worker, self._max_idle_checks = event, None, MAX_IDLE_CHECKS
            self._progress += 1
            self._origin = self._app.focused or screen
            await deliver(event)
            node = (self._app.focused or self._app.screen) if event.is_forwarded else self._app
            self._follow(event, node, screen)
        if not self._waiting:
            self._waiting_since = None

    def _next(self) -> tuple[Event, Callable[[Event], Awaitable[None]]]:
        """Remove and return the next event. Text typed into an editor is merged; other text is split into keys."""
        event, deliver = self._waiting.popleft()
        text, focused = _typed_text(event), self._app.focused
        if text and isinstance(focused, TextArea) and not focused.read_only:
            while self._waiting and (more := _typed_text(self._waiting[0][0])):
                text += more
                self._waiting.popleft()
            event = event if isinstance(event, Key) and text == event.character else Paste(text)
        elif isinstance(event, Typed):
            event, *others = keys_of(event.text)
            self._waiting.extendleft((key, deliver) for key in reversed(others))
        return event, deliver

    # Following an event

    def _follow(self, event: Event, node: MessagePump | None, screen: DOMNode) -> None:
        """Call `_passed` once the node has handled the event. If the node is closed, use its first open ancestor."""
        while node is not None and not node.call_later(self._passed, event, node, screen):
            node = node._parent  # noqa: SLF001 -- `parent` raises if there is none
        if node is None:  # removed
            self._follow_app(event, screen)

    def _follow_app(self, event: Event, screen: DOMNode) -> None:
        self._app.call_later(self._passed, event, self._app, screen)

    def _passed(self, event: Event, node: MessagePump, screen: DOMNode) -> None:
        if event is not self._current:
            return
        self._progress += 1
        if node is not self._app:
            inserted = isinstance(event, Key) and event.is_printable and event._stop_propagation  # noqa: SLF001
            if inserted and node is self._origin is self._app.focused:  # there is nothing else to wait for
                self._app.call_later(self._finish, event)
            else:
                self._follow(event, node._parent, screen)  # noqa: SLF001
            return
        origin, self._origin = self._origin, None
        if origin is not None:
            self._follow(event, origin, screen)
            return
        # Wait for one iteration of the event loop. By then, the worker has started and the focus has been set.
        asyncio.get_running_loop().call_soon(self._settle, event, screen)

    def _settle(self, event: Event, screen: DOMNode) -> None:
        """Wait until the action's worker has finished, or until the screen that the action opened is mounted."""
        if event is not self._current or not self._app.screen_stack:
            return
        if self._app.screen is not screen:  # a new screen sets its focus once it is mounted
            self._worker, self._max_idle_checks = None, MAX_OPENING_CHECKS
            self._follow(event, self._app.screen, self._app.screen)
        elif self._worker is not None and not self._worker.is_finished:
            asyncio.get_running_loop().call_later(WORKER_POLL, self._settle, event, screen)
        else:
            self._app.call_later(self._finish, event)

    async def _finish(self, event: Event) -> None:
        if event is self._current:
            self._current = None
            await self._deliver_waiting()

    # Recovery if an event makes no progress, because a handler is blocked or the event's widget was removed

    def _watch(self, progress: int, idle_checks: int = 0) -> None:
        self._watchdog = asyncio.get_running_loop().call_later(CHECK_INTERVAL, self._check, progress, idle_checks)

    def _check(self, progress: int, idle_checks: int) -> None:
        self._watchdog = None
        # A single check is not enough, because the event loop itself may have been blocked since the last check.
        idle_checks = idle_checks + 1 if progress == self._progress else 0
        if idle_checks < self._max_idle_checks:
            if self._waiting:
                self._watch(self._progress, idle_checks)
        elif self._worker is not None:
            self._worker = None  # so that `_settle` stops waiting for the worker
            self._watch(self._progress)
        else:
            self._app.call_later(self._deliver_all)

    async def _deliver_all(self) -> None:
        """Deliver all waiting events in order, without waiting for each to be handled."""
        self._current = self._waiting_since = None
        while self._waiting:
            event, deliver = self._next()
            await deliver(event)


def _typed_text(event: Event) -> str:
    """Return the text that was typed, or an empty string if the event isn't typed text."""
    if isinstance(event, Typed):
        return event.text
    return event.character or "" if isinstance(event, Key) and event.is_printable else ""
