"""Every cell of every lesson runs in a new namespace and shows what its card says."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.kernel.session import KernelSession
from fashion_tui.lessons.reader import Lesson, lessons
from tests.kernel.cells import done, printed, run

from .checking import check_lesson, clear_namespace, is_image, run_and_answer

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


@pytest.mark.parametrize(("lesson_id", "first", "last"), [("05-reshaping", 4, 5), ("07-data", 9, 10)])
async def test_cells_draw_with_show_if_matplotlib_is_missing(
    session: KernelSession, lesson_id: str, first: int, last: int
) -> None:
    (lesson,) = [lesson for lesson in lessons() if lesson.id == lesson_id]
    assert "matplotlib" in lesson.steps[last - 1].code
    await clear_namespace(session)
    await run(
        session,
        "import sys; _modules = {name: sys.modules.get(name) for name in ('matplotlib', 'matplotlib.pyplot')}\n"
        "sys.modules.update(dict.fromkeys(_modules))",  # None makes the import fail
    )
    for step in lesson.steps[first - 1 : last]:
        outputs = await run(session, step.code)
        assert done(outputs).status == "ok"
    await run(session, "for _name in _modules: del sys.modules[_name]")
    await run(session, "sys.modules |= {name: module for name, module in _modules.items() if module}")
    assert "show() draws" in printed(outputs)
    assert any(is_image(output) for output in outputs)


async def test_debug_opens_the_debugger_at_the_line_of_the_last_error(session: KernelSession) -> None:
    """The second card of "When it doesn't work" claims this."""
    await run(session, "def inverse(number):\n    return 1 / number\n\ninverse(0)")
    outputs = await run_and_answer(session, "%debug", ("number + 41", "q"))
    assert "inverse" in printed(outputs)
    assert "41" in printed(outputs)
