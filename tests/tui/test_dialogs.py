"""Dialogs fit the terminal, and close even if another screen is in front of them."""

import threading

import pytest
from textual.app import App
from textual.widgets import Static

from fashion_tui.tui.dialogs.dialog import MINIMUM_SIZE, ConfirmDialog
from fashion_tui.tui.dialogs.text import TextDialog

from .pilots import TIMEOUT, screen_text, until


async def test_a_long_question_is_wrapped_and_a_short_one_makes_a_small_panel() -> None:
    words = [f"word{number}" for number in range(60)]
    app: App[None] = App()
    async with app.run_test(size=MINIMUM_SIZE) as pilot:
        await app.push_screen(ConfirmDialog(" ".join(words)))
        await pilot.pause()
        assert [word for word in screen_text(app).split() if word.startswith("word")] == words
        assert "yes" in screen_text(app)
        app.pop_screen()
        await app.push_screen(ConfirmDialog("Sure?"))
        await pilot.pause()
        assert app.screen.query(Static).first().size.width < 20


@pytest.mark.parametrize("closed_by", ["escape", "pane"])
async def test_dialog_whose_text_is_stored_while_another_screen_covers_it_closes_after_that_screen(
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
