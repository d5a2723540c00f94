"""The time until the first paint, compared with a bare Textual app."""

import subprocess
import sys
from pathlib import Path
from statistics import median

import psutil
import pytest

from tests.tui.apps import APP, AppLauncher

pytestmark = pytest.mark.executed

ROUNDS = 9
MAX_CPU_RATIO = 2.0
"""Maximum ratio of CPU times to the bare app's. Other load hardly changes it."""
MAX_RATIO = 3.0
"""Maximum ratio of times to the bare app's; generous, because other load changes it by a third in both directions."""

BARE_APP = """
from textual.app import App, ComposeResult
from textual.widgets import Static

class BareApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("a bare app")

BareApp().run()
"""


def test_first_paint_takes_at_most_twice_the_cpu_time_of_a_bare_app(app_terminal: AppLauncher, tmp_path: Path) -> None:
    """The apps start alternately, so that other load affects both. The fastest starts are the least affected ones."""
    bare = tmp_path / "bare.py"
    bare.write_text(BARE_APP)
    contents = {(sys.executable, str(bare)): "a bare app", APP: "In [1]"}
    times: dict[str, list[float]] = {text: [] for text in contents.values()}
    cpu_times: dict[str, list[float]] = {text: [] for text in contents.values()}
    for number in range(ROUNDS + 1):
        for command, text in contents.items():
            dataset = "synthetic" if command == APP else None
            with app_terminal(command=command, dataset=dataset) as terminal:
                seconds = terminal.wait_for(text)
                used = psutil.Process(terminal.pid).cpu_times()
            if number > 0:  # the first start of each fills the file cache
                times[text].append(seconds)
                cpu_times[text].append(used.user + used.system)
    bare_time, app_time = (min(times[text]) for text in contents.values())
    bare_cpu_time, app_cpu_time = (median(cpu_times[text]) for text in contents.values())
    print(f"\napp: {app_time:.3f} s, CPU time {app_cpu_time:.2f} s")
    print(f"bare app: {bare_time:.3f} s, CPU time {bare_cpu_time:.2f} s")
    assert app_cpu_time <= MAX_CPU_RATIO * bare_cpu_time, cpu_times
    assert app_time <= MAX_RATIO * bare_time, times


def test_the_first_paint_does_not_wait_for_the_code_that_reads_runs() -> None:
    program = """if True:
        import sys
        import fashion_tui.cli.main, fashion_tui.cli.app, fashion_tui.tui.app, fashion_tui.tui.playground.pane
        from fashion_tui.cli.options import CommonOptions
        CommonOptions(None, None, None).runs_directory
        print(*sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "fashion_tui.tui.playground.pane" in done.stdout.split()
    assert not {"fashion_tui.runs.store", "fashion_tui.runs.reader"} & set(done.stdout.split())
