"""A second front end on the same kernel: it finds it, and what it runs is told of here."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient

from fashion_tui.kernel.outputs import Error, ExternalDone, ExternalInput, Output, Result, StateChanged, Stream
from fashion_tui.kernel.runtime_directory import open_kernels
from fashion_tui.kernel.session import KernelSession

from .cells import PATIENCE, pid_of, printed, result, run

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def another(session: KernelSession) -> AsyncIterator[AsyncKernelClient]:
    """As `jupyter console --existing` connects."""
    client = AsyncKernelClient(connection_file=str(session.connection_file))
    client.load_connection_file()
    client.start_channels()
    await client.wait_for_ready(timeout=PATIENCE)
    yield client
    client.stop_channels()


async def told(session: KernelSession, is_last: Callable[[Output], bool]) -> list[Output]:
    """What belongs to no cell of ours, up to the one that is waited for."""
    outputs: list[Output] = []
    async with asyncio.timeout(PATIENCE):
        async for output in session.events():
            outputs.append(output)
            if is_last(output):
                return outputs
    raise AssertionError


def ended(output: Output) -> bool:
    return isinstance(output, ExternalDone)


async def test_its_cells_are_told_of_with_their_outputs(session: KernelSession, another: AsyncKernelClient) -> None:
    await run(session, "shared = 20")
    another.execute("print('from there'); shared + 1")
    outputs = [output for output in await told(session, ended) if not isinstance(output, StateChanged)]
    begun, *between, _ = outputs
    assert isinstance(begun, ExternalInput)
    assert begun.code == "print('from there'); shared + 1"
    assert between == [Stream("stdout", "from there\n"), Result(begun.execution_count, "21")]
    ours = await run(session, "_")  # the numbers go on, and so do the results
    assert ours[0] == Result(begun.execution_count + 1, "21")


async def test_our_own_cells_are_not_taken_for_its(session: KernelSession, another: AsyncKernelClient) -> None:
    assert printed(await run(session, "print('ours')")) == "ours\n"
    another.execute("'theirs'")
    inputs = [output for output in await told(session, ended) if isinstance(output, ExternalInput)]
    assert [output.code for output in inputs] == ["'theirs'"]


async def test_the_kernel_is_busy_with_them_and_they_can_be_interrupted(
    session: KernelSession, another: AsyncKernelClient
) -> None:
    another.execute("print('go', flush=True)\nwhile True: pass")
    await told(session, lambda output: isinstance(output, Stream))
    await session.interrupt()
    outputs = await told(session, lambda output: output == StateChanged("idle"))
    assert any(isinstance(output, Error) for output in outputs)
    assert result(await run(session, "'alive'")) == "'alive'"


async def test_a_question_of_its_own_is_no_cell(session: KernelSession, another: AsyncKernelClient) -> None:
    await another.kernel_info(reply=True, timeout=PATIENCE)
    await another.execute("hidden = 1", silent=True, reply=True, timeout=PATIENCE)
    another.execute("seen = hidden")
    inputs = [output for output in await told(session, ended) if isinstance(output, ExternalInput)]
    assert [output.code for output in inputs] == ["seen = hidden"]


async def test_an_open_kernel_is_found_with_the_command_that_opens_it(session: KernelSession) -> None:
    assert session.connection_file is not None
    (found,) = [kernel for kernel in open_kernels() if kernel.connection_file == str(session.connection_file)]
    assert found.command == f"jupyter console --existing {session.connection_file}"
    assert found.app_pid == os.getpid()
    assert pid_of(session) != found.app_pid
