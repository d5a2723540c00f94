"""The transcript also shows cells that another front end runs in the same kernel."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jupyter_client.asynchronous.client import AsyncKernelClient

from tests.tui.pilots import TIMEOUT, until

from .driver import Playground, open_playground


@asynccontextmanager
async def second_front_end(playground: Playground) -> AsyncIterator[AsyncKernelClient]:
    session = playground.runner.session
    assert session is not None
    client = AsyncKernelClient(connection_file=str(session.connection_file))
    client.load_connection_file()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=TIMEOUT)
        yield client
    finally:
        client.stop_channels()


def rows(playground: Playground) -> list[str]:
    """Return the rows of the screen, without the scrollbar."""
    scrollbar = playground.transcript.scrollable_content_region.right
    return [line[:scrollbar].strip() for line in playground.screen.split("\n")]


async def test_external_cells_are_shown_and_counted() -> None:
    async with open_playground() as playground, second_front_end(playground) as other:
        await playground.run("shared = 20")
        other.execute("for i in range(2):\n    print('from there', i)\nshared + 1")
        await playground.wait_for("Out[2]: 21", "In [3]:")
        start = rows(playground).index("From another front end:")
        assert rows(playground)[start + 1 : start + 7] == [
            "In [2]: for i in range(2):",
            "print('from there', i)",
            "shared + 1",
            "from there 0",
            "from there 1",
            "Out[2]: 21",
        ]
        await playground.run("_ + 1", "Out[3]: 22", "In [4]:")
        await playground.pilot.press("escape", "up", "up", "y")  # an external cell can be selected and copied, too
        await until(playground.pilot, lambda: playground.app.clipboard == "21", "its value")


async def test_cells_wait_for_external_ones() -> None:
    async with open_playground() as playground, second_front_end(playground) as other:
        other.execute("import time\nfor i in range(10): time.sleep(0.1); print('theirs', i)")
        await playground.wait_for("theirs 0")
        playground.submit("print('ours')")
        await playground.wait_for("In [2]: print('ours')", "In [3]:")
        await playground.wait_idle()
        await until(playground.pilot, lambda: "ours" in rows(playground), "the output of our cell")
        texts = rows(playground)
        assert texts.index("theirs 9") < texts.index("In [2]: print('ours')") < texts.index("ours")
        theirs, ours = playground.scrollback.cells
        assert (ours.result_text(), len(theirs.result_text().split("\n"))) == ("ours", 10)


async def test_interrupting_and_restarting_an_external_cell() -> None:
    async with open_playground() as playground, second_front_end(playground) as other:
        other.execute("while True: pass")
        await playground.wait_for("running", "^c interrupts")
        await playground.pilot.press("ctrl+c")
        await playground.wait_for("KeyboardInterrupt", "In [2]:")
        await playground.run("'ours'", "Out[2]: 'ours'")
        other.execute("while True: pass")
        await playground.wait_for("In [3]: while True: pass", "running")
        await playground.pilot.press("ctrl+x", "y")
        await playground.wait_for("Kernel restarted")
        await playground.run("'again'", "Out[1]: 'again'")


async def test_external_cells_wait_for_ours() -> None:
    async with open_playground() as playground, second_front_end(playground) as other:
        playground.submit("for i in range(20_000): print(f'ours {i}')")
        other.execute("print('theirs')")
        await playground.wait_for("theirs")
        await playground.wait_idle()
        ours, theirs = playground.scrollback.cells
        assert ours.result_text().endswith("ours 19999")
        assert theirs.result_text() == "theirs"
