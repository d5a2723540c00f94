"""Functions that wait for the app in tests that run it without a terminal."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from fashion_tui.runs import requests
from fashion_tui.runs.run import Run
from fashion_tui.schema.run import LIVE_STATES
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.lab_app import Settings
from tests.tui.shared_engines import create_app

AppAndPilot = tuple[FashionApp, Pilot[None]]

TIMEOUT = 90.0
"""Timeout of every wait, in seconds; generous, for a busy machine."""


async def until(pilot: Pilot[Any], condition: Callable[[], object], what: str) -> None:
    """Wait until the condition holds. On a timeout, fail with the text of the screen."""
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, f"timed out waiting for {what}; the screen:\n{screen_text(pilot.app)}"
        await pilot.pause(0.05)


def screen_text(app: App[Any]) -> str:
    """Return the text on the screen."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


def footer(app: App[Any]) -> str:
    """Return the line of keys, with a space appended."""
    return screen_text(app).splitlines()[-2] + " "


@asynccontextmanager
async def app_on(
    runs: Path, size: tuple[int, int] = (120, 40), *, spare_trainer: bool = False
) -> AsyncIterator[AppAndPilot]:
    """Run the app on synthetic data, and stop its runs at the end. With `spare_trainer`, it keeps a trainer ready."""
    app = create_app(Settings(runs, dataset="synthetic"), spare_trainer=spare_trainer)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.dataset is not None, "the data set")
        try:
            yield app, pilot
        finally:
            for run in app.runs:
                if run.state in LIVE_STATES:
                    requests.stop(Run(Path(run.path)))
