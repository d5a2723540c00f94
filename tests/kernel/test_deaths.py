"""When a kernel dies, the session reports the death in one line and continues with a new kernel."""

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from fashion_tui.kernel.outputs import Died, Done, Output, StateChanged, Stream
from fashion_tui.kernel.process import KernelFailed
from fashion_tui.kernel.session import KernelSession
from tests.suspension import suspend

from .cells import PATIENCE, done, eventually, pid_of, result, run, run_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def new_session() -> AsyncIterator[KernelSession]:
    """A new session for one test. It isn't started yet."""
    session = KernelSession(None)
    yield session
    await session.close()


def deaths(outputs: list[Output]) -> list[str]:
    return [output.message for output in outputs if isinstance(output, Died)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os._exit(3)", "the kernel ended with exit code 3"),
        ("import ctypes; ctypes.string_at(0)", "the kernel was killed by SIGSEGV"),
        ("import os; os.kill(os.getpid(), 9)", "the kernel was killed by SIGKILL"),
        ("import os; os.abort()", "the kernel was killed by SIGABRT"),
        ("import sys; sys.exit()", "exit() ended the kernel"),
        ("import sys; sys.exit('enough')", "exit(enough) ended the kernel"),
        ("exit", "exit() ended the kernel"),
        ("quit()", "exit() ended the kernel"),
        ("exit(3); import time; time.sleep(1000)", "exit(3) ended the kernel"),
    ],
)
async def test_a_death_while_code_runs_is_reported_and_a_new_kernel_starts(
    session: KernelSession, code: str, reason: str
) -> None:
    await run(session, "mine = 1")
    before = session.pid
    outputs = await run(session, code)
    (message,) = deaths(outputs)
    assert message.startswith(reason)
    assert "\n" not in message
    assert outputs[-2:] == [Died(message), Done("died", None)]
    assert result(await run(session, "'mine' in dir()")) == "False"
    assert session.pid != before


async def test_output_before_death_is_shown(session: KernelSession) -> None:
    outputs = await run(session, "import os, time; print('last words', flush=True); time.sleep(0.2); os._exit(1)")
    assert outputs[0] == Stream("stdout", "last words\n")


async def test_cells_that_waited_for_a_dead_kernel_are_aborted(session: KernelSession) -> None:
    task = await run_until(
        session, "print(1, flush=True); import time; time.sleep(100)", lambda o: isinstance(o, Stream)
    )
    second = asyncio.create_task(run(session, "2"))
    await asyncio.sleep(0)
    os.kill(pid_of(session), signal.SIGKILL)
    assert done(await task).status == "died"
    assert done(await second) == Done("aborted", None)


@pytest.mark.parametrize("code", ["import os, threading; threading.Timer(0.2, os._exit, [0]).start()", None])
async def test_the_death_of_an_idle_kernel_is_an_event(new_session: KernelSession, code: str | None) -> None:
    seen: list[Output] = []

    async def listen() -> None:
        async for output in new_session.events():
            seen.append(output)  # noqa: PERF401 -- endless

    listening = asyncio.create_task(listen())
    await run(new_session, "1")
    first = pid_of(new_session)
    if code:
        await run(new_session, code)
    else:
        os.kill(first, signal.SIGKILL)
    await eventually(lambda: new_session.state == "idle" and new_session.pid not in {None, first})
    assert len(deaths(seen)) == 1
    states = [output.state for output in seen if isinstance(output, StateChanged)]
    assert states[-3:] == ["dead", "starting", "idle"]
    listening.cancel()


async def test_a_kernel_that_dies_before_it_has_run_anything_is_not_restarted_in_a_loop(
    new_session: KernelSession,
) -> None:
    await new_session.start()
    os.kill(pid_of(new_session), signal.SIGKILL)
    async for output in new_session.events():
        if isinstance(output, Died):
            assert "run a cell" in output.message
            break
    await eventually(lambda: new_session.state == "dead")
    assert new_session.pid is None
    assert result(await run(new_session, "'again'")) == "'again'"


