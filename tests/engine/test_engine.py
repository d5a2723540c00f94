"""The engine as the panes and the commands use it: a real process, killed, misused and left alone."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from fashion_tui.engine.client import Engine, EngineDied
from fashion_tui.schema.dataset import DatasetInfo, ImagePage
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.replies import Check, Device
from fashion_tui.schema.requests import GetDataset, GetDevices, GetImages, GetShapes, GetTorchReport
from fashion_tui.schema.shapes import ShapeTable

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEVICES = tuple[Device, ...]


def shapes_of(model: str) -> GetShapes:
    return GetShapes(model=model, input_size=(1, 28, 28))


def looping(marker: Path) -> str:
    """A line that makes the file `marker`, then never ends."""
    return f"open({str(marker)!r}, 'w').close(); exec('while True: pass')"


async def appears(path: Path) -> None:
    while not path.exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
        await asyncio.sleep(0.02)


async def test_answers_are_of_their_types_and_belong_to_their_calls(engine: Engine) -> None:
    devices, info, report = await asyncio.gather(
        engine.ask(GetDevices(), DEVICES),
        engine.ask(GetDataset(name="synthetic", directory=None), DatasetInfo),
        engine.ask(GetTorchReport(), tuple[Check, ...]),
    )
    assert devices[0].name == "cpu"
    assert (sum(info.train_counts), sum(info.test_counts)) == (12_000, 2_000)
    assert {"torch", "torchvision"} <= {check.name for check in report}


async def test_pages_of_images(engine: Engine) -> None:
    def page(label: int | None, offset: int, count: int) -> GetImages:
        return GetImages(name="synthetic", directory=None, split="test", label=label, offset=offset, count=count)

    everything = await engine.ask(page(None, 0, 2_000), ImagePage)
    assert everything.total == 2_000
    assert everything.indices == tuple(range(2_000))
    assert len(everything.pixels) == 2_000 * 28 * 28

    bags = await engine.ask(page(8, 3, 5), ImagePage)
    expected = [index for index, label in enumerate(everything.labels) if label == 8]
    assert bags.total == len(expected)
    assert list(bags.indices) == expected[3:8]
    assert set(bags.labels) == {8}
    assert bags.picture(0) == everything.picture(expected[3])

    beyond = await engine.ask(page(None, 1_998, 10), ImagePage)
    assert beyond.indices == (1_998, 1_999)


async def test_what_is_wrong_is_told_with_its_exit_code(engine: Engine) -> None:
    with pytest.raises(UserError, match="nosuch") as wrong:
        await engine.ask(GetDataset(name="nosuch", directory=None), DatasetInfo)
    assert wrong.value.exit_code == 2


async def test_a_killed_engine_says_so_and_is_started_again(
    engine: Engine, write_net: Callable[..., str], tmp_path: Path
) -> None:
    marker = tmp_path / "looping"
    call = asyncio.create_task(engine.ask(shapes_of(write_net(forward=looping(marker))), ShapeTable))
    waiting = asyncio.create_task(engine.ask(GetDevices(), DEVICES))
    await appears(marker)
    killed = engine.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    for task in (call, waiting):
        with pytest.raises(EngineDied, match="SIGKILL"):
            await task
    assert (await engine.ask(GetDevices(), DEVICES))[0].name == "cpu"
    assert engine.pid != killed


def read_and_remove(log: Path, expected: str) -> None:
    assert expected in log.read_text()
    log.unlink()


async def test_an_engine_that_ends_by_itself_tells_its_last_line(engine: Engine, write_net: Callable[..., str]) -> None:
    net = write_net(init="import os; print('out of cheese'); os._exit(7)")
    with pytest.raises(EngineDied, match=r"exit code 7: out of cheese") as died:
        await engine.ask(shapes_of(net), ShapeTable)
    read_and_remove(Path(str(died.value).rpartition("its log: ")[2]), "out of cheese")


async def test_a_cancelled_call_gives_way_even_out_of_an_endless_loop(
    engine: Engine, write_net: Callable[..., str], tmp_path: Path
) -> None:
    marker = tmp_path / "looping"
    call = asyncio.create_task(engine.ask(shapes_of(write_net(forward=looping(marker))), ShapeTable))
    await appears(marker)
    before = engine.pid
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await engine.ask(GetDevices(), DEVICES))[0].name == "cpu"
    assert engine.pid == before


async def test_a_call_that_is_cancelled_before_its_turn_is_never_begun(
    engine: Engine, write_net: Callable[..., str], tmp_path: Path
) -> None:
    looks, begun = tmp_path / "looping", tmp_path / "begun"
    first = asyncio.create_task(engine.ask(shapes_of(write_net(forward=looping(looks))), ShapeTable))
    await appears(looks)
    second_net = write_net(init=f"open({str(begun)!r}, 'w').close()")
    second = asyncio.create_task(engine.ask(shapes_of(second_net), ShapeTable))
    await asyncio.sleep(0)  # lets it send its call
    for task in (second, first):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await engine.ask(GetDevices(), DEVICES)
    assert not begun.exists()


async def test_what_a_person_prints_disturbs_nothing(engine: Engine, write_net: Callable[..., str]) -> None:
    noisy = write_net(
        init="print('x' * 100_000)",
        forward="import os, sys; os.write(1, b'\\x00\\x00\\x00\\x01' * 1000); sys.stderr.write('y' * 100_000)",
    )
    table = await engine.ask(shapes_of(noisy), ShapeTable)
    assert table.total_params == 3 * 9 + 3 + 3 * 10 + 10


async def test_closing_ends_an_engine_that_computes(
    engine: Engine, write_net: Callable[..., str], tmp_path: Path
) -> None:
    marker = tmp_path / "looping"
    call = asyncio.create_task(engine.ask(shapes_of(write_net(init=looping(marker))), ShapeTable))
    await appears(marker)
    assert engine.pid is not None
    process = psutil.Process(engine.pid)
    await engine.close()
    with pytest.raises(EngineDied, match="closed"):
        await call
    assert not process.is_running()


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
    await engine.ask(GetShapes(model=sys.argv[1], input_size=(1, 28, 28)), ShapeTable)

asyncio.run(main())
"""


async def test_an_engine_ends_with_its_client_even_in_a_computation(
    write_net: Callable[..., str], tmp_path: Path
) -> None:
    marker = tmp_path / "looping"
    client = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", CLIENT, write_net(forward=looping(marker))], stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None
    with client, client.stdout:
        engine = psutil.Process(int(client.stdout.readline()))
        await appears(marker)
        client.kill()
    engine.wait(timeout=10)
    assert not engine.is_running()
