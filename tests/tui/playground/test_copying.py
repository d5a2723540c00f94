"""The transcript's cells: chosen by keys, edited anew, copied."""

import base64
import re

import pytest

from fashion_tui.tui.clipboard import MAX_BYTES, wrap_for_screen
from fashion_tui.tui.playground.transcript.cells import Cell
from tests.tui.pilots import until

from .driver import Playground, playground


def chosen(it: Playground) -> Cell | None:
    return it.transcript.chosen


def marked(it: Playground) -> list[str]:
    """The rows that are marked at the left edge."""
    region = it.transcript.region
    rows = it.screen.split("\n")[region.y : region.bottom]
    scrollbar = it.transcript.scrollable_content_region.width
    return [row[1:scrollbar].rstrip() for row in rows if row.startswith("▌")]


async def three_cells(it: Playground) -> None:
    await it.run("x = 1; x + 1")
    await it.run("for i in range(2):\n    print('row', i)")
    await it.run("{'a': 'x' * 90}")
    await it.pilot.press("escape")
    assert it.app.focused is it.transcript


async def test_keys_choose_a_cell_which_is_marked() -> None:
    async with playground() as it:
        await three_cells(it)
        await it.sees("↑ and ↓ choose a cell")
        assert marked(it) == []
        await it.pilot.press("up", "k")
        assert marked(it) == ["In [2]: for i in range(2):", "            print('row', i)", "row 0", "row 1"]
        await it.sees("enter edits it anew")
        await it.pilot.press("up", "up", "up")  # there is none before the first
        assert marked(it) == ["In [1]: x = 1; x + 1", "Out[1]: 2"]
        await it.pilot.press("j", "down")
        assert marked(it)[0] == "In [3]: {'a': 'x' * 90}"
        await it.pilot.press("down")
        assert marked(it) == []
        await it.pilot.press("up", "escape")
        assert chosen(it) is None


async def test_enter_brings_its_code_into_the_prompt_or_just_goes_back() -> None:
    async with playground() as it:
        await it.type("half")
        await it.pilot.press("escape", "enter")
        assert it.app.focused is it.prompt
        assert it.prompt.text == "half"
        await three_cells(it)
        await it.pilot.press("up", "up", "enter")
        assert it.app.focused is it.prompt
        assert it.prompt.text == "for i in range(2):\n    print('row', i)"
        assert chosen(it) is None
        await it.pilot.press("ctrl+z")  # what stood there isn't lost
        assert it.prompt.text == ""


async def test_y_copies_the_value_whole_and_capital_y_the_code() -> None:
    async with playground() as it:
        await three_cells(it)
        await it.pilot.press("up", "y")
        value = "{'a': '" + "x" * 90 + "'}"
        await it.sees(f"copied: {len(value)} characters")
        assert it.app.clipboard == value
        await it.pilot.press("up", "Y")
        await until(it.pilot, lambda: it.app.clipboard.startswith("for i"), "the code")
        assert it.app.clipboard == "for i in range(2):\n    print('row', i)"
        await it.pilot.press("y")  # no value: all that it printed
        await until(it.pilot, lambda: it.app.clipboard == "row 0\nrow 1", "its output")


async def test_without_a_chosen_cell_the_newest_is_copied() -> None:
    async with playground() as it:
        await it.pilot.press("escape", "y")
        await it.sees("Nothing was run yet that could be copied")
        await it.run("6 * 7")
        await it.run("x = 1")
        await it.pilot.press("escape", "y")
        await it.sees("In [2] put nothing out")
        await it.pilot.press("Y")
        await it.sees("copied: 5 characters")
        assert it.app.clipboard == "x = 1"


async def test_too_much_is_told_and_not_copied() -> None:
    async with playground() as it:
        await it.run(f"'ü' * {MAX_BYTES // 2}")
        await it.pilot.press("escape", "y")
        await it.sees("not copied: 74,996 bytes")
        assert it.app.clipboard == ""
        await it.run("print('y' * 20_000)")
        await it.pilot.press("escape", "y")
        await it.sees("copied: 20,000 characters")
        assert it.app.clipboard == "y" * 20_000


