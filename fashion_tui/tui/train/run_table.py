"""The list of runs, with its filter and the names of its columns above it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import BAD, MUTED
from fashion_tui.schema.run import RunSummary
from fashion_tui.tui.widgets.lines import GrowingLines

from . import stored_options
from .arrangement import Arrangement, Arranger, ListOptions, Outdated
from .run_lines import heading_line, run_heading
from .run_list import RunList

WIDE_COLUMNS = ("name", "state", "recipe", "epoch", "test_accuracy", "duration", "created", "tag")
"""Columns of the wide list, unless the user chooses others."""

NARROW_COLUMNS = ("name", "epoch", "test_accuracy")
"""Columns of the narrow list if it is sorted. By default, it has short lines with about the same content."""

BUSY_SECONDS = 0.5
"""Seconds after which the list shows that logs are being read."""


class InvalidPart(Highlighter):
    """Marks the invalid part of a filter."""

    def __init__(self) -> None:
        self.span: tuple[int, int] | None = None
        """Start and end (exclusive) of the invalid part, or None."""

    def highlight(self, text: Text) -> None:
        if self.span is not None:
            start, end = self.span
            text.stylize(f"bold reverse {BAD}", start, max(end, start + 1))


class FilterInput(Input):
    """The input for the filter. Enter keeps the filter, and escape removes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "keep filter", key_display=terminal_glyphs().key_names("↵")),
        Binding("escape", "remove", "remove filter", key_display="esc"),
        Binding("down", "submit", "list", show=False),
    ]

    def action_remove(self) -> None:
        self.value = ""
        self.post_message(self.Submitted(self, ""))


