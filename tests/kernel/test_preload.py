"""A new kernel is ready at once; torch, a network and the data are loaded when a cell uses them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fashion_tui.kernel.outputs import Error, Output, Result
from fashion_tui.kernel.session import KernelSession
from fashion_tui.schema.dataset import DatasetRef

from .cells import PATIENCE, printed, result, run

pytestmark = pytest.mark.executed  # a forked kernel has imported torch

SYNTHETIC = DatasetRef(name="synthetic", directory=None, sha256="")


@asynccontextmanager
async def started(dataset: DatasetRef | None) -> AsyncIterator[KernelSession]:
    session = KernelSession(dataset)
    await session.start()
    try:
        yield session
    finally:
        await session.close()


async def test_the_data_is_loaded_and_works_with_a_data_loader() -> None:
    async with started(SYNTHETIC) as session:
        # Code that doesn't contain the name doesn't wait for torch.
        assert result(await run(session, "('to' 'rch') in globals()")) == "False"
        assert result(await run(session, "len(train_data), len(test_data), len(classes)")) == "(12000, 2000, 10)"
        item = "image, label = train_data[0]; image.shape, image.dtype, float(image.max()) <= 1, type(label).__name__"
        assert result(await run(session, item)) == "(torch.Size([1, 28, 28]), torch.float32, True, 'int')"
        batch = "images, labels = next(iter(torch.utils.data.DataLoader(train_data, batch_size=4))); images.shape"
        assert result(await run(session, batch)) == "torch.Size([4, 1, 28, 28])"
        logits = "net(images).shape, net(test_data[:3][0]).shape"
        assert result(await run(session, logits)) == "(torch.Size([4, 10]), torch.Size([3, 10]))"
        assert result(await run(session, "sum(1 for _ in test_data), test_data[-1][1] in range(10)")) == "(2000, True)"
        assert result(await run(session, "train_data")) == (
            "<synthetic, training set: 12,000 × (image float32 [1, 28, 28] in [0, 1], label 0–9)>"
        )
        assert "torch" not in printed(await run(session, "%who"))  # preloaded names aren't listed


async def test_cells_and_errors_are_reported_while_torch_is_being_imported() -> None:
    async with started(None) as session:
        while result(await run(session, "('to' 'rch') in globals()")) == "False":
            outputs = await run(session, "1 / 0")
            assert [output.ename for output in outputs if isinstance(output, Error)] == ["ZeroDivisionError"]
            assert printed(outputs) + printed(outputs, "stderr") == ""


async def test_a_users_variable_is_not_replaced_and_waiting_can_be_interrupted() -> None:
    async with started(None) as session:
        await run(session, "net = 'mine'")
        assert result(await run(session, "torch.ones(1), net")) == "(tensor([1.]), 'mine')"

        slow = "import time, fashion_tui.kernel.preload as a; slow = a.Preloader(a.KernelSetup())\n"
        slow += "slow._groups = [a._Group(('never',), lambda: time.sleep(1_000))]; slow.start(get_ipython())"
        await run(session, slow)
        task: asyncio.Task[list[Output]] = asyncio.create_task(run(session, "never"))
        while not task.done():
            await asyncio.wait([task], timeout=0.5)
            await session.interrupt()
        assert "still loading never" in printed(task.result(), "stderr")
        assert result(await run(session, "net")) == "'mine'"


async def test_missing_data_is_reported_in_one_line_when_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASHION_TUI_DATA", str(tmp_path))  # otherwise, the images may be found there
    async with started(DatasetRef(name="fashion-mnist", directory="/nowhere", sha256="")) as session:
        outputs = await run(session, "train_data")
        last_line = printed(outputs, "stderr").strip().splitlines()[-1]
        assert "train_data, test_data, classes: fashion-mnist is no longer in /nowhere" in last_line
        assert [output.ename for output in outputs if isinstance(output, Error)] == ["NameError"]
        assert Result(2, "tensor([1.])") in await run(session, "torch.ones(1)")


async def test_files_in_the_current_directory_can_be_imported_but_cannot_break_the_start(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path_factory.mktemp("directory")
    (directory / "mine.py").write_text("value = 7")
    (directory / "random.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.chdir(directory)
    async with started(None) as session:
        assert result(await run(session, "import mine; mine.value")) == "7"


async def test_completions_and_documentation_of_a_name_wait_until_it_is_loaded() -> None:
    session = KernelSession(None)
    try:
        await session.start()
        completions, documentation = await asyncio.gather(  # importing torch takes 2 s
            session.complete("torch.aran", 10, max_wait=PATIENCE),
            session.inspect("torch.arange", 12, max_wait=PATIENCE),
        )
        assert completions.matches
        assert documentation.status == "found"
    finally:
        await session.close()
