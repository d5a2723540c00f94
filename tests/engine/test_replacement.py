"""Engines that hang, start slowly, lose a reply or are interrupted: every request is answered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from fashion_tui.engine import process as engine_process
from fashion_tui.engine.client import Engine, EngineStuck
from fashion_tui.engine.process import EngineProcess
from fashion_tui.engine.protocol import Reply, ToClient
from fashion_tui.schema.models import MODELS, CustomModel
from fashion_tui.schema.requests import GetBuiltinSource, GetShapes, GetWeights
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.schema.weights import Histogram
from fashion_tui.tui.sandbox_engine import SandboxEngine
from tests.suspension import suspend

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = GetBuiltinSource(model=MODELS[0])

# Each process that starts an engine waits here as long as the file exists.
SLOW_START = """
import os, sys, time
if "fashion_tui.engine" in sys.orig_argv:
    print("waiting", flush=True)
    while os.path.exists({hold!r}):
        time.sleep(0.02)
"""


@pytest_asyncio.fixture(loop_scope="module")
async def own_engine() -> AsyncIterator[Engine]:
    engine = Engine()
    yield engine
    await engine.close()


@pytest.fixture
def lost_replies(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list. For each element that a test adds, one reply is lost."""
    lost: list[int] = []
    dispatch = EngineProcess._dispatch

    def lose(process: EngineProcess, message: ToClient) -> None:
        if isinstance(message, Reply) and lost:
            lost.pop()
        else:
            dispatch(process, message)

    monkeypatch.setattr(EngineProcess, "_dispatch", lose)
    return lost


async def test_a_lost_reply_is_asked_for_again(own_engine: Engine, lost_replies: list[int]) -> None:
    await own_engine.ask(SOURCE, CustomModel)
    first = own_engine.pid
    lost_replies.append(1)
    others = [asyncio.create_task(own_engine.ask(SOURCE, CustomModel)) for _ in range(2)]
    assert {(await task).class_name for task in others} == {"GuideNet"}
    assert own_engine.pid != first
    lost_replies.extend([1, 2])
    with pytest.raises(EngineStuck, match="lost"):
        await own_engine.ask(SOURCE, CustomModel)
    assert (await own_engine.ask(SOURCE, CustomModel)).class_name == "GuideNet"


async def test_a_lost_reply_of_the_sandbox(lost_replies: list[int]) -> None:
    sandbox = SandboxEngine()
    for position in range(3):  # the reply that shows that the process is ready, the ping's, the request's
        await sandbox.ask(SOURCE, CustomModel, 60.0)
        lost_replies.extend(range(position))
        assert (await sandbox.ask(SOURCE, CustomModel, 60.0)).class_name == "GuideNet"
    await sandbox.close()


async def test_an_engine_that_hangs_is_replaced(own_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    await own_engine.ask(SOURCE, CustomModel)
    monkeypatch.setattr(engine_process, "CHECK_TIMEOUT", 1.0)
    assert own_engine.pid is not None
    stuck = psutil.Process(own_engine.pid)
    suspend(stuck.pid)
    async with asyncio.timeout(engine_process.START_TIMEOUT / 2):  # its reply has shown that it has started
        assert (await own_engine.ask(SOURCE, CustomModel)).class_name == "GuideNet"
    assert not stuck.is_running()


async def test_a_request_without_progress_is_given_up(write_net: Callable[..., str], tmp_path: Path) -> None:
    engine = Engine(max_silence=1.0)
    await engine.ask(SOURCE, CustomModel)
    net = write_net(forward=f"open({str(tmp_path / 'looping')!r}, 'a').write('x'); exec('while True: pass')")
    with pytest.raises(EngineStuck, match="progress"):
        await engine.ask(GetShapes(model=net), ShapeTable)
    assert (tmp_path / "looping").read_text() == "xx"  # the request was sent twice
    await engine.close()


async def pid_of_new_process(engine: Engine) -> int:
    while (pid := engine.pid) is None:  # noqa: ASYNC110 -- no event announces a new process
        await asyncio.sleep(0.02)
    return pid


async def test_a_slow_start_is_waited_for_and_one_that_hangs_is_replaced(
    own_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    (tmp_path / "sitecustomize.py").write_text(SLOW_START.format(hold=str(hold)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    slow = asyncio.create_task(own_engine.ask(SOURCE, CustomModel))
    first = await pid_of_new_process(own_engine)
    await asyncio.sleep(2 * engine_process.CHECK_INTERVAL)
    hold.unlink()
    assert (await slow).class_name == "GuideNet"
    assert own_engine.pid == first

    await own_engine.close()
    monkeypatch.setattr(engine_process, "START_TIMEOUT", 1.0)
    hold.touch()
    hanging = asyncio.create_task(own_engine.ask(SOURCE, CustomModel))
    first = await pid_of_new_process(own_engine)
    while psutil.pid_exists(first):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    monkeypatch.setattr(engine_process, "START_TIMEOUT", 120.0)
    hold.unlink()
    assert (await hanging).class_name == "GuideNet"


async def test_requests_interrupted_at_any_point_leave_the_sandbox_usable(write_net: Callable[..., str]) -> None:
    sandbox = SandboxEngine()
    source = Path(write_net().partition(":")[0]).read_text()  # noqa: ASYNC240
    weights = GetWeights(network=CustomModel(source=source, class_name="Net"))
    await sandbox.ask(weights, tuple[Histogram, ...], 60.0)
    started = asyncio.get_running_loop().time()
    await sandbox.ask(weights, tuple[Histogram, ...], 60.0)
    duration = asyncio.get_running_loop().time() - started
    for step in range(24):  # from before the request is sent to after its reply has arrived
        interrupted = asyncio.create_task(sandbox.ask(weights, tuple[Histogram, ...], 60.0))
        between = asyncio.create_task(sandbox.ask(SOURCE, CustomModel, 60.0)) if step % 2 else None
        await asyncio.sleep(step * duration / 16)
        interrupted.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await interrupted
        if between is not None:
            assert (await between).class_name == "GuideNet"
        assert len(await sandbox.ask(weights, tuple[Histogram, ...], 60.0)) == 4
    await sandbox.close()


async def test_a_process_that_exits_while_it_is_being_killed(
    own_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own_engine.ask(SOURCE, CustomModel)
    process = own_engine._process
    assert process is not None
    process._process.kill()
    await asyncio.wait_for(process._process.wait(), 90)
    monkeypatch.setattr(engine_process, "EXIT_TIMEOUT", 0.0)
    assert "SIGKILL" in await process._exit_reason("")
