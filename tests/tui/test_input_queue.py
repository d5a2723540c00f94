"""Keys are handled in order, even if an event handler never finishes."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from textual import events, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, TextArea

from fashion_tui.tui.input_queue import InputQueue
from fashion_tui.tui.terminal_input import Typed


class StuckInput(Input):
    """An input that is removed by `?`, and whose handler of `!` waits until the test sets `release`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.release = asyncio.Event()

    async def _on_key(self, event: events.Key) -> None:
        if event.character == "!":
            await self.release.wait()
        if event.character == "?":
            event.stop()
            await self.remove()


class Dialog(ModalScreen[str]):
    def compose(self) -> ComposeResult:
        yield Input(id="dialog")


class QueueApp(App[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "mark", priority=True),
        Binding("f2", "dialog", priority=True),
        Binding("f3", "hang", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.queue = InputQueue(self)
        self.marks: list[str] = []
        """The text of the first input each time `f1` is pressed."""

    async def on_event(self, event: events.Event) -> None:
        if InputQueue.accepts(event):
            await self.queue.put(event, super().on_event)
        else:
            await super().on_event(event)

    def compose(self) -> ComposeResult:
        yield StuckInput(id="first")
        yield Input(id="second")
        yield TextArea()

    def action_mark(self) -> None:
        self.marks.append(self.query_one("#first", Input).value if self.query("#first") else "removed")

    def action_dialog(self) -> None:
        self.queue.hold(self._open_dialog())

    def action_hang(self) -> None:
        self.queue.hold(self._hang())

    @work
    async def _open_dialog(self) -> None:
        await asyncio.sleep(0.05)
        await self.push_screen_wait(Dialog())

    @work
    async def _hang(self) -> None:
        await asyncio.Event().wait()


def send(app: App[None], *keys: str) -> None:
    """Send all keys at once, as a terminal on a slow connection does."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for the condition, but not for an idle app, because one of its handlers may be blocked."""
    async with asyncio.timeout(90):
        while not condition():  # noqa: ASYNC110 -- nothing notifies of it
            await asyncio.sleep(0.01)


async def test_keys_take_effect_in_order() -> None:
    app = QueueApp()
    async with app.run_test():
        send(app, "a", "b", "f1", "left", "c", "f1", "backspace", "end", "d", "f1")
        await until(lambda: len(app.marks) == 3)
        assert app.marks == ["ab", "acb", "abd"]


async def test_keys_wait_for_a_dialog() -> None:
    app = QueueApp()
    async with app.run_test():
        send(app, "a", "f2", "x", "y", "left", "z")
        await until(lambda: any(field.value == "xzy" for field in app.screen.query("#dialog").results(Input)))
        assert app.screen_stack[0].query_one("#first", Input).value == "a"


@pytest.mark.parametrize("cause", ["!", "?", "f3"])
async def test_keys_are_delivered_after_one_that_never_finishes(cause: str) -> None:
    app = QueueApp()
    async with app.run_test():
        send(app, "a", cause, "f1")
        await until(lambda: bool(app.marks))
        assert app.marks == ["removed" if cause == "?" else "a"]
        app.workers.cancel_all()
        for widget in app.query(StuckInput):
            widget.release.set()


async def test_a_queue_that_is_behind_can_be_discarded() -> None:
    app = QueueApp()
    async with app.run_test():
        send(app, *["f3"] * 20, "f1")  # would take more than a minute
        await until(lambda: app.queue.is_behind)
        app.queue.discard()
        send(app, "a", "f1")
        await until(lambda: app.marks == ["a"])
        assert not app.queue.is_behind
        app.workers.cancel_all()


async def test_text_typed_into_an_editor_is_inserted_at_once() -> None:
    app = QueueApp()
    async with app.run_test():
        editor = app.query_one(TextArea)
        editor.focus()
        edits = []
        editor.edit = lambda edit, do=editor.edit: edits.append(edit.text) or do(edit)  # type: ignore[method-assign,misc,func-returns-value]
        send(app, "left")
        app.post_message(Typed("ab"))
        send(app, "c", "d", "left")
        app.post_message(Typed("efg"))
        await until(lambda: editor.text == "abcefgd")
        assert edits == ["abcd", "efg"]


async def test_text_typed_into_an_input_is_made_of_keys() -> None:
    app = QueueApp()
    async with app.run_test():
        line = app.query_one("#second", Input)
        line.restrict = "[0-9]*"  # applied to each key
        line.focus()
        app.post_message(Typed("12x"))
        send(app, "left")
        app.post_message(Typed("34"))
        await until(lambda: line.value == "1342")


class Left(Message):
    """The user has left an input."""


class LeavingInput(Input):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave")]

    def action_leave(self) -> None:
        self.post_message(Left())


class BusyContainer(Vertical):
    """A container that takes some time for each message about the user's leaving."""

    async def on_left(self) -> None:
        await asyncio.sleep(0.05)


class Inputs(Vertical):
    """An input, deep inside other widgets, and a second one, which gets the focus when the user leaves the first."""

    def compose(self) -> ComposeResult:
        with BusyContainer(), Vertical(), BusyContainer():
            yield LeavingInput(id="first")
        yield Input(id="second")

    async def on_left(self) -> None:
        await asyncio.sleep(0.05)
        self.query_one("#second").focus()


async def test_a_key_waits_until_ancestors_have_handled_the_messages_of_the_key_before() -> None:
    class NestedApp(QueueApp):
        def compose(self) -> ComposeResult:
            yield Inputs()

    app = NestedApp()
    async with app.run_test():
        send(app, "a", "escape", "b", "f1")
        await until(lambda: bool(app.marks))
        assert app.marks == ["a"]
        assert app.query_one("#second", Input).value == "b"
