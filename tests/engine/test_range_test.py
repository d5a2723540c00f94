"""Range tests in a real engine: results while the test is running, and tests that are cancelled or fail."""

import asyncio
from pathlib import Path

import pytest

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.engine.client import Engine
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.range_test import RangeTest
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import FindLearningRate, GetDevices

from .conftest import NET
from .files import wait_for_file
from .test_engine import loop_forever

pytestmark = pytest.mark.asyncio(loop_scope="module")


def request_test(forward: str = "pass", **changes: int | str) -> FindLearningRate:
    """Return a request for a test of 20 steps with a custom model whose `forward` contains a line."""
    network = CustomModel(source=NET.format(init="pass", forward=forward), class_name="Net")
    values = {"seed": 0, "device": "cpu", "steps": 20, **changes}
    return FindLearningRate(recipe=GUIDE, network=network, dataset=SYNTHETIC, **values)  # type: ignore[arg-type]


async def test_the_result_so_far_arrives_while_the_test_is_running(engine: Engine) -> None:
    progress: list[tuple[int, int]] = []
    results: list[RangeTest] = []
    request = request_test("import time; time.sleep(0.02)")
    result = await engine.ask(request, RangeTest, lambda *each: progress.append(each), results.append)
    assert result.has_ended
    assert results[-1] == result
    assert len(results) > 2
    assert not any(each.has_ended for each in results[:-1])
    for (done, total), each in zip(progress, results, strict=True):
        assert (done, total) == (len(each.losses), 20)
        assert each.losses == result.losses[:done]
    again = await engine.ask(request_test(), RangeTest)
    assert again == result
    assert (await engine.ask(request_test(seed=1), RangeTest)).losses != result.losses


async def test_a_cancelled_test_ends_even_in_an_endless_loop(engine: Engine, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    call = asyncio.create_task(engine.ask(request_test(loop_forever(marker)), RangeTest))
    await wait_for_file(marker)
    pid = engine.pid
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await engine.ask(GetDevices(), tuple[Device, ...])
    assert engine.pid == pid


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        pytest.param(request_test("raise ValueError('bad luck')"), "ValueError: bad luck", id="the user's code"),
        pytest.param(request_test(steps=5), "steps is 5", id="steps"),
        pytest.param(request_test(device="tpu"), "unknown device 'tpu'", id="device"),
    ],
)
async def test_errors(request_: FindLearningRate, words: str, engine: Engine) -> None:
    with pytest.raises(UserError, match=words):
        await engine.ask(request_, RangeTest)
