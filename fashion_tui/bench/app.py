"""Start the app on a pseudo-terminal, with temporary runs."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fashion_tui.runs import requests
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import list_runs
from fashion_tui.schema.errors import UserError

from .terminal import TerminalProgram

APP = (sys.executable, "-P", "-m", "fashion_tui")
SPEED = r"img/s\s+[\d,]*[1-9]"
"""Regular expression for the training speed, which appears on the screen together with the first loss."""

ReportProgress = Callable[[str], None]
"""Called with a description of the current measurement."""


@contextmanager
def temporary_runs() -> Iterator[tuple[dict[str, str], Path]]:
    """Create a temporary runs folder, and stop its runs on exit.

    Yield environment variables and the folder's path. The variables select the folder and hide the user's settings.
    """
    with tempfile.TemporaryDirectory() as folder:
        runs_directory = Path(folder) / "runs"
        yield (
            os.environ
            | {
                "XDG_STATE_HOME": folder,
                "XDG_CONFIG_HOME": folder,
                "FASHION_TUI_RUNS": str(runs_directory),
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
            },
            runs_directory,
        )
        for summary in list_runs(runs_directory):
            with suppress(UserError), Run(Path(summary.path)) as run:
                requests.stop(run)


def start_app(environ: dict[str, str]) -> TerminalProgram:
    """Start the app with synthetic data, on a terminal of 120×40 cells."""
    return TerminalProgram([*APP, "--dataset", "synthetic"], environ)
