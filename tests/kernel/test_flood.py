"""Endless output uses bounded memory and leaves the event loop responsive. The newest part is kept."""

import asyncio
import time

import psutil
import pytest

from fashion_tui.kernel.limits import MAX_CHARACTERS, MAX_LINES
from fashion_tui.kernel.outputs import Display, Dropped, Output, Stream
from fashion_tui.kernel.session import KernelSession

from .cells import PATIENCE, done, eventually, printed, result, run, run_until

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 2**20


async def test_of_a_million_lines_the_newest_are_kept(session: KernelSession) -> None:
    seen = 0
    dropped = 0
    last = ""
    async with asyncio.timeout(PATIENCE):
        async for output in session.execute("print('\\n'.join(str(i) for i in range(1_000_000)))"):
            if isinstance(output, Dropped):
                dropped += output.lines
            elif isinstance(output, Stream):
                seen += output.text.count("\n")
                last = output.text
    assert seen + dropped == 1_000_000
    assert seen >= MAX_LINES
    assert last.endswith("\n999999\n")


@pytest.mark.parametrize(
    "code",
    [
        "while True: print('x')",
        "while True: print('x', flush=True)",
        "while True: print('y' * 1_000_000)",
        "while True: print('x', end='\\r')",
        "while True: display('z')",
        "!yes",
    ],
)
async def test_an_endless_flood_is_bounded_and_can_be_interrupted(session: KernelSession, code: str) -> None:
    this_process = psutil.Process()
    delays: list[float] = []

    async def beat() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            delays.append(time.perf_counter() - before - 0.01)

    beating = asyncio.create_task(beat())
    task = await run_until(session, code, lambda output: isinstance(output, Stream | Display))
    before = this_process.memory_info().rss
    await asyncio.sleep(1.5)
    beating.cancel()
    grown = this_process.memory_info().rss - before
    await session.interrupt()
    outputs = await asyncio.wait_for(task, PATIENCE)
    assert done(outputs).status in {"ok", "error"}
    kept = sum(len(output.text) for output in outputs if isinstance(output, Stream | Display))
    assert grown < 16 * MIB + 4 * kept  # `outputs` itself holds the kept text
    assert sorted(delays)[len(delays) * 9 // 10] < 0.1
    assert result(await run(session, "'alive'")) == "'alive'"


async def test_unread_output_takes_no_memory(session: KernelSession) -> None:
    outputs = session.execute("for i in range(300): print('y' * 100_000, flush=True)\nprint('end')")
    first = await anext(outputs)
    assert isinstance(first, Stream | Dropped)
    before = psutil.Process().memory_info().rss
    await eventually(lambda: session.state == "idle")
    assert psutil.Process().memory_info().rss - before < 16 * MIB
    rest: list[Output] = [output async for output in outputs]
    assert any(isinstance(output, Dropped) and output.characters > 0 for output in rest)
    assert len(printed(rest)) <= 2 * MAX_CHARACTERS
    assert printed(rest).endswith("end\n")


@pytest.mark.parametrize("code", ["'v' * 50_000_000", "raise ValueError('v' * 5_000_000)"])
async def test_an_enormous_value_is_truncated(session: KernelSession, code: str) -> None:
    outputs = await run(session, code)
    assert "more characters" in repr(outputs)
    assert len(repr(outputs)) < 5 * MAX_CHARACTERS
