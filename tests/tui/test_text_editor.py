"""Editing text in several lines."""

from textual.app import App, ComposeResult

from fashion_tui.tui.widgets.text_editor import TextEditor


class EditorApp(App[None]):
    CSS = "TextEditor { height: 1; }"

    def compose(self) -> ComposeResult:
        yield TextEditor(compact=True)


async def test_undoing_a_line_break_hides_the_scroll_bar() -> None:
    app = EditorApp()
    async with app.run_test() as pilot:
        editor = app.query_one(TextEditor)
        editor.focus()
        await pilot.press("a", "enter")
        await pilot.pause()
        assert (editor.text, editor.show_vertical_scrollbar) == ("a\n", True)
        editor.undo()
        await pilot.pause()
        assert (editor.text, editor.show_vertical_scrollbar, editor.cursor_location) == ("a", False, (0, 1))
