"""A dialog that asks whether to execute the code of a run's custom model."""

import asyncio
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static, TextArea

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION, MUTED
from fashion_tui.runs.layout import MODEL_FILE
from fashion_tui.runs.run import Run
from fashion_tui.runs.trust import StoredModel, is_trusted, list_modules, trust
from fashion_tui.schema import text
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.run import short_name
from fashion_tui.tui.actions import key_hints

from .dialog import Dialog

NOT_TRUSTED = "Not executed: you don't trust the code of the run's model."


async def confirm_trust(app: App[None], run_path: Path) -> bool:
    """Return whether the run's model may be executed. Ask the user unless the model is already trusted.

    Call this from a worker. Raises UserError if the source can't be read or the answer can't be stored.
    """
    stored = await asyncio.to_thread(_untrusted_model, run_path)
    if stored is None:
        return True
    if not await app.push_screen_wait(TrustDialog(short_name(run_path.name), stored)):
        return False
    await asyncio.to_thread(trust, stored)  # trust the source that was shown, even if the file has changed since
    return True


def _untrusted_model(run_path: Path) -> StoredModel | None:
    with Run(run_path) as run:
        stored = run.stored_model()
    return None if stored is None or is_trusted(stored) else stored


class TrustDialog(Dialog[bool]):
    """A dialog that shows the source of a model. The result is True if the user presses `y`. Enter has no effect."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "dismiss(True)", "trust"),
        ("n,escape", "dismiss(False)", "don't run"),
    ]
    DEFAULT_CSS = """
    TrustDialog .panel { width: 100; }
    TrustDialog Static { height: auto; max-height: 4; }
    TrustDialog TextArea, TrustDialog TextArea:focus { height: auto; max-height: 60vh; min-height: 3; margin: 1 0;
        border: none; padding: 0; background: $surface; }
    """
    AUTO_FOCUS = "TextArea"

    def __init__(self, run: str, stored: StoredModel) -> None:
        super().__init__()
        self.run = run
        self.stored = stored

    def compose(self) -> ComposeResult:
        model, glyphs = self.stored.network, terminal_glyphs()
        origin = "code that you haven't run before" if self.stored.is_own else "another user's code"
        source = printable_source(f"{_all_files(model)}\n\n{_constructor_call(model)}")
        lines = len(source.splitlines())
        modules = {} if model.modules is None else model.modules.sources
        files = f" They are in {len(modules) + 1:,} files: {MODEL_FILE}, {list_modules(modules)}." if modules else ""
        with Vertical(classes="panel"):
            yield Static(Text(printable(f"The model of {self.run} is {origin}. Run it?", glyphs), f"bold {ATTENTION}"))
            yield Static(Text(printable(f"Read all {lines:,} lines before you trust the code.{files}", glyphs), MUTED))
            yield TextArea(source, read_only=True, show_line_numbers=True, soft_wrap=True, compact=True)
            yield Static(key_hints(("y", "trust and run"), ("n", "don't run"), ("↑↓", "scroll")))


def _all_files(model: CustomModel) -> str:
    """Return the source of the model and of each imported module. A line with its path precedes each module."""
    modules = {} if model.modules is None else model.modules.sources
    return "\n\n".join([model.source, *(f"# {'-' * 8} {path}\n{source}" for path, source in modules.items())])


def _constructor_call(model: CustomModel) -> str:
    """Return the call that builds the model. It is shown because the arguments can matter as much as the code."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in model.arguments.items())
    return f"# The run builds its model with:\n{model.class_name}({arguments})"


def printable_source(source: str) -> str:
    """Return the source with all unprintable characters, except line breaks, replaced by `�`."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4).split("\n")
    return "\n".join(text.printable(line) for line in lines)
