"""Saving a text to a file of the person's: where to, and whether what is there may go."""

import os
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from fashion_tui.report.style import ACCENT, ATTENTION, MUTED
from fashion_tui.runs.files import write_atomically
from fashion_tui.schema.errors import UserError

NEW_FILE_MODE = 0o644


def save(path: Path, text: str) -> None:
    """The file holds the text, or what it held before; its permissions stay. UserError where it can't be written."""
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else NEW_FILE_MODE & ~_umask()
        write_atomically(path, text.encode())
        path.chmod(mode)
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror or error}") from error


def differs(path: Path, text: str) -> bool:
    """Whether there is something else in the file than this text."""
    try:
        return path.read_text(encoding="utf-8") != text
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError):
        return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


class SaveForm(ModalScreen[Path | None]):
    """Asks for a path; where there is a file already, enter has to be pressed once more."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss", "cancel")]
    DEFAULT_CSS = """
    SaveForm { align: center middle; background: $background 60%; }
    SaveForm > Vertical { width: 76; max-width: 96%; height: auto; padding: 1 2; background: $panel; }
    SaveForm Input { background: $surface; margin: 1 0 0 0; }
    SaveForm .words { height: auto; margin: 1 0 0 0; }
    """

    def __init__(self, title: str, path: Path, suffixes: tuple[str, ...], problem: str = "") -> None:
        """`path` stands in the field at first; `suffixes` are those that a name may end with.

        `problem`: why a file there couldn't be written a moment ago.
        """
        super().__init__()
        self._title = title
        self._path = path
        self._suffixes = suffixes
        self._problem = problem
        self._warned: Path | None = None

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text(self._title, "bold"))
            yield Input(value=str(self._path), compact=True, select_on_focus=False)
            keys = (("enter", ACCENT), ("  save     ", MUTED), ("esc", ACCENT), ("  cancel", MUTED))
            yield Static(Text(self._problem, ATTENTION) if self._problem else Text.assemble(*keys), classes="words")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        path = Path(event.value.strip()).expanduser()
        problem = _problem(path, self._suffixes)
        if not problem and path.exists() and path != self._warned:
            self._warned = path
            problem = f"{path.name} is there already; enter once more replaces it"
        if problem:
            self.query_one(".words", Static).update(Text(problem, style=ATTENTION))
        else:
            self.dismiss(path)


def _problem(path: Path, suffixes: tuple[str, ...]) -> str:
    if path.suffix not in suffixes:
        return f"the file's name has to end in {' or '.join(suffixes)}"
    if path.is_dir():
        return f"{path} is a folder"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    return ""
