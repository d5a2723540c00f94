"""The dialog that asks where to save a text, and the function that writes the text to that file."""

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from fashion_tui.files import PUBLIC_MODE, write_atomically
from fashion_tui.report.style import ATTENTION
from fashion_tui.schema.errors import UserError
from fashion_tui.tui.actions import key_hints

from .dialog import Dialog


def save(path: Path, text: str) -> None:
    """Replace a file's content atomically and keep its permissions. Raises UserError if the file can't be written."""
    try:
        old_mode = path.stat().st_mode & 0o777 if path.exists() else None
        write_atomically(path, text.encode(), mode=PUBLIC_MODE)
        if old_mode is not None:
            path.chmod(old_mode)
    except OSError as error:
        raise UserError(f"can't write {path}: {error.strerror or error}") from error


def differs(path: Path, text: str) -> bool:
    """Return whether the file exists and its content differs from the text."""
    try:
        return path.read_bytes() != text.encode()
    except FileNotFoundError:
        return False
    except OSError:
        return True


class SaveDialog(Dialog[Path | None]):
    """Asks for a path. To replace an existing file, the user has to press enter twice."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss", "cancel")]
    DEFAULT_CSS = """
    SaveDialog .panel { width: 80; }
    SaveDialog Input { background: $surface; margin: 1 0 0 0; }
    SaveDialog #note { height: auto; margin: 1 0 0 0; }
    """

    note = getters.query_one("#note", Static)

    def __init__(self, title: str, path: Path, suffixes: tuple[str, ...], problem: str = "") -> None:
        """Create the dialog.

        `path` is the suggested path, `suffixes` are the accepted file suffixes, and `problem` says why the last attempt
        failed.
        """
        super().__init__()
        self._title = title
        self._path = path
        self._suffixes = suffixes
        self._problem = problem
        self._warned: Path | None = None

    def compose(self) -> ComposeResult:
        hints = key_hints(("enter", "save"), ("esc", "cancel"))
        with Vertical(classes="panel"):
            yield Static(Text(self._title, "bold"))
            yield Input(value=str(self._path), compact=True, select_on_focus=False)
            yield Static(Text(self._problem, ATTENTION) if self._problem else hints, id="note")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        path = Path(event.value.strip()).expanduser()
        problem = _problem(path, self._suffixes)
        if not problem and path.exists() and path != self._warned:
            self._warned = path
            problem = f"{path.name} exists; press enter again to replace it"
        if problem:
            self.note.update(Text(problem, style=ATTENTION))
        else:
            self.dismiss(path)


def _problem(path: Path, suffixes: tuple[str, ...]) -> str:
    if path.suffix not in suffixes:
        return f"{path.name or path} must end in {' or '.join(suffixes)}"
    if path.is_dir():
        return f"{path} is a directory"
    if not path.parent.is_dir():
        return f"directory {path.parent} doesn't exist"
    return ""
