"""A second front end finds the kernel, and the session reports the cells that this front end runs."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient

from fashion_tui.kernel.outputs import Error, ExternalDone, ExternalInput, Output, Result, StateChanged, Stream
from fashion_tui.kernel.runtime_directory import open_kernels
from fashion_tui.kernel.session import KernelSession

from .cells import PATIENCE, joined, pid_of, printed, result, run

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other_client(session: KernelSession) -> AsyncIterator[AsyncKernelClient]:
    """A client that connects as `jupyter console --existing` does."""
    client = AsyncKernelClient(connection_file=str(session.connection_file))
    client.load_connection_file()
    client.start_channels()
    await client.wait_for_ready(timeout=PATIENCE)
    yield client
    client.stop_channels()


async def events_until(session: KernelSession, is_last: Callable[[Output], bool]) -> list[Output]:
    """Return the events up to the first one for which `is_last` is true."""
    outputs: list[Output] = []
    async with asyncio.timeout(PATIENCE):
        async for output in session.events():
            outputs.append(output)
            if is_last(output):
                return outputs
    raise AssertionError


def ended(output: Output) -> bool:
    return isinstance(output, ExternalDone)


async def test_cells_of_another_front_end_are_reported_with_their_outputs(
    session: KernelSession, other_client: AsyncKernelClient
) -> None:
    await run(session, "shared = 20")
    other_client.execute("print('from the other'); shared + 1")
    outputs = [output for output in await events_until(session, ended) if not isinstance(output, StateChanged)]
    cell, *between, _ = outputs
    assert isinstance(cell, ExternalInput)
    assert cell.code == "print('from the other'); shared + 1"
    assert joined(between) == [Stream("stdout", "from the other\n"), Result(cell.execution_count, "21")]
    ours = await run(session, "_")  # numbering and `_` continue after the other cell
    assert ours[0] == Result(cell.execution_count + 1, "21")


async def test_our_own_cells_are_not_reported_as_external(
    session: KernelSession, other_client: AsyncKernelClient
) -> None:
    assert printed(await run(session, "print('ours')")) == "ours\n"
    other_client.execute("'theirs'")
    inputs = [output for output in await events_until(session, ended) if isinstance(output, ExternalInput)]
    assert [output.code for output in inputs] == ["'theirs'"]


async def test_the_kernel_is_busy_with_an_external_cell_which_can_be_interrupted(
    session: KernelSession, other_client: AsyncKernelClient
) -> None:
    other_client.execute("print('go', flush=True)\nwhile True: pass")
    await events_until(session, lambda output: isinstance(output, Stream))
    await session.interrupt()
    outputs = await events_until(session, lambda output: output == StateChanged("idle"))
    assert any(isinstance(output, Error) for output in outputs)
    assert result(await run(session, "'alive'")) == "'alive'"


async def test_exit_in_another_front_end_closes_that_front_end_and_keeps_the_kernel(
    session: KernelSession, other_client: AsyncKernelClient
) -> None:
    reply = await other_client.execute_interactive("exit()", timeout=PATIENCE)
    assert [(part["source"], part["keepkernel"]) for part in reply["content"]["payload"]] == [("ask_exit", True)]
    await events_until(session, ended)
    assert result(await run(session, "'alive'")) == "'alive'"


async def test_silent_requests_of_another_front_end_are_not_reported(
    session: KernelSession, other_client: AsyncKernelClient
) -> None:
    await other_client.kernel_info(reply=True, timeout=PATIENCE)
    await other_client.execute("hidden = 1", silent=True, reply=True, timeout=PATIENCE)
    other_client.execute("seen = hidden")
    inputs = [output for output in await events_until(session, ended) if isinstance(output, ExternalInput)]
    assert [output.code for output in inputs] == ["seen = hidden"]


async def test_an_open_kernel_is_listed_with_its_console_command(session: KernelSession) -> None:
    assert session.connection_file is not None
    (kernel,) = [kernel for kernel in open_kernels() if kernel.connection_file == str(session.connection_file)]
    assert kernel.command == f"jupyter console --existing {session.connection_file}"
    assert kernel.app_pid == os.getpid()
    assert pid_of(session) != kernel.app_pid
