"""A fresh kernel answers at once, and has torch, a network and the data when they are asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fashion_tui.kernel.outputs import Error, Output, Result
from fashion_tui.kernel.session import KernelSession
from fashion_tui.schema.dataset import DatasetRef

from .cells import printed, result, run

SYNTHETIC = DatasetRef(name="synthetic", directory=None, sha256="")


@asynccontextmanager
async def started(dataset: DatasetRef | None) -> AsyncIterator[KernelSession]:
    session = KernelSession(dataset)
    await session.start()
    try:
        yield session
    finally:
        await session.close()


async def test_the_data_is_there_and_fits_a_loader() -> None:
    async with started(SYNTHETIC) as session:
        assert result(await run(session, "('to' 'rch') in globals()")) == "False"  # other code needn't wait for it
        assert result(await run(session, "len(train_data), len(test_data), len(classes)")) == "(12000, 2000, 10)"
        one = "image, label = train_data[0]; image.shape, image.dtype, float(image.max()) <= 1, type(label).__name__"
        assert result(await run(session, one)) == "(torch.Size([1, 28, 28]), torch.float32, True, 'int')"
        batch = "images, labels = next(iter(torch.utils.data.DataLoader(train_data, batch_size=4))); images.shape"
        assert result(await run(session, batch)) == "torch.Size([4, 1, 28, 28])"
        logits = "net(images).shape, net(test_data[:3][0]).shape"
        assert result(await run(session, logits)) == "(torch.Size([4, 10]), torch.Size([3, 10]))"
        assert result(await run(session, "sum(1 for _ in test_data), test_data[-1][1] in range(10)")) == "(2000, True)"
        assert result(await run(session, "train_data")) == (
            "<synthetic, training set: 12,000 × (image float32 [1, 28, 28] in [0, 1], label 0–9)>"
        )
        assert "torch" not in printed(await run(session, "%who"))  # what we put there isn't listed as the person's


async def test_what_a_person_defines_meanwhile_stays_theirs_and_waiting_can_be_interrupted() -> None:
    async with started(None) as session:
        await run(session, "net = 'mine'")
        assert result(await run(session, "torch.ones(1), net")) == "(tensor([1.]), 'mine')"

        slow = "import time, fashion_tui.kernel.preload as a; slow = a.Preloader(a.KernelSetup())\n"
        slow += "slow._batches = [a._Batch(('never',), lambda: time.sleep(1_000))]; slow.offer(get_ipython())"
        await run(session, slow)
        task: asyncio.Task[list[Output]] = asyncio.create_task(run(session, "never"))
        while not task.done():
            await asyncio.wait([task], timeout=0.5)
            await session.interrupt()
        assert "interrupted: never will be there later" in printed(task.result(), "stderr")
        assert result(await run(session, "net")) == "'mine'"


async def test_missing_data_is_told_in_one_line_where_it_is_asked_for() -> None:
    async with started(DatasetRef(name="fashion-mnist", directory="/nowhere", sha256="")) as session:
        outputs = await run(session, "train_data")
        said = printed(outputs, "stderr").strip().splitlines()
        assert said[-1].startswith("train_data, test_data, classes are missing: /nowhere/FashionMNIST/raw/")
        assert [output.ename for output in outputs if isinstance(output, Error)] == ["NameError"]
        assert Result(2, "tensor([1.])") in await run(session, "torch.ones(1)")


async def test_files_beside_a_person_are_importable_but_cannot_break_the_start(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path_factory.mktemp("place")
    (place / "mine.py").write_text("value = 7")
    (place / "random.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.chdir(place)
    async with started(None) as session:
        assert result(await run(session, "import mine; mine.value")) == "7"


async def test_a_name_that_is_on_its_way_is_completed_when_it_is_there() -> None:
    session = KernelSession(None)
    try:
        await session.start()
        assert (await session.complete("torch.aran", 10)).matches  # torch takes a second or two
    finally:
        await session.close()
