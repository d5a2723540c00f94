"""Waiting for what the app shows, in tests that drive it without a terminal."""

import time
from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.pilot import Pilot

PATIENCE = 90.0
"""Seconds for what takes a moment on a busy machine."""


async def until(pilot: Pilot[Any], condition: Callable[[], object], what: str) -> None:
    """Go on as soon as the condition holds; fail, with the screen, where it never does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"never came: {what}; the screen:\n{screen_text(pilot.app)}"
        await pilot.pause(0.05)


def screen_text(app: App[Any]) -> str:
    """What stands on the screen."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())
