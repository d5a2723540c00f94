"""The claims of the lessons hold on Fashion-MNIST when a user takes all lessons in order, in one kernel."""

from pathlib import Path

import pytest

from fashion_tui.data.files import find
from fashion_tui.kernel.session import KernelSession
from fashion_tui.lessons.reader import lessons

from .checking import check_lesson


@pytest.mark.real_data
async def test_all_lessons_in_one_kernel(real_data: Path) -> None:
    """`test_cells` runs each lesson on its own, in a new namespace."""
    session = KernelSession(find("fashion-mnist", real_data))
    await session.start()
    try:
        for lesson in lessons():
            await check_lesson(session, lesson)
    finally:
        await session.close()
