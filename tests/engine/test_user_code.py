"""Custom models are found in the user's files and reloaded after changes. Their errors name file and line."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fashion_tui.engine import process as engine_process
from fashion_tui.engine.client import Engine
from fashion_tui.lab.trace.runner import MAX_CALLS
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.inputs import InputSpec
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.replies import SourceTrace
from fashion_tui.schema.requests import GetShapes, TraceSource
from fashion_tui.schema.shapes import ShapeTable

from .files import wait_for_file

INPUTS = (InputSpec(shape=(1, 8, 8)),)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def get_shapes(engine: Engine, model: str, **arguments: object) -> ShapeTable:
    return await engine.ask(GetShapes(model=model, arguments=arguments), ShapeTable)


async def test_the_file_and_its_neighbours_are_reloaded(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\nfrom width import WIDTH\n"
        "class Net(nn.Sequential):\n    def __init__(self):\n        super().__init__(nn.Conv2d(1, WIDTH, 28))\n"
    )
    for width in (3, 5):
        (tmp_path / "width.py").write_text(f"WIDTH = {width}\n")
        assert (await get_shapes(engine, f"{tmp_path}/net.py")).outputs == ((width, 1, 1),)
    assert sorted(os.listdir(tmp_path)) == ["net.py", "width.py"]  # noqa: PTH208


BLOCKS = "import torch\nclass Net(torch.nn.Flatten):\n    def __init__(self, width=1):\n        {}\n"


@pytest.mark.parametrize(
    ("blocks", "arguments", "expected"),
    [
        ("x = 1\n1 / 0", {}, "ZeroDivisionError: division by zero (line 2 of blocks.py)"),
        ("x = (", {}, "'(' was never closed (line 1 of blocks.py)"),
        (BLOCKS.format("1 / 0"), {}, "can't create Net: ZeroDivisionError: division by zero (line 4 of blocks.py)"),
        (BLOCKS.format("pass"), {"depth": 1}, "Net doesn't take depth (line 3 of blocks.py)"),
        (BLOCKS.format("while True: pass"), {}, "stopped after 1 s; check for an endless loop (line 4 of blocks.py)"),
    ],
)
async def test_an_error_in_a_module_beside_the_edited_file_names_its_line(
    engine: Engine, tmp_path: Path, blocks: str, arguments: dict[str, object], expected: str
) -> None:
    """The line belongs to a file other than the source in the editor."""
    (tmp_path / "blocks.py").write_text(blocks)
    network = CustomModel(
        source="from blocks import Net", class_name="Net", arguments=arguments, file=str(tmp_path / "unsaved.py")
    )
    trace = await engine.ask(TraceSource(network=network, inputs=INPUTS, time_limit=1.0), SourceTrace)
    assert (trace.error, trace.line) == (expected, None)


@pytest.mark.parametrize(
    ("init", "expected"),
    [
        ("1 / 0", r"net\.py:8: .*Net.*ZeroDivisionError"),
        ("raise SystemExit(3)", r"net\.py:8: .*Net.*SystemExit: 3"),
        ("what this", r"net\.py:8: .*invalid syntax"),
        ("input()", r"net\.py:8: .*Net.*EOFError"),
    ],
)
async def test_an_error_names_its_file_and_line(
    engine: Engine, write_net: Callable[..., str], init: str, expected: str
) -> None:
    with pytest.raises(UserError, match=expected) as caught:
        await get_shapes(engine, write_net(init=init))
    assert caught.value.exit_code == 1


async def test_an_error_in_forward_is_part_of_the_table(engine: Engine, write_net: Callable[..., str]) -> None:
    for line, words in [("x = x.view(-1, 5)", "view"), ("raise SystemExit(3)", "SystemExit: 3")]:
        table = await get_shapes(engine, write_net(forward=line))
        assert words in (table.error or "")
        assert table.error_line == 13


async def test_an_interrupt_that_the_code_raises_does_not_end_the_engine(
    engine: Engine, write_net: Callable[..., str]
) -> None:
    await get_shapes(engine, write_net())  # starts the engine if no earlier test has
    process = engine.pid
    for where in ("init", "forward"):
        with pytest.raises(UserError, match=r"line \d+ of net\.py raised KeyboardInterrupt"):
            await get_shapes(engine, write_net(**{where: "raise KeyboardInterrupt"}))
    assert engine.pid == process


async def test_reference_cycles_of_a_network_are_freed(engine: Engine, write_net: Callable[..., str]) -> None:
    """The engine imports torch with garbage collection disabled."""
    await get_shapes(engine, write_net(init="import gc; assert gc.isenabled()"))


@pytest.mark.parametrize(
    ("model", "status", "expected"),
    [
        ("nosuch", 2, "guide"),
        ("{net}:Other", 2, r"\bNet\b"),
        ("{net}:torch", 2, r"\bNet\b"),
        ("{empty}", 1, "nn.Module"),
    ],
)
async def test_a_missing_model_is_an_error(
    engine: Engine, write_net: Callable[..., str], tmp_path: Path, model: str, status: int, expected: str
) -> None:
    (tmp_path / "empty.py").touch()
    spec = model.format(net=write_net().removesuffix(":Net"), empty=tmp_path / "empty.py")
    with pytest.raises(UserError, match=expected) as caught:
        await get_shapes(engine, spec)
    assert caught.value.exit_code == status


async def test_arguments_are_passed_to_the_class(engine: Engine, write_net: Callable[..., str]) -> None:
    assert (await get_shapes(engine, write_net(), width=7)).rows[0].outputs == ((7, 26, 26),)
    with pytest.raises(UserError, match="wideness"):
        await get_shapes(engine, write_net(), wideness=7)


async def test_an_endless_loop_ends_at_the_time_limit_with_the_row_and_the_line(
    engine: Engine, write_net: Callable[..., str]
) -> None:
    model = write_net(forward="while x.sum() > -1: x = torch.relu(x)")
    table = await engine.ask(GetShapes(model=model, inputs=INPUTS, time_limit=3.0), ShapeTable)
    assert table.timed_out
    assert table.error_line == 13
    assert "stopped after 3 s" in (table.error or "")
    assert any(row in (table.error or "") for row in ("sum", "gt", "bool", "relu"))
    assert {row.name for row in table.rows} >= {"sum", "relu"}
    assert len(table.rows) <= MAX_CALLS + 1


@pytest.mark.parametrize("init", ["while True: pass", "import time; time.sleep(600)"])
async def test_an_endless_constructor_ends_at_the_time_limit(
    engine: Engine, write_net: Callable[..., str], init: str
) -> None:
    with pytest.raises(UserError, match=r"net\.py:8: stopped after 1 s"):
        await engine.ask(GetShapes(model=write_net(init=init), inputs=INPUTS, time_limit=1.0), ShapeTable)


async def test_code_that_ignores_the_time_limit_ends_with_the_process(
    engine: Engine, write_net: Callable[..., str]
) -> None:
    await get_shapes(engine, "guide")  # starts the process if necessary
    pid = engine.pid
    lines = (
        "import time",
        "while True:",
        "    try:",
        "        while True: time.sleep(9)",
        "    except BaseException: pass",
    )
    stubborn = "\n        ".join(lines)
    with pytest.raises(UserError, match=r"stopped after 1 s in line 1[0-9] of net\.py"):
        await engine.ask(GetShapes(model=write_net(init=stubborn), inputs=INPUTS, time_limit=1.0), ShapeTable)
    async with asyncio.timeout(90):
        while engine.pid == pid:  # noqa: ASYNC110 - the engine has no event for its end
            await asyncio.sleep(0.05)
    assert (await get_shapes(engine, "guide")).outputs == ((10,),)


async def test_code_that_ignores_its_cancellation_does_not_block_other_requests(
    engine: Engine, write_net: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_process, "CANCEL_TIMEOUT", 0.5)
    marker = tmp_path / "running"
    lines = (
        "import pathlib, time",
        f"pathlib.Path({str(marker)!r}).touch()",
        "while True:",
        "    try:",
        "        while True: time.sleep(9)",
        "    except BaseException: pass",
    )
    stubborn = write_net(forward="\n        ".join(lines))
    call = asyncio.create_task(engine.ask(GetShapes(model=stubborn, inputs=INPUTS), ShapeTable))
    await wait_for_file(marker)
    waiting = asyncio.create_task(get_shapes(engine, "guide"))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await asyncio.wait_for(waiting, 90)).outputs == ((10,),)
