"""Notifications replace the bars at the bottom, so that they cover no data."""

from pathlib import Path

import msgspec
import pytest

from tests.runs.parts import make_run
from tests.tui.pilots import app_on, screen_text, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]


async def test_a_repeated_notification_is_shown_once_and_covers_no_data(tmp_path: Path) -> None:
    with make_run(tmp_path) as run:
        run.write_status(msgspec.structs.replace(run.read_status(), state="stopped"))
    async with app_on(tmp_path, (80, 24)) as (app, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: "x: " in screen_text(app), "the charts")
        before = screen_text(app).splitlines()
        await pilot.press("ctrl+c", "ctrl+c")
        await until(
            pilot, lambda: "ctrl+q to quit" in screen_text(app).splitlines()[-1], "how to quit, in the last line"
        )
        await until(pilot, lambda: screen_text(app).splitlines()[:-1] == before[:-1], "no other notification")
        words = [f"word{number}" for number in range(20)]
        app.notify(" ".join(words))
        await until(
            pilot, lambda: [word for word in screen_text(app).split() if word in words] == words, "a long notification"
        )
        assert screen_text(app).splitlines()[:-3] == before[:-3]
