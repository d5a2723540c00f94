"""The tour's panel, above the panes. It offers the tour, shows which keys to press, and ticks off completed steps."""

import re
from pathlib import Path
from typing import ClassVar, Literal

from rich.console import Console
from rich.text import Text
from textual.timer import Timer
from textual.widgets import ContentSwitcher

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, GOOD, MUTED
from fashion_tui.tui.actions import key_hints, key_of
from fashion_tui.tui.playground.pane import PlaygroundPane
from fashion_tui.tui.widgets.lines import GrowingLines, left_and_right

from . import progress
from .steps import CLOSING, INTRODUCTION, STEPS, Seen, chapters, first_of_chapter, instruction, key

INTERVAL = 0.2
"""Seconds between two observations of the app."""

MIN_HEIGHT_WITH_DIALOG = 24
"""Minimum height of the terminal, in rows, for showing the panel together with a dialog."""

KEY = key_of("everywhere", "tour")

OFFER = f"New here? **{KEY}** starts a two-minute tour. Later, {key('everywhere', 'command_palette')} finds it."

_CONSOLE = Console()
"""The console that Rich requires for wrapping text."""

_MARKED = re.compile(r"\*\*(?P<key>.+?)\*\*|`(?P<code>.+?)`")


class DialogCopy(GrowingLines):
    """A copy of the panel for dialogs that are part of a step. While a dialog is open, the panel itself is dimmed."""


class TourPanel(GrowingLines):
    """Guides the user through the app. It never takes focus and never sends keys to the app."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_name("tour.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False

    def __init__(self) -> None:
        super().__init__()
        self.display = False
        self._mode: Literal["hidden", "offer", "tour"] = "hidden"
        self._path = progress.default_path()
        # Start the chapter again, because the results of its earlier steps no longer exist.
        self._index = first_of_chapter(progress.load(self._path))
        """Index of the next step, or `len(STEPS)` when the tour is complete."""
        self._before: Seen | None = None
        """The state of the app when the step began, or None before the first check."""
        self._seen: Seen | None = None
        """The state of the app at the last check."""
        self._outcome = INTRODUCTION
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        self.app.screen_change_signal.subscribe(self, lambda _screen: self._look())

    # Offering, starting and leaving

    def offer(self) -> None:
        """Show a one-line offer of the tour until the user starts the tour or does something else."""
        progress.save(self._path, "")
        self._change_mode("offer")

    def toggle(self) -> None:
        """Leave the tour if it is shown. Otherwise, start or continue it."""
        if self._mode == "tour":
            self._leave()
        else:
            self._change_mode("tour")
            self._look()

    def start_again(self) -> None:
        """Start the tour from the first step."""
        self._index, self._before, self._outcome = 0, None, INTRODUCTION
        self._change_mode("tour")
        self._look()

    def _leave(self) -> None:
        self._change_mode("hidden")
        if self._index == len(STEPS):
            self._index, self._before, self._outcome = 0, None, INTRODUCTION
        else:
            self.notify(f"{KEY} continues the tour.")

    def _change_mode(self, mode: Literal["hidden", "offer", "tour"]) -> None:
        self._mode = mode
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_interval(INTERVAL, self._look) if mode != "hidden" else None
        self.set_class(mode == "tour", "-tour")
        self._show()

    # Looking at what happens

    def _look(self) -> None:
        if self._mode == "offer" and self._is_busy():
            self._change_mode("hidden")
        elif self._mode == "tour" and self._index < len(STEPS):
            self._follow()

    def _is_busy(self) -> bool:
        """Return whether the user has started to use the app without the tour."""
        switcher = self.screen.query_one(ContentSwitcher)
        playground = switcher.query_one(PlaygroundPane)
        return switcher.current != playground.id or playground.repl.runner.scrollback.cells.newest is not None

    def _follow(self) -> None:
        """Tick off the step if it is done, and show what to do next."""
        from .observe import observe  # noqa: PLC0415 -- it imports all panes, which the offer doesn't need

        if not all(pane.is_mounted for pane in self.screen.query_one(ContentSwitcher).children):
            return  # a new pane has no widgets yet; the timer checks again
        step, seen = STEPS[self._index], observe(self.app)
        before = self._before or seen
        if seen.pane == step.pane and step.is_done(before, seen):
            self._index += 1
            self._outcome = step.outcome
            before = seen
            progress.save(self._path, STEPS[self._index].id if self._index < len(STEPS) else "")
        self._before, self._seen = before, seen
        self._show()

    # Painting

    def _show(self) -> None:
        """Update the panel and its copy in an open dialog."""
        screen = self.app.screen
        if self._is_in_dialog and not screen.query_children(DialogCopy):
            screen.mount(DialogCopy())
        for view in (self, *screen.query_children(DialogCopy)):
            view.display = self._mode != "hidden"
            view.fit(self._lines)

    @property
    def _is_in_dialog(self) -> bool:
        """Whether the open dialog is part of a step, and the terminal is large enough for the dialog and the panel."""
        is_tour = self._mode == "tour" and self._seen is not None and self._seen.place in {"run form", "image"}
        return is_tour and self.app.size.height >= MIN_HEIGHT_WITH_DIALOG

    def _lines(self, width: int) -> list[Text]:
        if self._mode == "offer":
            return _wrapped(Text(), marked_up(OFFER), width)
        if self._mode == "hidden" or self._seen is None:
            return []
        glyphs = terminal_glyphs()
        done = Text("  ") if self._outcome == INTRODUCTION else Text(f"{glyphs.good} ", GOOD)
        text = CLOSING if self._index == len(STEPS) else instruction(STEPS[self._index], self._seen)
        return [
            self._heading(width),
            *_wrapped(done, Text(printable(self._outcome, glyphs), MUTED), width),
            *_wrapped(Text("  "), marked_up(text), width),
        ]

    def _heading(self, width: int) -> Text:
        step = STEPS[min(self._index, len(STEPS) - 1)]
        number, total = chapters().index(step.chapter) + 1, len(chapters())
        left = Text.assemble((f"Tour {number}/{total}  ", MUTED), (step.chapter, f"bold {FOREGROUND}"))
        return left_and_right(left, key_hints((KEY, "leave the tour" if self._index < len(STEPS) else "close")), width)


def _wrapped(mark: Text, text: Text, width: int) -> list[Text]:
    """Wrap the text. The first line begins with the mark; the others are indented to line up with it."""
    lines = text.wrap(_CONSOLE, max(width - mark.cell_len, 1))
    return [(Text(" " * mark.cell_len) if index else mark) + line for index, line in enumerate(lines)]


def marked_up(text: str) -> Text:
    """Return a text in which `**keys**` and `` `code` `` are highlighted."""
    line, end = Text("", FOREGROUND), 0
    for match in _MARKED.finditer(text):
        line.append(text[end : match.start()])
        line.append(match["key"] or match["code"], f"bold {ACCENT}" if match["key"] else f"bold {FOREGROUND}")
        end = match.end()
    return line.append(text[end:])
