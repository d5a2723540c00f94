"""Tests of what stays in memory after widgets are removed."""

import gc
from weakref import ref

from textual.widgets import Label

from fashion_tui.tui.terminal_app import TerminalApp


async def test_painted_lines_of_removed_widgets_are_freed() -> None:
    app = TerminalApp()
    async with app.run_test() as pilot:
        painted = []
        for number in range(40):
            label = Label(str(number))
            await app.mount(label)
            await pilot.pause()
            painted.append(ref(label._styles_cache))
            await label.remove()
            await pilot.pause()
        gc.collect()
        kept = sum(lines() is not None for lines in painted)
        assert kept <= 10  # caches of the screen's layout contain a few
