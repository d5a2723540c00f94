"""What the tests of this room do with a session."""

import asyncio
import time
from collections.abc import Callable

from fashion_tui.kernel.outputs import Display, Done, Output, Result, Stream
from fashion_tui.kernel.session import KernelSession

PATIENCE = 60.0
"""Seconds that a test waits for what must come; loaded machines are slow."""


async def run(session: KernelSession, code: str) -> list[Output]:
    """All outputs of a cell."""
    async with asyncio.timeout(PATIENCE):
        return [output async for output in session.execute(code)]


async def run_until(
    session: KernelSession, code: str, reached: Callable[[Output], bool]
) -> "asyncio.Task[list[Output]]":
    """Starts a cell and returns once one of its outputs is as wished; the task gives all of them."""
    found = asyncio.Event()
    outputs: list[Output] = []

    async def collect() -> list[Output]:
        async for output in session.execute(code):
            outputs.append(output)
            if reached(output):
                found.set()
        found.set()
        return outputs

    task = asyncio.create_task(collect())
    async with asyncio.timeout(PATIENCE):
        await found.wait()
    return task


def pid_of(session: KernelSession) -> int:
    """Of the kernel, which must live."""
    assert session.pid is not None
    return session.pid


def printed(outputs: list[Output], name: str = "stdout") -> str:
    return "".join(output.text for output in outputs if isinstance(output, Stream) and output.name == name)


def result(outputs: list[Output]) -> str:
    """The text of the only result."""
    (only,) = [output for output in outputs if isinstance(output, Result)]
    return only.text


def displayed(outputs: list[Output]) -> list[str]:
    return [output.text for output in outputs if isinstance(output, Display)]


def done(outputs: list[Output]) -> Done:
    """The last output, which must be the only `Done`."""
    assert sum(isinstance(output, Done) for output in outputs) == 1
    last = outputs[-1]
    assert isinstance(last, Done)
    return last


async def eventually(condition: Callable[[], bool]) -> None:
    """Waits until something outside of this process has come true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
