"""Every cell of every lesson runs in a new namespace and shows what its card says."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from fashion_tui.data import files
from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.kernel.session import KernelSession
from fashion_tui.lessons.reader import Lesson, lessons
from fashion_tui.schema.errors import UserError

from .checking import check_lesson, clear_namespace

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session() -> AsyncIterator[KernelSession]:
    session = KernelSession(SYNTHETIC)
    await session.start()
    yield session
    await session.close()


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.id)
async def test_a_lesson_runs_on_its_own_and_its_claims_hold(session: KernelSession, lesson: Lesson) -> None:
    await clear_namespace(session)
    await check_lesson(session, lesson)


async def test_lessons_that_use_the_data_hold_on_fashion_mnist() -> None:
    try:
        real = files.verify(files.find("fashion-mnist", None))
    except UserError:
        pytest.skip("Fashion-MNIST isn't available")
    session = KernelSession(real)
    await session.start()
    try:
        for lesson in lessons():
            if any("_data" in step.code for step in lesson.steps):
                await clear_namespace(session)
                await check_lesson(session, lesson)
    finally:
        await session.close()
