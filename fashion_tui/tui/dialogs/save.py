"""A dialog that asks for a file path, and a function that saves text to a file."""

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from fashion_tui.files import PUBLIC_MODE, read_limited, write_atomically
from fashion_tui.report.style import ATTENTION
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.paths import user_path
from fashion_tui.schema.text import encodable
from fashion_tui.target import write_error
from fashion_tui.tui.actions import key_hints

from .dialog import Dialog


def save(path: Path, content: str | bytes) -> None:
    """Replace a file's content atomically and keep its permissions. Raises UserError if the file can't be written."""
    try:
        old_mode = path.stat().st_mode & 0o777 if path.exists() else None
        write_atomically(path, _encoded(content), mode=PUBLIC_MODE)
        if old_mode is not None:
            path.chmod(old_mode)
    except OSError as error:
        raise write_error(path, error) from error


def _encoded(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else encodable(content).encode()


def differs(path: Path, text: str) -> bool:
    """Return whether the file exists and its content differs from the text."""
    try:
        content = _encoded(text)
        return read_limited(path, len(content)) != content
    except FileNotFoundError:
        return False
    except OSError:
        return True


class SaveDialog(Dialog[Path | None]):
    """A dialog that asks for a path. To replace an existing file, the user has to press enter twice."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss", "cancel")]
    DEFAULT_CSS = """
    SaveDialog .panel { width: 80; }
    SaveDialog Input { background: $surface; margin: 1 0 0 0; }
    SaveDialog #note { height: auto; margin: 1 0 0 0; }
    """

    note = getters.query_one("#note", Static)

    def __init__(
        self, title: str, path: Path, suffixes: tuple[str, ...], problem: str = "", *, also: tuple[str, ...] = ()
    ) -> None:
        """Create the dialog.

        `path` is the suggested path, `suffixes` are the accepted file suffixes, and `problem` says why the last attempt
        failed. `also` contains the suffixes of other files that are written under the same name.
        """
        super().__init__()
        self._title = title
        self._path = path
        self._suffixes = suffixes
        self._problem = problem
        self._also = also
        self._warned: Path | None = None

    def compose(self) -> ComposeResult:
        hints = key_hints(("enter", "save"), ("esc", "cancel"))
        with Vertical(classes="panel"):
            yield Static(Text(self._title, "bold"))
            yield Input(value=str(self._path), compact=True, select_on_focus=False)
            yield Static(Text(self._problem, ATTENTION) if self._problem else hints, id="note")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        try:
            path = user_path(event.value.strip(), "the path")
            problem = _problem(path, self._suffixes)
            files = [] if problem else [path, *map(path.with_suffix, self._also)]
            existing = [file.name for file in files if file.exists()]
        except UserError as error:
            problem = str(error)
        except OSError as error:
            problem = f"can't use {path}: {error.strerror}"
        if not problem and existing and path != self._warned:
            self._warned = path
            exist, them = ("exists", "it") if len(existing) == 1 else ("exist", "them")
            problem = f"{' and '.join(existing)} {exist}; press enter again to replace {them}"
        if problem:
            self.note.update(Text(problem, style=ATTENTION))
        else:
            self.dismiss(path)


def _problem(path: Path, suffixes: tuple[str, ...]) -> str:
    """Return why a file can't be saved at this path, or an empty string if it can.

    Raises OSError if the path can't be checked.
    """
    if path.suffix not in suffixes:
        return f"{path.name or path} must end in {' or '.join(suffixes)}"
    if path.is_dir():
        return f"{path} is a directory"
    if not path.parent.is_dir():
        return f"directory {path.parent} doesn't exist"
    return ""