class RunTable(Vertical):
    """Shows the runs that match the user's filter, in the user's order. `run_list` has the cursor and the marks."""

    @dataclass
    class Arranged(Message):
        """The list shows other runs, or the same runs in another state."""

    def __init__(self, runs_directory: Path, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._runs_directory = runs_directory
        self._options_path = stored_options.default_path()
        self.options = self._stored = stored_options.load(self._options_path, runs_directory)
        self.is_wide = False
        self._is_typing = False
        """Whether the user has opened the filter, but hasn't yet confirmed or removed it."""
        self._runs: tuple[RunSummary, ...] = ()
        self._arranger = Arranger(runs_directory, terminal_glyphs())
        self._arrangement = Arrangement()
        self._invalid_part = InvalidPart()
        self._is_arranging = False
        self._is_outdated = False
        """Whether the runs or the options have changed since the last arrangement was started."""
        # The widgets are attributes, because a worker may use them while they are removed at the exit of the app.
        self.input = FilterInput(
            value=self.options.filter,
            placeholder="state:running lr>1e-3 word",
            compact=True,
            highlighter=self._invalid_part,
        )
        self.note = GrowingLines(id="list-note")
        self.heading = GrowingLines(id="list-heading")
        self.run_list = RunList(id="runs")

    def compose(self) -> ComposeResult:
        yield self.input
        yield self.note
        yield self.heading
        yield self.run_list

    def on_mount(self) -> None:
        self.note.display = self.heading.display = False
        self.input.display = bool(self.options.filter)

    def show(self, runs: tuple[RunSummary, ...]) -> None:
        """Replace all runs, which are sorted newest first."""
        self._runs = runs
        self.run_list.update_runs(runs)
        self._arrange()

    def change(self, options: ListOptions) -> None:
        """Apply other options."""
        if options != self.options:
            self.options = options
            self._arrange()

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that the list shows as columns, or those that its short lines correspond to."""
        return columns_of(self.options, is_wide=self.is_wide)

    def widen(self, *, is_wide: bool) -> None:
        """Show the columns of the wide list, or the short lines of the narrow one, unless the user chose columns."""
        self.is_wide = is_wide
        self._arrange()

    def reveal(self, run: str) -> bool:
        """Move the cursor to a run, and return whether the run is listed. If a filter hides it, remove the filter."""
        if any(listed.run == run for listed in self.run_list.runs):
            self.run_list.choose(run)
            return True
        self.remove_filter()
        return False

    def metric_names(self) -> list[str]:
        """Return the names of the metrics that runs can be sorted by. This may read a file, so call it in a thread."""
        return self._arranger.metric_names()

    # The filter

    def edit_filter(self) -> None:
        self._is_typing = True
        self.input.display = True
        self.input.focus()

    def remove_filter(self) -> None:
        self._is_typing = False
        self.input.value = ""
        self.input.display = False
        self.change(replace(self.options, filter=""))

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        self._invalid_part.span = None
        self.change(replace(self.options, filter=event.value.strip() and event.value))

    @on(Input.Submitted)
    def _filter_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._is_typing = False
        self.run_list.focus()
        self.input.display = bool(event.value.strip())
        self._arrange()  # stores the options

    # The arrangement

    @property
    def _has_short_lines(self) -> bool:
        return not (self.is_wide or self.options.sort or self.options.columns)

    def _arrange(self) -> None:
        """Arrange the runs again in a thread, because this may read many files."""
        self._is_outdated = True
        if not self._is_arranging:
            self._is_arranging = True
            self._arrange_until_current()

    @work(group="arrange")
    async def _arrange_until_current(self) -> None:
        busy = self.set_timer(BUSY_SECONDS, self._show_that_logs_are_read)
        try:
            while self._is_outdated:
                self._is_outdated = False
                options = replace(self.options, columns=() if self._has_short_lines else self.columns)
                with suppress(Outdated):
                    arrange = partial(self._arranger.arrange, self._runs, options, lambda: self._is_outdated)
                    arrangement = await asyncio.to_thread(arrange)
                    self._show(arrangement)
                    if not arrangement.problem:
                        await self._store_options()
        finally:
            self._is_outdated = True  # stops the thread if this worker is cancelled
            self._is_arranging = False
            busy.stop()

    async def _store_options(self) -> None:
        """Store the options for the next start of the app, if they have changed and the filter is complete."""
        if self.options != self._stored and not self._is_typing:
            self._stored = self.options
            await asyncio.to_thread(stored_options.save, self._options_path, self._runs_directory, self._stored)

    def _show_that_logs_are_read(self) -> None:
        if self.children:  # otherwise, the app is exiting
            self._show_note(Text(f"reading the logs {terminal_glyphs().ellipsis}", MUTED))

    def _show(self, arrangement: Arrangement) -> None:
        if not self.children:  # the app is exiting
            return
        self._arrangement = arrangement
        if self._invalid_part.span != arrangement.invalid:
            self._invalid_part.span = arrangement.invalid
            self.input.refresh()
        self._show_note(note_line(arrangement, terminal_glyphs()))
        self.run_list.show(arrangement)
        self._show_heading()
        self.post_message(self.Arranged())

    def _show_note(self, note: Text) -> None:
        self.note.display = bool(note.plain)
        self.note.fit(lambda width: list(note.wrap(self.app.console, width)))

    @on(RunList.LettersChanged)
    def _show_heading(self) -> None:
        """Show the names of the columns above the list."""
        arrangement, glyphs = self._arrangement, terminal_glyphs()
        self.heading.display = bool(arrangement.runs)
        margin = 3 if self.run_list.has_letters else 1

        def heading(_: int) -> list[Text]:
            width = self.run_list.scrollable_content_region.width - margin  # the scroll bar is beside the columns
            if arrangement.columns:
                line = heading_line(arrangement.columns, arrangement.options.sort, width, glyphs)
            else:
                line = run_heading(width, glyphs)
            return [Text.assemble(" " * margin, line)]

        self.heading.fit(heading)


def columns_of(options: ListOptions, *, is_wide: bool) -> tuple[str, ...]:
    """Return the name and the chosen or default columns.

    The field by which the runs are sorted follows the name if it isn't among the columns.
    """
    columns = options.columns or (WIDE_COLUMNS if is_wide else NARROW_COLUMNS)
    field = options.sort.removeprefix("-")
    added = (field,) if field and field not in columns else ()
    return tuple(dict.fromkeys(("name", *added, *columns)))


def note_line(arrangement: Arrangement, glyphs: Glyphs) -> Text:
    """Return why the filter is invalid, or how many runs match it and which field they are sorted by."""
    if arrangement.problem:
        return Text(printable(arrangement.problem, glyphs), BAD)
    found = f"{len(arrangement.runs):,} of {arrangement.total:,} runs" if arrangement.options.filter else ""
    return Text(found, MUTED)