async def test_long_cells_and_gone_ones_can_be_walked_through() -> None:
    async with playground((80, 24)) as it:
        await it.run("'first'")
        await it.run("for i in range(100): print(f'<{i}>')", "<99>")
        await it.run("'last'")
        await it.pilot.press("escape", "up", "up")
        assert marked(it)[:2] == ["In [2]: for i in range(100): print(f'<{i}>')", "<0>"]
        await it.pilot.press("pagedown")
        await it.sees_no("<0>")
        assert len(marked(it)) == it.transcript.size.height
        assert all(row.startswith("<") for row in marked(it))
        await it.pilot.press("up")
        await it.sees("Out[1]: 'first'")
        await it.pilot.press("enter")
        await it.run("print('\\n'.join(str(i) for i in range(10_000)))", "9999")
        await it.pilot.press("escape", *["up"] * 9)
        cell = chosen(it)
        assert cell is not None
        assert cell.code.startswith("print(")  # those before are gone from the transcript


async def test_what_comes_meanwhile_leaves_the_chosen_cell_in_view() -> None:
    async with playground((80, 24)) as it:
        await it.run("'first'")
        it.prompt.put("import time\nfor i in range(60): time.sleep(0.02); print(f'<{i}>')")
        it.prompt.action_run()
        await it.pilot.press("escape", "up", "up")
        await until(it.pilot, lambda: marked(it)[-1:] == ["Out[1]: 'first'"], "the first cell")
        await it.rest()
        assert marked(it)[-1:] == ["Out[1]: 'first'"]
        await it.pilot.press("escape")
        await it.sees("<59>")


async def test_another_pane_and_back_leave_the_prompt_as_it_was() -> None:
    async with playground() as it:
        await three_cells(it)
        await it.pilot.press("up", "f5", "f2")
        assert it.app.focused is it.prompt
        assert chosen(it) is None


async def test_the_palette_acts_on_the_chosen_cell() -> None:
    async with playground() as it:
        await three_cells(it)
        await it.pilot.press("up", "up", "ctrl+p")
        await it.type("chosen code")
        await it.sees("Playground: Copy the chosen cell's code")
        await it.pilot.press("down", "enter")
        await until(it.pilot, lambda: it.app.clipboard.startswith("for i"), "the code")


async def test_the_command_for_a_console_is_copied_and_shown() -> None:
    async with playground() as it:
        await it.pilot.press("escape", "J")
        await it.sees("copied: jupyter console --existing")
        session = it.pane._conversation.session
        assert session is not None
        assert it.app.clipboard == f"jupyter console --existing {session.connection_file}"


@pytest.mark.parametrize(("tmux", "hinted"), [("/tmp/tmux-0/default,1,0", True), (None, False)])
async def test_what_tmux_needs_is_said_where_one_is_in_it(
    monkeypatch: pytest.MonkeyPatch, tmux: str | None, *, hinted: bool
) -> None:
    if tmux is None:
        monkeypatch.delenv("TMUX", raising=False)
    else:
        monkeypatch.setenv("TMUX", tmux)
    async with playground() as it:
        await it.run("1")
        await it.pilot.press("escape", "y")
        await it.sees("copied: 1 characters")
        assert ("set-clipboard on" in it.screen) is hinted


def test_what_goes_through_screen_is_in_pieces_that_it_takes() -> None:
    text = "größe" * 200
    pieces = re.findall("\x1bP(.*?)\x1b\\\\", wrap_for_screen(text), re.DOTALL)
    assert "".join(f"\x1bP{piece}\x1b\\" for piece in pieces) == wrap_for_screen(text)
    assert max(map(len, pieces)) < 256
    sequence = "".join(pieces)
    assert sequence == f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"
