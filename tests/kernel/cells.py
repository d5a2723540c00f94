"""Run cells in a kernel session and pick values from their outputs."""

import asyncio
import time
from collections.abc import Callable, Iterable

from fashion_tui.kernel.outputs import Display, Done, Output, Result, Stream
from fashion_tui.kernel.session import KernelSession

PATIENCE = 90.0
"""Timeout of each wait, in seconds; generous, for a busy machine."""


async def run(session: KernelSession, code: str) -> list[Output]:
    """Run a cell and return all its outputs."""
    async with asyncio.timeout(PATIENCE):
        return [output async for output in session.execute(code)]


async def run_until(
    session: KernelSession, code: str, reached: Callable[[Output], bool]
) -> "asyncio.Task[list[Output]]":
    """Start a cell and wait for an output for which `reached` is true. Return a task that returns all outputs."""
    event = asyncio.Event()
    outputs: list[Output] = []

    async def collect() -> list[Output]:
        async for output in session.execute(code):
            outputs.append(output)
            if reached(output):
                event.set()
        event.set()
        return outputs

    task = asyncio.create_task(collect())
    async with asyncio.timeout(PATIENCE):
        await event.wait()
    return task


def pid_of(session: KernelSession) -> int:
    """Return the process id of the kernel, which must be running."""
    assert session.pid is not None
    return session.pid


def joined(outputs: Iterable[Output]) -> list[Output]:
    """Join consecutive chunks of a stream, because `print` writes a string and its line end separately."""
    chunks: list[Output] = []
    for output in outputs:
        last = chunks[-1] if chunks else None
        if isinstance(output, Stream) and isinstance(last, Stream) and last.name == output.name:
            chunks[-1] = Stream(output.name, last.text + output.text)
        else:
            chunks.append(output)
    return chunks


def printed(outputs: list[Output], name: str = "stdout") -> str:
    return "".join(output.text for output in outputs if isinstance(output, Stream) and output.name == name)


def result(outputs: list[Output]) -> str:
    """Return the text of the only result."""
    (only,) = [output for output in outputs if isinstance(output, Result)]
    return only.text


def displayed(outputs: list[Output]) -> list[str]:
    return [output.text for output in outputs if isinstance(output, Display)]


def done(outputs: list[Output]) -> Done:
    """Return the last output, which must be the only `Done`."""
    assert sum(isinstance(output, Done) for output in outputs) == 1
    last = outputs[-1]
    assert isinstance(last, Done)
    return last


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until a condition outside this process holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
