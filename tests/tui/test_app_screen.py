"""Screens close at any time, whatever they do in the background."""

import asyncio
import threading
from contextlib import suppress

import pytest
from textual import getters, work
from textual.app import App, ComposeResult
from textual.widgets import Label, Static
from textual.worker import Worker, WorkerCancelled

from fashion_tui.tui.app_screen import AppScreen
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.dialogs.help import HelpDialog
from fashion_tui.tui.dialogs.text import TextDialog
from fashion_tui.tui.terminal_app import TerminalApp

from .pilots import TIMEOUT, until


class SlowLabel(Label):
    """A widget whose removal lasts until `removable` is set."""

    def __init__(self) -> None:
        super().__init__("label")
        self.removable = asyncio.Event()

    async def on_unmount(self) -> None:
        await self.removable.wait()


class Loading(AppScreen[None]):
    """A screen that shows a text as soon as it is loaded."""

    text = getters.query_one("#text", Static)

    def __init__(self) -> None:
        super().__init__()
        self.loaded = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield Static(id="text")
        yield SlowLabel()

    @work
    async def load(self) -> None:
        await self.loaded.wait()
        self.show()

    def show(self) -> None:
        self.text.update("loaded")


async def finish_work(screen: Loading, worker: Worker[None]) -> None:
    """Wait until the text is removed. Then let the worker show it, unless the worker is cancelled."""
    async with asyncio.timeout(TIMEOUT):
        while screen.query("#text"):  # noqa: ASYNC110 -- Textual has no event for the removal
            await asyncio.sleep(0.01)
        screen.loaded.set()
        with suppress(WorkerCancelled):
            await worker.wait()


async def test_work_that_ends_while_the_screen_is_removed_is_cancelled() -> None:
    app: App[None] = App()
    async with app.run_test():
        screen = Loading()
        await app.push_screen(screen)
        worker, label = screen.load(), screen.query_one(SlowLabel)
        try:
            screen.dismiss()
            await finish_work(screen, worker)
        finally:
            label.removable.set()
        assert worker.is_cancelled


async def test_work_that_ends_while_the_app_exits_is_cancelled() -> None:
    app = TerminalApp()
    async with app.run_test():
        screen = Loading()
        await app.push_screen(screen)
        worker, label = screen.load(), screen.query_one(SlowLabel)
        closing = asyncio.create_task(app._shutdown())
        try:
            await finish_work(screen, worker)
        finally:
            label.removable.set()
            await closing
    assert worker.is_cancelled


async def test_method_of_a_removed_widget_is_not_called_after_a_refresh() -> None:
    app = TerminalApp()
    async with app.run_test() as pilot:
        screen = Loading()
        await app.push_screen(screen)
        screen.query_one(SlowLabel).removable.set()
        called = list[str]()
        app.screen_stack[0].call_after_refresh(called.append, "a method of a list")
        app.screen_stack[0]._invoke_later(screen.show, screen)
        await screen.dismiss()
        await until(pilot, lambda: called, "the call")


async def test_key_of_a_screen_that_is_not_mounted_yet_is_ignored() -> None:
    app = TerminalApp()
    async with app.run_test():
        dialog = HelpDialog("train", "text")
        assert not await app.run_action("scroll(1)", dialog)
        await app.push_screen(dialog)
        assert await app.run_action("scroll(1)", dialog)


async def test_screen_that_is_closed_at_once_is_mounted_first() -> None:
    app = TerminalApp()
    async with app.run_test() as pilot:
        results = list[None]()
        dialog = HelpDialog("train", "text")
        app.push_screen(dialog, results.append)
        dialog.dismiss()
        await until(pilot, lambda: results == [None], "the result")
        assert len(app.screen_stack) == 1


@pytest.mark.parametrize("closed_by", ["escape", "pane"])
async def test_screen_that_is_covered_closes_after_the_screen_in_front(
    closed_by: str,
) -> None:
    stored, results = threading.Event(), list[bool | None]()
    app: App[None] = App()
    async with app.run_test() as pilot:
        dialog = TextDialog("name", "text", lambda _: stored.wait(TIMEOUT))
        await app.push_screen(dialog, results.append)
        await pilot.press("enter")
        cover = ConfirmDialog("Sure?")
        await app.push_screen(cover)
        stored.set()
        await app.workers.wait_for_complete()
        assert app.screen is cover
        if closed_by == "escape":
            await pilot.press("escape")
        else:
            await cover.dismiss(None)
            await dialog.dismiss(None)
        await until(pilot, lambda: results == [True], "the result")
        assert len(app.screen_stack) == 1
        dialog.dismiss(False)
        await pilot.pause()
        assert (len(app.screen_stack), results) == (1, [True])
