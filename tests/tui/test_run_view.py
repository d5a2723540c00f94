"""The view of a run says why a run can't be shown."""

from pathlib import Path

from textual.app import App, ComposeResult

from fashion_tui.tui import train
from fashion_tui.tui.train.run_view import RunView

from .pilots import screen_text, until


class ViewApp(App[None]):
    """Shows a problem before the first layout."""

    CSS_PATH = Path(train.__file__).parent / "train.tcss"

    def compose(self) -> ComposeResult:
        yield RunView()

    def on_mount(self) -> None:
        self.query_one(RunView).show_problem("the name isn't UTF-8")


async def test_a_problem_is_shown_even_if_it_is_known_before_the_first_layout() -> None:
    app = ViewApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "the name isn't UTF-8" in screen_text(app), "the problem")
