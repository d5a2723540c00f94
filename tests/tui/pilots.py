"""Functions that wait for the app in tests that run it without a terminal."""

import time
from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.pilot import Pilot

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
