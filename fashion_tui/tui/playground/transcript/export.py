"""Save the session to a file, and copy code and results to the clipboard."""

import asyncio
import os
import time
from collections.abc import Iterable
from pathlib import Path

from textual.app import App

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.kernel import KernelSetup
from fashion_tui.tui.clipboard import size_problem, tmux_hint
from fashion_tui.tui.dialogs.save import SaveDialog, save

from .cells import Cell
from .session_file import NOTEBOOK, PYTHON, session_text

COPIED_SECONDS = 3.0
"""How long to show a notification such as `Copied 12 characters`, in seconds."""

NOTHING_TO_COPY = "Nothing to copy: no cell has run yet."


async def save_session(app: App[object], cells: Iterable[Cell], setup: KernelSetup) -> bool:
    """Ask for a path and save the session there. If saving fails, ask again. Call this from a worker."""
    title = f"Save the session as a notebook ({NOTEBOOK}) or as Python ({PYTHON})"
    path, problem = Path.cwd() / time.strftime(f"playground-%Y%m%d-%H%M%S{NOTEBOOK}"), ""
    while (chosen := await app.push_screen_wait(SaveDialog(title, path, (NOTEBOOK, PYTHON), problem))) is not None:
        path = chosen
        snapshots = [cell.snapshot() for cell in cells]
        try:
            text = await asyncio.to_thread(session_text, path.suffix, snapshots, setup)
            await asyncio.to_thread(save, path, text)
        except UserError as error:
            problem = str(error)
        else:
            app.notify(f"Saved {path}", markup=False)
            return True
    return False


async def copy_result(app: App[object], cell: Cell | None) -> None:
    """Copy the cell's value, or all its output if it has no value. `cell` is None if no cell has run."""
    if cell is None:
        app.notify(NOTHING_TO_COPY)
    elif text := await asyncio.to_thread(cell.snapshot().result_text):
        copy(app, text, _length(text))
    else:
        app.notify(f"Nothing to copy: In [{cell.number}] has no output.")


def copy_code(app: App[object], cell: Cell | None) -> None:
    """Copy the cell's code. `cell` is None if no cell has run."""
    if cell is None:
        app.notify(NOTHING_TO_COPY)
    else:
        copy(app, cell.code, _length(cell.code))


def copy(app: App[object], text: str, description: str, seconds: float = COPIED_SECONDS) -> None:
    """Copy `text` to the user's clipboard and show a notification for `seconds` seconds.

    If the text is too long, show a warning instead.
    """
    if problem := size_problem(text):
        app.notify(problem, severity="warning", markup=False)
    else:
        app.copy_to_clipboard(text)
        app.notify(f"Copied {description}{tmux_hint(os.environ)}", timeout=seconds, markup=False)


def _length(text: str) -> str:
    return f"{len(text):,} character{'' if len(text) == 1 else 's'}"
