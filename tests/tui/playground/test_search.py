"""Searching the history with Ctrl+R."""

from pathlib import Path

from fashion_tui.tui.playground.prompt.search import HistorySearch, SearchResults
from tests.tui.pilots import until

from .driver import Playground, open_playground


def results(playground: Playground) -> list[str]:
    """Return the rows of the results. The selected row is marked at the left."""
    return [line.plain for line in playground.app.query_one(SearchResults).render().split("\n")]  # type: ignore[union-attr]


async def test_typing_filters_and_enter_accepts_without_running() -> None:
    async with open_playground() as playground:
        for code in ("x = 1", "for i in range(3):\n    print(i)", "y = X = 2", "x + y"):
            await playground.run(code)
        await playground.type("half typed")
        await playground.pilot.press("ctrl+r")
        await playground.wait_for("search:")
        assert "half typed" not in playground.screen
        assert results(playground)[:4] == ["▌x + y", " y = X = 2", " for i in range(3): ⏎ print(i)", " x = 1"]
        await playground.type("x")
        assert results(playground)[:3] == ["▌x + y", " y = X = 2", " x = 1"]
        await playground.pilot.press("ctrl+r", "down", "up")
        assert results(playground)[:3] == [" x + y", "▌y = X = 2", " x = 1"]
        await playground.pilot.press("backspace", *"X = ")
        assert results(playground) == ["▌y = X = 2"]
        await playground.pilot.press("enter")
        await playground.wait_focused()
        assert playground.prompt.text == "y = X = 2"
        await playground.wait_for("In [5]: y = X = 2")
        await playground.pilot.press("up")  # browsing continues from there
        assert playground.prompt.text == "for i in range(3):\n    print(i)"


async def test_escape_restores_the_prompt() -> None:
    async with open_playground() as playground:
        await playground.run("x = 1")
        await playground.type("half typed")
        await playground.pilot.press("left", "ctrl+r", "x")
        await playground.pilot.press("escape")
        await playground.wait_focused()
        assert playground.prompt.text == "half typed"
        await playground.type("!")
        assert playground.prompt.text == "half type!d"
        await playground.pilot.press("ctrl+r", "ctrl+c")
        await playground.wait_focused()
        assert not playground.app.query_one(HistorySearch).is_open


async def test_enter_does_nothing_without_a_match() -> None:
    async with open_playground() as playground:
        await playground.pilot.press("ctrl+r", *"nowhere")
        await playground.wait_for("No matches")
        await playground.pilot.press("enter", "down", "up")
        assert playground.app.query_one(HistorySearch).is_open
        await playground.pilot.press("escape")
        await playground.wait_for("In [1]:")


async def test_many_results_scroll_and_long_entries_show_the_match() -> None:
    async with open_playground((80, 24)) as playground:
        for number in range(20):
            playground.pane.repl._history.add(f"entry_{number} = " + "x" * 100 + f"needle_{number}")
        await playground.pilot.press("ctrl+r", *"needle")
        await playground.wait_for("needle_19", "needle_14")
        assert "needle_13" not in playground.screen
        await playground.pilot.press(*["ctrl+r"] * 10)
        await playground.wait_for("needle_9")
        assert max(len(row) for row in results(playground)) < 80
        await playground.pilot.press("enter")
        await until(playground.pilot, lambda: playground.prompt.text.endswith("needle_9"), "the entry")


async def test_input_closes_the_search(tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with open_playground() as playground:
        await playground.run("import os, time")
        playground.submit(f"while not os.path.exists({str(go)!r}): time.sleep(0.01)\ninput('who? ')")
        await playground.pilot.press("ctrl+r")
        await playground.wait_for("search:")
        go.touch()
        await playground.wait_for("who?")
        await playground.wait_focused()
        await playground.pilot.press("ctrl+r")  # no search while answering
        assert not playground.app.query_one(HistorySearch).is_open
        await playground.type("Ada\n")
        await playground.wait_for("'Ada'")


async def test_switching_panes_keeps_the_search_open() -> None:
    async with open_playground() as playground:
        await playground.run("x = 1")
        await playground.pilot.press("ctrl+r", "x", "f5")
        await playground.wait_gone("search:")
        await playground.pilot.press("f2")
        await playground.wait_for("search: x")
        await playground.pilot.press("enter")
        await until(playground.pilot, lambda: playground.prompt.text == "x = 1", "the entry")
