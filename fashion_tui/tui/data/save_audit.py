"""Save the findings of a label audit as CSV."""

import asyncio
import re
import time
from collections.abc import Sequence
from pathlib import Path

from textual.app import App

from fashion_tui.data.datasets import image_files
from fashion_tui.report.audit import audit_csv
from fashion_tui.schema.audit import Audit, Mark
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.tui.dialogs.save import SaveDialog, save

TITLE = "Save all findings and marks as CSV"


async def save_audit(app: App[object], audit: Audit, marks: Sequence[Mark]) -> None:
    """Ask for a path, and save all findings there with the user's marks. If saving fails, ask again.

    Call this from a worker.
    """
    path, problem = Path.cwd() / suggested_name(audit.ref, time.strftime("%Y%m%d-%H%M%S")), ""
    while (chosen := await app.push_screen_wait(SaveDialog(TITLE, path, (".csv",), problem))) is not None:
        path = chosen
        try:
            files = await asyncio.to_thread(image_files, audit.ref)
            await asyncio.to_thread(save, path, audit_csv(audit, marks, files))
        except UserError as error:
            problem = str(error)
        else:
            app.notify(f"Saved {path}", markup=False)
            return


def suggested_name(ref: DatasetRef, now: str) -> str:
    """Return a file name, such as `fashion-mnist-audit-20261130-143012.csv`."""
    words = re.sub(r"[^\w.]+", "-", ref.short_name[:60]).strip("-.")
    return f"{words or 'dataset'}-audit-{now}.csv"
