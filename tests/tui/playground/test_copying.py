"""Selecting cells in the transcript, editing them again, and copying from them."""

import base64
import re

import pytest

from fashion_tui.tui.clipboard import MAX_BYTES, wrap_for_screen
from tests.tui.pilots import until

from .driver import Playground, open_playground


def marked(playground: Playground) -> list[str]:
    """Return the rows that are marked at the left edge."""
    region = playground.transcript.region
    rows = playground.screen.split("\n")[region.y : region.bottom]
    scrollbar = playground.transcript.scrollable_content_region.width
    return [row[1:scrollbar].rstrip() for row in rows if row.startswith("▌")]


async def run_three_cells(playground: Playground) -> None:
    await playground.run("x = 1; x + 1")
    await playground.run("for i in range(2):\n    print('row', i)")
    await playground.run("{'a': 'x' * 90}")
    await playground.pilot.press("escape")
    assert playground.app.focused is playground.transcript


async def test_selecting_cells() -> None:
    async with open_playground() as playground:
        await run_three_cells(playground)
        await playground.wait_for("select a cell")
        assert marked(playground) == []
        await playground.pilot.press("up", "k")
        assert marked(playground) == ["In [2]: for i in range(2):", "            print('row', i)", "row 0", "row 1"]
        await playground.wait_for("enter edits the cell")
        await playground.pilot.press("up", "up", "up")  # the selection stays at the first cell
        assert marked(playground) == ["In [1]: x = 1; x + 1", "Out[1]: 2"]
        await playground.pilot.press("j", "down")
        assert marked(playground)[0] == "In [3]: {'a': 'x' * 90}"
        await playground.pilot.press("down")
        assert marked(playground) == []
        await playground.pilot.press("up", "escape")
        assert playground.transcript.selected is None


async def test_enter_edits_the_selected_cell() -> None:
    async with open_playground() as playground:
        await playground.type("half")
        await playground.pilot.press("escape", "enter")
        assert playground.app.focused is playground.prompt
        assert playground.prompt.text == "half"
        await run_three_cells(playground)
        await playground.pilot.press("up", "up", "enter")
        assert playground.app.focused is playground.prompt
        assert playground.prompt.text == "for i in range(2):\n    print('row', i)"
        assert playground.transcript.selected is None
        await playground.pilot.press("ctrl+z")  # undo restores the previous text
        assert playground.prompt.text == ""


async def test_copying_result_and_code() -> None:
    async with open_playground() as playground:
        await run_three_cells(playground)
        await playground.pilot.press("up", "y")
        value = "{'a': '" + "x" * 90 + "'}"
        await playground.wait_for(f"Copied {len(value)} characters")
        assert playground.app.clipboard == value
        await playground.pilot.press("up", "Y")
        await until(playground.pilot, lambda: playground.app.clipboard.startswith("for i"), "the code")
        assert playground.app.clipboard == "for i in range(2):\n    print('row', i)"
        await playground.pilot.press("y")  # a cell without a value: copies everything that it printed
        await until(playground.pilot, lambda: playground.app.clipboard == "row 0\nrow 1", "its output")


async def test_newest_cell_is_copied_without_a_selection() -> None:
    async with open_playground() as playground:
        await playground.pilot.press("escape", "y")
        await playground.wait_for("Nothing to copy: no cell")
        await playground.run("6 * 7")
        await playground.run("x = 1")
        await playground.pilot.press("escape", "y")
        await playground.wait_for("Nothing to copy: In [2]")
        await playground.pilot.press("Y")
        await playground.wait_for("Copied 5 characters")
        assert playground.app.clipboard == "x = 1"


async def test_text_too_long_for_the_clipboard_is_refused() -> None:
    async with open_playground() as playground:
        await playground.run(f"'ü' * {MAX_BYTES // 2}")
        await playground.pilot.press("escape", "y")
        await playground.wait_for("not copied: 74,996 bytes")
        assert playground.app.clipboard == ""
        await playground.run("print('y' * 20_000)")
        await playground.pilot.press("escape", "y")
        await playground.wait_for("Copied 20,000 characters")
        assert playground.app.clipboard == "y" * 20_000


