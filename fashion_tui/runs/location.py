"""Find the default runs folder. The app imports this before the first paint, so it imports nothing else of `runs`."""

import os
from pathlib import Path

import platformdirs

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.paths import check_utf8, is_utf8, user_path
from fashion_tui.settings import user_settings

RUNS_VARIABLE = "FASHION_TUI_RUNS"
"""Environment variable that names the runs folder."""


def default_runs_dir() -> Path:
    """Return $FASHION_TUI_RUNS, else the folder in the settings file, else `runs` in the state directory.

    Raises UserError if the path can't be used.
    """
    chosen = os.environ.get(RUNS_VARIABLE)
    if chosen:
        return check_utf8(user_path(chosen, RUNS_VARIABLE).absolute(), RUNS_VARIABLE)
    if (configured := user_settings().runs) is not None:
        return configured
    folder = platformdirs.user_state_path("fashion-tui", appauthor=False) / "runs"
    if not folder.is_absolute():
        raise UserError("your home directory is unknown; set HOME, or choose a folder for runs with --runs DIR")
    if not is_utf8(folder):
        raise UserError(
            f"the default folder for runs, {str(folder)!r}, isn't UTF-8; choose another one with --runs DIR"
        )
    return folder
