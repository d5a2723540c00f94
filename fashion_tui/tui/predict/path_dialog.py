"""A dialog that asks for the path of an existing file."""

import asyncio
import os
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.suggester import Suggester
from textual.widgets import Input, Static

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.paths import user_path
from fashion_tui.tui.actions import key_hints
from fashion_tui.tui.dialogs.dialog import Dialog

MAX_ENTRIES = 10_000
"""Maximum number of entries of a folder that are searched for a completion."""


class PathDialog(Dialog[Path | None]):
    """A dialog that asks for the path of a file. The result is an absolute path, or None if the user cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss", "cancel"),
        Binding("tab", "complete", "complete", priority=True),
    ]
    DEFAULT_CSS = """
    PathDialog .panel { width: 80; }
    PathDialog Input { background: $surface; margin: 1 0 0 0; }
    PathDialog #note { height: auto; margin: 1 0 0 0; }
    """

    input = getters.query_one(Input)
    note = getters.query_one("#note", Static)

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel"):
            yield Static(Text(self._title, "bold"))
            yield Input(compact=True, suggester=PathSuggester(), placeholder="path of a PNG or JPEG file")
            yield Static(key_hints(("enter", "predict"), ("tab", "complete"), ("esc", "cancel")), id="note")

    def action_complete(self) -> None:
        """Accept the suggested completion."""
        self.input.action_end()
        self.input.action_cursor_right()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self._check(event.value)

    @work(exclusive=True)
    async def _check(self, text: str) -> None:
        """Close the dialog if the file exists. Otherwise, show what is wrong."""
        try:
            path = await asyncio.to_thread(existing_file, text)
        except UserError as error:
            self.note.update(Text(printable(str(error), terminal_glyphs()), ATTENTION))
        else:
            self.dismiss(path)


def existing_file(text: str) -> Path:
    """Return the absolute path of a file. Raises UserError if the path isn't that of a file."""
    if not text.strip():
        raise UserError("enter the path of an image file")
    path = user_path(text.strip(), "the path").absolute()
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir may raise
        raise UserError(f"{path} is a folder; enter the path of an image file")
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists may raise
        raise UserError(f"{path} doesn't exist")
    return path


class PathSuggester(Suggester):
    """Completes the last part of a path with the first matching name in its folder."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        return await asyncio.to_thread(complete_path, value)


def complete_path(text: str) -> str | None:
    """Return the path that starts with `text` and is first in alphabetical order, or None. A folder ends with `/`."""
    folder, _, start = text.rpartition("/")
    if not start:
        return None
    shown = f"{folder}/" if "/" in text else ""
    try:
        with os.scandir(Path(shown or ".").expanduser()) as entries:
            names = [
                entry.name + ("/" if entry.is_dir() else "")
                for entry, _ in zip(entries, range(MAX_ENTRIES), strict=False)
                if entry.name.startswith(start) and entry.name.isprintable()
            ]
    except (OSError, ValueError, RuntimeError):
        return None
    return f"{shown}{min(names)}" if names else None
