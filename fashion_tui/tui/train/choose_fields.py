"""Dialogs that ask which field to sort the list of runs by, and which fields to show as columns."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from rich.text import Text
from textual.app import App

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND
from fashion_tui.runs.fields import FIELDS
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog

from .run_lines import sort_text
from .run_table import RunTable

NEWEST_FIRST = "-created"

DESCENDING = ("created", "accuracy", "duration", "epoch", "step", "speed", "disk")
"""Fields whose names contain one of these words are sorted in descending order at first."""


async def choose_order(app: App[None], table: RunTable, metrics: Sequence[str]) -> None:
    """Ask which field to sort the runs by. If the user chooses the current field again, reverse the order."""
    current = table.options.sort or NEWEST_FIRST
    glyphs = terminal_glyphs()

    def label(name: str) -> Text:
        is_current = name == current.removeprefix("-")
        return Text(printable(sort_text(current, glyphs) if is_current else name, glyphs), FOREGROUND)

    choices = [Choice(name, label(name)) for name in await _field_names(table, metrics)]
    dialog = ChoiceDialog("Sort by; choose a field again to reverse the order", choices, current.removeprefix("-"))
    name = await app.push_screen_wait(dialog)
    if name is not None:
        table.change(replace(table.options, sort="" if (order := next_order(current, name)) == NEWEST_FIRST else order))


def next_order(current: str, name: str) -> str:
    """Return the order after the user has chosen a field."""
    if current.removeprefix("-") == name:
        return name if current.startswith("-") else f"-{name}"
    return f"-{name}" if any(word in name for word in DESCENDING) else name


async def choose_columns(app: App[None], table: RunTable, metrics: Sequence[str]) -> None:
    """Ask which fields to show as columns beside the name. The columns of the list are chosen and come first."""
    shown = table.columns[1:]
    names = dict.fromkeys((*shown, *await _field_names(table, metrics)))
    dialog = ColumnsDialog([name for name in names if name != "name"], shown)
    await app.push_screen_wait(dialog)
    if dialog.columns != shown:
        table.change(replace(table.options, columns=dialog.columns))


async def _field_names(table: RunTable, metrics: Sequence[str]) -> tuple[str, ...]:
    """Return the names of all fields: settings, then the last and the best value of each metric."""
    known = await asyncio.to_thread(table.metric_names)
    of_metrics = (f"{metric}{end}" for metric in (*metrics, *known) for end in ("", ".best"))
    return tuple(dict.fromkeys((*FIELDS, *of_metrics)))


class ColumnsDialog(ChoiceDialog):
    """A dialog in which enter adds a column or removes it."""

    def __init__(self, names: Sequence[str], columns: tuple[str, ...]) -> None:
        self.columns = columns
        self._names = names
        title = "Columns beside the name: enter adds or removes one"
        super().__init__(title, self._choices(), columns[0] if columns else None)

    def submit(self, key: str) -> None:
        if key in self.columns:
            self.columns = tuple(name for name in self.columns if name != key)
        else:
            self.columns = (*self.columns, key)
        self.chosen = key
        self.choices = self._choices()
        self.show_matching()

    def _choices(self) -> tuple[Choice, ...]:
        return tuple(Choice(name, self._label(name)) for name in self._names)

    def _label(self, name: str) -> Text:
        """Return the name of a field, followed by its position among the columns if it is one."""
        glyphs = terminal_glyphs()
        label = Text(printable(name, glyphs), FOREGROUND)
        if name in self.columns:
            label.append(f"  {glyphs.good} {self.columns.index(name) + 1}", ACCENT)
        return label
