"""The engine as panes and commands use it: a real process that is killed, cancelled, closed and abandoned."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from fashion_tui.data.datasets import open_prepared
from fashion_tui.data.pages import Listing, listed_indices, read_page
from fashion_tui.data.sources import SYNTHETIC, SYNTHETIC_INFO
from fashion_tui.data.stored import channel_statistics
from fashion_tui.engine.client import Engine, EngineDied
from fashion_tui.lab.data.synthetic import draw
from fashion_tui.schema.dataset import DatasetInfo
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.replies import Device, HealthCheck
from fashion_tui.schema.requests import GetDevices, GetShapes, GetTorchReport, PrepareDataset
from fashion_tui.schema.shapes import ShapeTable

from .files import wait_for_file

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEVICES = tuple[Device, ...]


def request_shapes(model: str) -> GetShapes:
    return GetShapes(model=model)


def loop_forever(marker: Path) -> str:
    """Return a statement that creates the file `marker` and then never ends."""
    return f"open({str(marker)!r}, 'w').close(); exec('while True: pass')"


async def test_concurrent_requests_get_their_own_results(engine: Engine) -> None:
    devices, info, report = await asyncio.gather(
        engine.ask(GetDevices(), DEVICES),
        engine.ask(PrepareDataset(ref=SYNTHETIC), DatasetInfo),
        engine.ask(GetTorchReport(), tuple[HealthCheck, ...]),
    )
    assert devices[0].name == "cpu"
    assert (sum(info.train_counts), sum(info.test_counts)) == (12_000, 2_000)
    assert {"torch", "torchvision"} <= {check.name for check in report}


async def test_a_prepared_data_set_is_read_without_the_engine(engine: Engine) -> None:
    """The pages are compared with the images that `draw` draws."""
    info = await engine.ask(PrepareDataset(ref=SYNTHETIC), DatasetInfo)
    assert info == SYNTHETIC_INFO
    stored = open_prepared(SYNTHETIC)
    assert stored is not None
    pixels, labels = draw(2_000, seed=1)
    assert np.array_equal(stored.test.pixels, pixels.numpy())
    assert channel_statistics(stored.train.pixels) == (info.mean, info.std)

    bags = read_page(stored.test, listed_indices(stored.test, Listing(8)), 3, 5)
    expected = (labels == 8).nonzero().flatten().tolist()
    assert bags.total == len(expected) == info.test_counts[8]
    assert list(bags.indices) == expected[3:8]
    assert set(bags.labels) == {8}
    assert bags.image(1) == pixels[expected[4]].numpy().tobytes()

    last = read_page(stored.test, listed_indices(stored.test, Listing()), 1_998, 10)
    assert last.indices == (1_998, 1_999)
    assert last.pixels == pixels[1_998:].numpy().tobytes()


async def test_an_error_carries_its_exit_code(engine: Engine) -> None:
    with pytest.raises(UserError, match="nosuch") as caught:
        await engine.ask(GetShapes(model="nosuch"), ShapeTable)
    assert caught.value.exit_code == 2


async def test_a_killed_engine_is_reported_and_restarted(
    engine: Engine, write_net: Callable[..., str], tmp_path: Path
) -> None:
    marker = tmp_path / "looping"
    current = asyncio.create_task(engine.ask(request_shapes(write_net(forward=loop_forever(marker))), ShapeTable))
    queued = asyncio.create_task(engine.ask(GetDevices(), DEVICES))
    await wait_for_file(marker)
    killed = engine.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    for task in (current, queued):
        with pytest.raises(EngineDied, match="SIGKILL"):
            await task
    assert (await engine.ask(GetDevices(), DEVICES))[0].name == "cpu"
    assert engine.pid != killed


def read_and_remove(log: Path) -> str:
    content = log.read_text()
    log.unlink()
    return content


async def test_the_last_line_of_a_crashed_engine_is_reported(engine: Engine, write_net: Callable[..., str]) -> None:
    net = write_net(init="import os; print('\\nout of cheese'); os._exit(7)")
    with pytest.raises(EngineDied, match=r"exit code 7: out of cheese") as died:
        await engine.ask(request_shapes(net), ShapeTable)
    assert "out of cheese" in read_and_remove(Path(str(died.value).rpartition("see ")[2]))


async def test_only_the_end_of_a_long_last_line_is_reported(engine: Engine, write_net: Callable[..., str]) -> None:
    net = write_net(init="import os; print('y' * 10_000 + 'out of cheese'); os._exit(7)")
    with pytest.raises(EngineDied, match=r"exit code 7: y+out of cheese; see") as died:
        await engine.ask(request_shapes(net), ShapeTable)
    assert len(str(died.value)) < 500
    read_and_remove(Path(str(died.value).rpartition("see ")[2]))


async def test_cancelling_a_request_interrupts_an_endless_loop(
    engine: Engine, write_net: Callable[..., str], tmp_path: Path
) -> None:
    marker = tmp_path / "looping"
    call = asyncio.create_task(engine.ask(request_shapes(write_net(forward=loop_forever(marker))), ShapeTable))
    await wait_for_file(marker)
    before = engine.pid
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await engine.ask(GetDevices(), DEVICES))[0].name == "cpu"
    assert engine.pid == before


async def test_a_queued_request_that_is_cancelled_never_starts(
    engine: Engine, write_net: Callable[..., str], tmp_path: Path
) -> None:
    looping, started = tmp_path / "looping", tmp_path / "started"
    first = asyncio.create_task(engine.ask(request_shapes(write_net(forward=loop_forever(looping))), ShapeTable))
    await wait_for_file(looping)
    second_net = write_net(init=f"open({str(started)!r}, 'w').close()")
    second = asyncio.create_task(engine.ask(request_shapes(second_net), ShapeTable))
    await asyncio.sleep(0)  # lets the task send the second request
    for task in (second, first):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await engine.ask(GetDevices(), DEVICES)
    assert not started.exists()


async def test_output_of_user_code_does_not_disturb_the_protocol(engine: Engine, write_net: Callable[..., str]) -> None:
    noisy = write_net(
        init="print('x' * 100_000)",
        forward="import os, sys; os.write(1, b'\\x00\\x00\\x00\\x01' * 1000); sys.stderr.write('y' * 100_000)",
    )
    table = await engine.ask(request_shapes(noisy), ShapeTable)
    assert table.total_params == 3 * 9 + 3 + 3 * 10 + 10


async def test_close_ends_a_busy_engine_but_keeps_the_log_that_an_error_named(
    engine: Engine, write_net: Callable[..., str], tmp_path: Path
) -> None:
    broken = write_net(
        init="type(self).forward = eval('property(lambda self: 1 / 0)', {})"
    )  # an error outside the file
    with pytest.raises(UserError, match=r"GetShapes failed: ZeroDivisionError: .*; see ") as failed:
        await engine.ask(request_shapes(broken), ShapeTable)
    log = Path(str(failed.value).rpartition("see ")[2])
    marker = tmp_path / "looping"
    call = asyncio.create_task(engine.ask(request_shapes(write_net(init=loop_forever(marker))), ShapeTable))
    await wait_for_file(marker)
    assert engine.pid is not None
    process = psutil.Process(engine.pid)
    await engine.close()
    with pytest.raises(EngineDied, match="closed"):
        await call
    assert not process.is_running()
    assert "Traceback" in read_and_remove(log)


CLIENT = """
import asyncio, sys
from fashion_tui.engine.client import Engine
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import GetDevices, GetShapes
from fashion_tui.schema.shapes import ShapeTable

async def main():
    engine = Engine()
    await engine.ask(GetDevices(), tuple[Device, ...])
    print(engine.pid, flush=True)
    await engine.ask(GetShapes(model=sys.argv[1]), ShapeTable)

asyncio.run(main())
"""


async def test_a_busy_engine_ends_with_its_client(write_net: Callable[..., str], tmp_path: Path) -> None:
    marker = tmp_path / "looping"
    client = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", CLIENT, write_net(forward=loop_forever(marker))], stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None
    with client, client.stdout:
        engine = psutil.Process(int(client.stdout.readline()))
        log = Path(engine.cmdline()[-1])
        assert log.exists()  # noqa: ASYNC240
        await wait_for_file(marker)
        client.kill()
    engine.wait(timeout=60)
    assert not engine.is_running()
    assert not log.exists(), "no error named it"  # noqa: ASYNC240
