"""Dialogs fit the terminal."""

from rich.text import Text
from textual.app import App
from textual.widgets import Static

from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog
from fashion_tui.tui.dialogs.dialog import MINIMUM_SIZE, ConfirmDialog

from .pilots import screen_text


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


async def test_a_list_without_a_match_says_so_and_enter_chooses_nothing() -> None:
    app: App[None] = App()
    async with app.run_test(size=MINIMUM_SIZE) as pilot:
        chosen: list[str | None] = []
        await app.push_screen(ChoiceDialog("Class", [Choice("0", Text("Coat"))]), chosen.append)
        await pilot.press(*"[b]x", "down", "enter")
        assert "no match for [b]x" in screen_text(app)
        assert chosen == []
        await pilot.press(*["backspace"] * 4, *"co", "enter")
        assert "no match" not in screen_text(app)
        assert chosen == ["0"]
