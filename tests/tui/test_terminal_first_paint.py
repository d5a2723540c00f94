"""The app is there nearly as soon as an app that does nothing."""

import statistics
import sys
from pathlib import Path

from tests.tui.apps import APP, Apps

ROUNDS = 9
MOST = 2.0
"""Times the bare app's first paint."""

BARE_APP = """
from textual.app import App, ComposeResult
from textual.widgets import Static

class BareApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("a bare app")

BareApp().run()
"""


def test_first_paint_within_twice_the_time_of_a_bare_app(app_terminal: Apps, tmp_path: Path) -> None:
    """Both started in turn, so that what else the machine does meets both alike."""
    bare = tmp_path / "bare.py"
    bare.write_text(BARE_APP)
    contents = {(sys.executable, str(bare)): "a bare app", APP: "In [1]"}
    times: dict[str, list[float]] = {text: [] for text in contents.values()}
    for number in range(ROUNDS + 1):
        for command, text in contents.items():
            dataset = "synthetic" if command == APP else None
            with app_terminal(command=command, dataset=dataset) as terminal:
                seconds = terminal.wait_for(text)
            if number > 0:  # the first start of each fills the file cache
                times[text].append(seconds)
    bare_median, ours_median = (statistics.median(times[text]) for text in contents.values())
    ratio = ours_median / bare_median
    figures = f"{ours_median:.3f} s, {ratio:.2f} times the bare app's {bare_median:.3f} s; all: {times}"
    print(f"\nfirst paint: {figures}")
    assert ratio <= MOST, figures
