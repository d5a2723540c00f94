"""The bars above and below the pane: a header with tabs and the newest live run, a line of keys, and a status bar."""

from rich.cells import cell_len
from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.events import Click
from textual.reactive import reactive
from textual.widget import Widget

from fashion_tui.machine.terminal import unicode_obstacle
from fashion_tui.report.formatting import format_percent, printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.runs import state_mark, state_text
from fashion_tui.report.style import ACCENT, ATTENTION, MUTED
from fashion_tui.schema.dataset import synthetic_notice
from fashion_tui.schema.run import LIVE_STATES, RunSummary, short_name

from .actions import key_of
from .key_settings import is_input
from .lab_app import DatasetState, Preparation
from .pane import KeyLabels
from .pane_actions import PANE_NAMES, PaneName
from .widgets.lines import FittedLines, left_and_right


def _tabs(*, is_typing: bool) -> dict[PaneName, str]:
    keys = {name: key_of("everywhere", name, inside_editors=is_typing) for name in PANE_NAMES}
    return {name: f"{key:>2} {name.capitalize()} " for name, key in keys.items()}


TABS, TABS_WHILE_TYPING = _tabs(is_typing=False), _tabs(is_typing=True)
"""Labels of the tabs, each with the key that opens the pane.

The keys are digits or, while the focused widget takes digits as input, function keys. Both sets of labels have the same
widths.
"""

ASCII_HINT_SECONDS = 30.0

FULL_INDICATOR_WIDTH = 48
"""Minimum width, in columns, for showing the full text of the run indicator."""


class PaneTabs(Widget):
    DEFAULT_CSS = """
    PaneTabs { width: auto; height: 1; }
    """

    pane: reactive[PaneName] = reactive("playground")
    is_typing: reactive[bool] = reactive(False)
    """True if the focused widget takes digits as input."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._focus_moved())

    def _focus_moved(self) -> None:
        focused = self.screen.focused
        self.is_typing = focused is not None and focused.check_consume_key("1", "1")

    def render(self) -> Text:
        tabs = Text(no_wrap=True)
        for name, label in (TABS_WHILE_TYPING if self.is_typing else TABS).items():
            tabs.append(label, style=f"bold {ACCENT} reverse" if name == self.pane else MUTED)
        return tabs

    def on_click(self, event: Click) -> None:
        end = 0
        for name, label in TABS.items():
            end += len(label)
            if event.x < end:
                self.app.call_later(self.app.run_action, f"choose_pane('{name}')")
                return


class RunIndicator(FittedLines):
    """The progress of the newest live run, or of the newest queued run if no other run is live."""

    DEFAULT_CSS = """
    RunIndicator { width: 1fr; height: 1; margin: 0 1; }
    """

    def show_runs(self, runs: tuple[RunSummary, ...]) -> None:
        live = sorted((run for run in runs if run.state in LIVE_STATES), key=lambda run: run.state == "queued")

        def line(width: int) -> list[Text]:
            text = indicator_text(live[0] if live else None, len(live), short=width < FULL_INDICATOR_WIDTH)
            return [left_and_right(Text(), text, width)]

        self.fit(line)


class Header(Horizontal):
    """The tabs of the panes, with the newest live run on the right."""

    DEFAULT_CSS = """
    Header { height: 1; dock: top; background: $surface; }
    """

    tabs = getters.query_one(PaneTabs)

    def compose(self) -> ComposeResult:
        yield PaneTabs()
        yield RunIndicator()

    def show_pane(self, name: PaneName) -> None:
        self.tabs.pane = name


def indicator_text(run: RunSummary | None, live_runs: int, *, short: bool) -> Text:
    """Return `● guide-a1b2  2/3   71 %  7,090 img/s`, or an empty text if no run is live.

    A logged run is shown as `● my-net-a1b2  step 1,200`, because its number of steps isn't known in advance. A queued
    run is shown as `○ guide-a1b2 queued 1`.
    """
    if run is None:
        return Text()
    glyphs = terminal_glyphs()
    share = run.step / run.total_steps if run.total_steps else 0.0
    glyph, colour = (glyphs.live, ACCENT) if run.state == "starting" else state_mark(run.state, glyphs)
    text = Text.assemble((glyph, colour), " ")
    is_logged = run.kind == "logged"
    if short:
        if run.state == "queued":
            return text.append(state_text(run))
        return text.append(f"{run.step:,}" if is_logged else format_percent(share, digits=0))
    text.append(short_name(run.run))
    if run.state == "queued":
        text.append(f"  {state_text(run)}")
    elif is_logged:
        text.append(f"  step {run.step:,}")
    else:
        epoch = min(run.epoch + 1, run.epochs)
        speed = f"{run.images_per_second:,.0f} img/s"
        text.append(f"  {epoch}/{run.epochs}  {format_percent(share, digits=0):>5}  {speed}")
    if live_runs > 1:
        text.append(f"  +{live_runs - 1}", style=MUTED)
    return text


def _hint_width(hint: tuple[Binding, str, str]) -> int:
    _binding, key, label = hint
    return cell_len(key) + cell_len(label)


class KeyBar(Widget):
    """A line that lists the keys of the active bindings."""

    DEFAULT_CSS = """
    KeyBar { height: 1; background: $surface; }
    """

    _line: Text | None = None
    """The line as it was last rendered."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._bindings_updated())

    def _bindings_updated(self) -> None:
        previous = self._line
        if previous is not None and self.render() != previous:
            self.refresh()

    def _hints(self) -> list[tuple[Binding, str, str]]:
        """Return each binding that fits on the line, with its padded key and label. The key of the help always fits."""
        found = self._all_hints()
        reserved = next((_hint_width(hint) for hint in found if hint[0].action == "help"), 0)
        hints: list[tuple[Binding, str, str]] = []
        free, is_full = self.size.width - reserved, False
        for hint in found:
            is_help = hint[0].action == "help"
            width = 0 if is_help else _hint_width(hint)
            is_full = is_full or width > free
            if is_help or not is_full:
                free -= width
                hints.append(hint)
        return hints

    def _all_hints(self) -> list[tuple[Binding, str, str]]:
        hints: list[tuple[Binding, str, str]] = []
        seen: set[str] = set()
        focused = self.screen.focused
        is_typing = focused is not None and focused.check_consume_key("1", "1")
        for node, binding, enabled, _tooltip in self.screen.active_bindings.values():
            if not binding.show or not enabled or binding.action in seen:
                continue
            if is_typing and is_input(binding.key) and not binding.priority:
                continue
            seen.add(binding.action)
            label = node.label_of(binding.action) if isinstance(node, KeyLabels) else None
            if label is None:
                label = binding.description
            if label:
                hints.append((binding, f" {binding.key_display or binding.key} ", f"{label} "))
        return hints

    def render(self) -> Text:
        parts = [part for _, key, label in self._hints() for part in ((key, ACCENT), (label, MUTED))]
        self._line = Text.assemble(*parts, no_wrap=True)
        return self._line

    def on_click(self, event: Click) -> None:
        end = 0
        for binding, key, label in self._hints():
            end += cell_len(key) + cell_len(label)
            if event.x < end:
                self.app.simulate_key(binding.key)
                return


