"""Cells that another front end runs in the same kernel: they stand in the transcript too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jupyter_client.asynchronous.client import AsyncKernelClient

from tests.tui.pilots import PATIENCE, until

from .driver import Playground, playground


@asynccontextmanager
async def second_front_end(it: Playground) -> AsyncIterator[AsyncKernelClient]:
    session = it.pane._conversation.session
    assert session is not None
    client = AsyncKernelClient(connection_file=str(session.connection_file))
    client.load_connection_file()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=PATIENCE)
        yield client
    finally:
        client.stop_channels()


def rows(it: Playground) -> list[str]:
    """What is read, without the scrollbar."""
    scrollbar = it.transcript.scrollable_content_region.right
    return [line[:scrollbar].strip() for line in it.screen.split("\n")]


async def test_its_cells_are_shown_and_the_prompts_number_follows() -> None:
    async with playground() as it, second_front_end(it) as another:
        await it.run("shared = 20")
        another.execute("for i in range(2):\n    print('from there', i)\nshared + 1")
        await it.sees("Out[2]: 21", "In [3]:")
        start = rows(it).index("from another front end:")
        assert rows(it)[start + 1 : start + 7] == [
            "In [2]: for i in range(2):",
            "print('from there', i)",
            "shared + 1",
            "from there 0",
            "from there 1",
            "Out[2]: 21",
        ]
        await it.run("_ + 1", "Out[3]: 22", "In [4]:")
        await it.pilot.press("escape", "up", "up", "y")  # a cell like any other
        await until(it.pilot, lambda: it.app.clipboard == "21", "its value")


async def test_ours_wait_for_its_and_the_outputs_are_not_mixed() -> None:
    async with playground() as it, second_front_end(it) as another:
        another.execute("import time\nfor i in range(10): time.sleep(0.1); print('theirs', i)")
        await it.sees("theirs 0")
        it.prompt.put("print('ours')")
        it.prompt.action_run()
        await it.sees("In [2]: print('ours')", "In [3]:")
        await it.rest()
        await until(it.pilot, lambda: "ours" in rows(it), "what ours printed")
        texts = rows(it)
        assert texts.index("theirs 9") < texts.index("In [2]: print('ours')") < texts.index("ours")
        theirs, ours = it.pane._conversation.record.cells
        assert (ours.text(), len(theirs.text().split("\n"))) == ("ours", 10)


async def test_its_cell_can_be_interrupted_and_survives_no_restart() -> None:
    async with playground() as it, second_front_end(it) as another:
        another.execute("while True: pass")
        await it.sees("running", "^c interrupts")
        await it.pilot.press("ctrl+c")
        await it.sees("KeyboardInterrupt", "In [2]:")
        await it.run("'ours'", "Out[2]: 'ours'")
        another.execute("while True: pass")
        await it.sees("In [3]: while True: pass", "running")
        await it.pilot.press("ctrl+x", "y")
        await it.sees("a fresh kernel")
        await it.run("'again'", "Out[1]: 'again'")


async def test_a_flood_of_ours_ends_before_its_cell_begins() -> None:
    async with playground() as it, second_front_end(it) as another:
        it.prompt.put("for i in range(20_000): print(f'ours {i}')")
        it.prompt.action_run()
        another.execute("print('theirs')")
        await it.sees("theirs")
        await it.rest()
        ours, theirs = it.pane._conversation.record.cells
        assert ours.text().endswith("ours 19999")
        assert theirs.text() == "theirs"