async def test_a_restart_stops_running_code_and_clears_the_namespace(new_session: KernelSession) -> None:
    await run(new_session, "mine = 1")
    task = await run_until(
        new_session, "print(1, flush=True)\nwhile True: pass", lambda output: isinstance(output, Stream)
    )
    await asyncio.wait_for(new_session.restart(), PATIENCE)
    assert done(await task) == Done("aborted", None)
    assert not deaths(await task)
    outputs = await run(new_session, "'mine' in dir()")
    assert result(outputs) == "False"
    assert done(outputs).execution_count == 1


async def test_child_processes_of_the_kernel_end_with_it(new_session: KernelSession) -> None:
    child = result(await run(new_session, "import subprocess; subprocess.Popen(['sleep', '1000']).pid"))
    await run(new_session, "import os; os._exit(1)")
    await eventually(lambda: not psutil.pid_exists(int(child)) or psutil.Process(int(child)).status() == "zombie")


async def test_close_is_fast_and_leaves_no_files_or_processes(
    new_session: KernelSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path) if len(str(tmp_path)) < 60 else "")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    task = await run_until(
        new_session, "print(1, flush=True)\nwhile True: pass", lambda output: isinstance(output, Stream)
    )
    assert new_session._directory is not None
    directory, pid = new_session._directory.path, pid_of(new_session)
    assert directory.stat().st_mode & 0o777 == 0o700
    sockets = [path for path in directory.iterdir() if path.is_socket()]
    assert len(sockets) == 6
    assert max(len(os.fsencode(path)) for path in sockets) <= 100
    await asyncio.wait_for(new_session.close(), PATIENCE)
    assert done(await task).status == "aborted"
    assert not directory.exists()
    assert not psutil.pid_exists(pid)


async def test_close_while_the_kernel_starts(new_session: KernelSession) -> None:
    starting = asyncio.create_task(new_session.start())
    await eventually(lambda: new_session._starting is not None)
    pid = new_session._starting.pid if new_session._starting else 0
    suspend(pid)  # so that it doesn't become ready meanwhile
    await asyncio.wait_for(new_session.close(), PATIENCE)
    with pytest.raises(KernelFailed):
        await starting
    assert not psutil.pid_exists(pid)


async def test_a_kernel_that_cannot_start_says_why_in_one_line(
    new_session: KernelSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ipykernel.py").write_text("raise ImportError('this ipykernel is broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(KernelFailed) as caught:
        await new_session.start()
    assert str(caught.value).startswith("the kernel ended with exit code 1 before it was ready: ")
    assert "\n" not in str(caught.value)
    assert new_session.state == "dead"
    monkeypatch.delenv("PYTHONPATH")
    assert result(await run(new_session, "'works again'")) == "'works again'"


@pytest.mark.skipif(sys.platform != "linux", reason="oom_score_adj exists only on Linux")
async def test_when_memory_runs_out_the_kernel_is_killed_first(session: KernelSession) -> None:
    adjusted = result(await run(session, "open('/proc/self/oom_score_adj').read()"))
    assert adjusted == repr("1000\n")


@pytest.mark.parametrize("code", ["1", "while True: pass", "10 ** 10 ** 8"])
async def test_a_kernel_dies_with_its_ui_even_if_the_ui_is_killed(code: str) -> None:
    ui = textwrap.dedent(
        f"""
        import asyncio
        from fashion_tui.kernel.session import KernelSession
        async def main():
            session = KernelSession(None)
            await session.start()
            print(session.pid, flush=True)
            async for _ in session.execute({code!r}): pass
            await asyncio.sleep(1000)
        asyncio.run(main())
        """
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", ui, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    kernel = int(await process.stdout.readline())
    assert psutil.pid_exists(kernel)
    await asyncio.sleep(0.3)  # until the code is running
    process.kill()
    await process.wait()
    await eventually(lambda: not psutil.pid_exists(kernel) or psutil.Process(kernel).status() == "zombie")
