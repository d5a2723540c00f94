"""Searching what was typed before, by ctrl+r."""

from fashion_tui.tui.playground.prompt.search import HistorySearch, SearchResults
from tests.tui.pilots import until

from .driver import Playground, playground


def found(it: Playground) -> list[str]:
    """The rows of what was found; the chosen one is marked at its left."""
    return [line.plain for line in it.app.query_one(SearchResults).render().split("\n")]  # type: ignore[union-attr]


async def test_typing_narrows_and_enter_takes_without_running() -> None:
    async with playground() as it:
        for code in ("x = 1", "for i in range(3):\n    print(i)", "y = X = 2", "x + y"):
            await it.run(code)
        await it.type("half typed")
        await it.pilot.press("ctrl+r")
        await it.sees("search:")
        assert "half typed" not in it.screen
        assert found(it)[:4] == ["▌x + y", " y = X = 2", " for i in range(3): ⏎ print(i)", " x = 1"]
        await it.type("x")
        assert found(it)[:3] == ["▌x + y", " y = X = 2", " x = 1"]
        await it.pilot.press("ctrl+r", "down", "up")
        assert found(it)[:3] == [" x + y", "▌y = X = 2", " x = 1"]
        await it.pilot.press("backspace", *"X = ")
        assert found(it) == ["▌y = X = 2"]
        await it.pilot.press("enter")
        await until(it.pilot, lambda: it.app.focused is it.prompt, "the prompt")
        assert it.prompt.text == "y = X = 2"
        await it.sees("In [5]: y = X = 2")
        await it.pilot.press("up")  # the walk goes on from there
        assert it.prompt.text == "for i in range(3):\n    print(i)"


async def test_esc_gives_back_what_was_being_typed() -> None:
    async with playground() as it:
        await it.run("x = 1")
        await it.type("half typed")
        await it.pilot.press("left", "ctrl+r", "x")
        await it.pilot.press("escape")
        await until(it.pilot, lambda: it.app.focused is it.prompt, "the prompt")
        assert it.prompt.text == "half typed"
        await it.type("!")
        assert it.prompt.text == "half type!d"
        await it.pilot.press("ctrl+r", "ctrl+c")
        await until(it.pilot, lambda: it.app.focused is it.prompt, "the prompt")
        assert not it.app.query_one(HistorySearch).is_open


async def test_where_nothing_is_found_enter_takes_nothing() -> None:
    async with playground() as it:
        await it.pilot.press("ctrl+r", *"nowhere")
        await it.sees("nothing was typed that holds this")
        await it.pilot.press("enter", "down", "up")
        assert it.app.query_one(HistorySearch).is_open
        await it.pilot.press("escape")
        await it.sees("In [1]:")


async def test_a_long_history_is_walked_in_few_rows_and_long_entries_show_what_was_searched_for() -> None:
    async with playground((80, 24)) as it:
        for number in range(20):
            it.pane._history.add(f"entry_{number} = " + "x" * 100 + f"needle_{number}")
        await it.pilot.press("ctrl+r", *"needle")
        await it.sees("needle_19", "needle_14")
        assert "needle_13" not in it.screen
        await it.pilot.press(*["ctrl+r"] * 10)
        await it.sees("needle_9")
        assert max(len(row) for row in found(it)) < 80
        await it.pilot.press("enter")
        await until(it.pilot, lambda: it.prompt.text.endswith("needle_9"), "the entry")


async def test_a_question_of_the_code_comes_first() -> None:
    async with playground() as it:
        await it.run("import time")
        it.prompt.put("time.sleep(0.5); input('who? ')")
        it.prompt.action_run()
        await it.pilot.press("ctrl+r")
        await it.sees("search:")
        await it.sees("who?")
        await until(it.pilot, lambda: it.app.focused is it.prompt, "the prompt")
        await it.pilot.press("ctrl+r")  # nothing to search for in an answer
        assert not it.app.query_one(HistorySearch).is_open
        await it.type("Ada\n")
        await it.sees("'Ada'")


async def test_another_pane_and_back_leave_the_search_open() -> None:
    async with playground() as it:
        await it.run("x = 1")
        await it.pilot.press("ctrl+r", "x", "f5")
        await it.sees_no("search:")
        await it.pilot.press("f2")
        await it.sees("search: x")
        await it.pilot.press("enter")
        await until(it.pilot, lambda: it.prompt.text == "x = 1", "the entry")
