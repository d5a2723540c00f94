"""Opens the app."""

import gc
import os
import sys
from pathlib import Path

from fashion_tui.schema.errors import UserError

from .place import Place


def open_app(place: Place, attach: Path | None) -> None:
    """The app, on that run or on the Playground. UserError where there is no terminal to draw on."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError(
            "the app needs a terminal, and stdin or stdout is none; for scripts: fashion-tui COMMAND --json"
        )
    if os.environ.get("TERM", "dumb") in {"", "dumb"}:
        raise UserError(
            "the app needs a terminal that can be drawn on, and TERM is dumb or unset; try TERM=xterm-256color"
        )
    gc.disable()  # until the first paint: what is made up to there stays
    # Only here: no other command pays for the import of textual.
    from fashion_tui.tui.app import FashionApp  # noqa: PLC0415
    from fashion_tui.tui.settings import Settings  # noqa: PLC0415

    app = FashionApp(
        Settings(
            runs_directory=place.runs_directory if attach is None else attach.parent,
            data_directory=place.data,
            dataset=place.dataset_name,
            attach=None if attach is None else attach.name,
        )
    )
    app.run()
    if app.return_code:
        sys.exit(app.return_code)