class StatusBar(Widget):
    """A line that shows the current data set and the runs directory."""

    DEFAULT_CSS = """
    StatusBar { height: 1; color: $muted; }
    """

    dataset: reactive[DatasetState | None] = reactive[DatasetState | None](None)
    preparing: reactive[Preparation | None] = reactive[Preparation | None](None)
    runs_directory: reactive[str] = reactive("")
    ascii_hint: reactive[str] = reactive("")
    """Explains how to get Unicode output instead of ASCII. It is shown for ASCII_HINT_SECONDS after the start."""

    def on_mount(self) -> None:
        obstacle = unicode_obstacle()
        if obstacle is not None:
            self.ascii_hint = f"ASCII only: {obstacle.remedy}"
            self.set_timer(ASCII_HINT_SECONDS, self._hide_ascii_hint)

    def _hide_ascii_hint(self) -> None:
        self.ascii_hint = ""

    def render(self) -> Text:
        line = Text(" ", no_wrap=True, overflow="ellipsis", style=MUTED)
        if self.preparing is not None:
            line.append(f"reading {printable(self.preparing.ref.short_name, terminal_glyphs())}")
            if self.preparing.total:
                line.append(f" {self.preparing.done:,} of {self.preparing.total:,} images")
        elif self.dataset is None:
            line.append(f"finding the data set {terminal_glyphs().ellipsis}")
        elif self.dataset.is_synthetic:
            line.append(synthetic_notice(printable(self.dataset.requested, terminal_glyphs())), style=ATTENTION)
            if self.dataset.problem:
                line.append(f" · {self.dataset.problem}")
        else:
            info = self.dataset.info
            line.append(f"{printable(info.title, terminal_glyphs())} {info.train_size:,} + {info.test_size:,}")
        if self.ascii_hint:
            line.append(f" · {self.ascii_hint}", style=ATTENTION)
        line.append(f" · runs: {self.runs_directory}")
        line.truncate(self.size.width, overflow="ellipsis")
        return line
