"""The question whether a run's own network, whose code comes from elsewhere, may be executed."""

import asyncio
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, MUTED
from fashion_tui.runs.source import StoredModel, read_model
from fashion_tui.runs.store import load_config
from fashion_tui.runs.trust import is_trusted, trust
from fashion_tui.schema.models import CustomModel

from .frame import short_name

NOT_RUN = "The network of this run is code from elsewhere, and wasn't run."


async def may_be_run(app: App[None], run_path: Path) -> bool:
    """Whether the run's network may be executed; where that isn't known, its source is shown and the person asked.

    For a worker. UserError where the source can't be read or the answer not be noted.
    """
    stored = await asyncio.to_thread(_unknown, run_path)
    if stored is None:
        return True
    if not await app.push_screen_wait(TrustQuestion(short_name(run_path.name), stored)):
        return False
    await asyncio.to_thread(trust, stored)  # what was shown, whatever lies there now
    return True


def _unknown(run_path: Path) -> StoredModel | None:
    stored = read_model(run_path, load_config(run_path))
    return None if stored is None or is_trusted(stored) else stored


class TrustQuestion(ModalScreen[bool]):
    """Shows the source. Dismissed with True where the person lets it run; enter alone doesn't."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "dismiss(True)", "yes"),
        ("n,escape", "dismiss(False)", "no"),
    ]
    DEFAULT_CSS = """
    TrustQuestion { align: center middle; background: $background 60%; }
    TrustQuestion > Vertical { width: 100; max-width: 96%; height: auto; max-height: 96%; padding: 1 2;
        background: $panel; }
    TrustQuestion Static { height: auto; }
    TrustQuestion TextArea, TrustQuestion TextArea:focus { height: auto; max-height: 60vh; min-height: 3; margin: 1 0;
        border: none; padding: 0; background: $surface; }
    """

    def __init__(self, run: str, stored: StoredModel) -> None:
        super().__init__()
        self.run = run
        self.stored = stored

    def compose(self) -> ComposeResult:
        network, glyphs = self.stored.network, terminal_glyphs()
        whose = "code that you haven't run before" if self.stored.is_own else "another user's code"
        source = shown_source(f"{network.source}\n\n{_made(network)}")
        lines = len(source.splitlines())
        with Vertical():
            yield Static(Text(printable(f"The network of {self.run} is {whose}.", glyphs), f"bold {ATTENTION}"))
            yield Static(Text(f"Its source has {lines:,} lines; read them all.", MUTED))
            yield TextArea(source, read_only=True, show_line_numbers=True, soft_wrap=True, compact=True)
            keys = (("y", ACCENT), ("  let it run, now and later     ", MUTED), ("n", ACCENT), ("  no", MUTED))
            yield Static(Text.assemble(*keys, ("     ↑↓", ACCENT), ("  read", MUTED)))

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()


def _made(network: CustomModel) -> str:
    """The call that makes the network: its arguments may matter as much as its code."""
    given = ", ".join(f"{name}={value!r}" for name, value in network.arguments.items())
    return f"# The run makes its network by this:\n{network.class_name}({given})"


def shown_source(text: str) -> str:
    """The source as it can be read: what a terminal would obey or not show stands there as a mark."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    return "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in lines)