async def test_selecting_long_and_dropped_cells() -> None:
    async with open_playground((80, 24)) as playground:
        await playground.run("'first'")
        await playground.run("for i in range(100): print(f'<{i}>')", "<99>")
        await playground.run("'last'")
        await playground.pilot.press("escape", "up", "up")
        assert marked(playground)[:2] == ["In [2]: for i in range(100): print(f'<{i}>')", "<0>"]
        await playground.pilot.press("pagedown")
        await playground.wait_gone("<0>")
        assert len(marked(playground)) == playground.transcript.size.height
        assert all(row.startswith("<") for row in marked(playground))
        await playground.pilot.press("up")
        await playground.wait_for("Out[1]: 'first'")
        await playground.pilot.press("enter")
        await playground.run("print('\\n'.join(str(i) for i in range(10_000)))", "9999")
        await playground.pilot.press("escape", *["up"] * 9)
        cell = playground.transcript.selected
        assert cell is not None
        assert cell.code.startswith("print(")  # earlier cells have been dropped from the transcript


async def test_new_output_leaves_the_selected_cell_in_view() -> None:
    async with open_playground((80, 24)) as playground:
        await playground.run("'first'")
        playground.submit("import time\nfor i in range(60): time.sleep(0.02); print(f'<{i}>')")
        await playground.pilot.press("escape", "up", "up")
        await until(playground.pilot, lambda: marked(playground)[-1:] == ["Out[1]: 'first'"], "the first cell")
        await playground.wait_idle()
        assert marked(playground)[-1:] == ["Out[1]: 'first'"]
        await playground.pilot.press("escape")
        await playground.wait_for("<59>")


async def test_switching_panes_clears_the_selection() -> None:
    async with open_playground() as playground:
        await run_three_cells(playground)
        await playground.pilot.press("up", "f5", "f2")
        assert playground.app.focused is playground.prompt
        assert playground.transcript.selected is None


async def test_command_palette_acts_on_the_selected_cell() -> None:
    async with open_playground() as playground:
        await run_three_cells(playground)
        await playground.pilot.press("up", "up", "ctrl+p")
        await playground.type("selected code")
        await playground.wait_for("Playground: Copy the selected cell's code")
        await playground.pilot.press("down", "enter")
        await until(playground.pilot, lambda: playground.app.clipboard.startswith("for i"), "the code")


async def test_console_command_is_copied() -> None:
    async with open_playground() as playground:
        await playground.pilot.press("escape", "J")
        await playground.wait_for("Copied jupyter console --existing")
        session = playground.runner.session
        assert session is not None
        assert playground.app.clipboard == f"jupyter console --existing {session.connection_file}"


@pytest.mark.parametrize(("tmux", "hinted"), [("/tmp/tmux-0/default,1,0", True), (None, False)])
async def test_hint_inside_tmux(monkeypatch: pytest.MonkeyPatch, tmux: str | None, *, hinted: bool) -> None:
    if tmux is None:
        monkeypatch.delenv("TMUX", raising=False)
    else:
        monkeypatch.setenv("TMUX", tmux)
    async with open_playground() as playground:
        await playground.run("1")
        await playground.pilot.press("escape", "y")
        await playground.wait_for("Copied 1 character")
        assert ("set-clipboard on" in playground.screen) is hinted


def test_gnu_screen_gets_the_sequence_in_short_parts() -> None:
    text = "größe" * 200
    pieces = re.findall("\x1bP(.*?)\x1b\\\\", wrap_for_screen(text), re.DOTALL)
    assert "".join(f"\x1bP{piece}\x1b\\" for piece in pieces) == wrap_for_screen(text)
    assert max(map(len, pieces)) < 256
    sequence = "".join(pieces)
    assert sequence == f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"
