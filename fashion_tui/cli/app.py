"""Open the app."""

import asyncio
import gc
import os
import sys
from pathlib import Path

from fashion_tui.schema.errors import UserError

from .options import CommonOptions


def open_app(common: CommonOptions, attach: Path | None) -> None:
    """Run the app and show the run `attach` first, or the Playground if `attach` is None.

    Raises UserError if the terminal can't show the app.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError(
            "the app needs a terminal, but stdin or stdout isn't one; in scripts use: fashion-tui COMMAND --json"
        )
    if os.environ.get("TERM", "dumb") in {"", "dumb"}:
        raise UserError("the app can't draw on this terminal because TERM is dumb or unset; try TERM=xterm-256color")
    gc.disable()  # to start faster; the app enables garbage collection after the first paint
    # Imported here because no other command needs Textual.
    from fashion_tui.tui.app import FashionApp  # noqa: PLC0415
    from fashion_tui.tui.lab_app import Settings  # noqa: PLC0415
    from fashion_tui.tui.signals import exit_on_signals  # noqa: PLC0415

    async def run() -> None:
        with exit_on_signals(app):
            await app.run_async()

    app = FashionApp(
        Settings(
            runs_directory=common.runs_directory if attach is None else attach.parent,
            data_directory=common.data,
            dataset=common.dataset_name,
            image_size=common.image_size,
            fit=common.fit,
            attach=None if attach is None else attach.name,
        )
    )
    asyncio.run(run())
    if app.return_code:
        sys.exit(app.return_code)
