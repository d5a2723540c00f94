"""The messages that the cell runner posts to the Playground."""

import asyncio
from pathlib import Path

from textual.message import Message

from fashion_tui.kernel.session import KernelSession
from fashion_tui.tui.playground.cell_runner import CellRunner
from fashion_tui.tui.playground.messages import KernelStatus


async def test_each_state_of_the_kernel_is_posted_even_if_it_has_changed_again() -> None:
    """Otherwise, the tensors aren't listed after a cell that has finished before the first change is handled."""
    posted: asyncio.Queue[Message] = asyncio.Queue()
    runner, session = CellRunner(posted.put_nowait), KernelSession(None, Path("/nowhere"))
    events = asyncio.create_task(runner._receive_events(session))
    session._set_state("busy")
    session._set_state("idle")
    statuses = [await posted.get() for _ in range(2)]
    events.cancel()
    assert [status.state for status in statuses if isinstance(status, KernelStatus)] == ["busy", "idle"]
