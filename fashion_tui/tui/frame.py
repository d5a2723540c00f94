"""The frame around every pane: tabs and the pulse of what is running above, keys and the data set below."""

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.events import Click
from textual.reactive import reactive
from textual.widget import Widget

from fashion_tui.report.style import ACCENT, ATTENTION, GOOD, MUTED
from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from fashion_tui.schema.run import LIVE_STATES, RunSummary

from .actions import PANE_NAMES, PaneName
from .state import DatasetState

TABS: dict[PaneName, str] = {name: f" {number} {name.capitalize()} " for number, name in enumerate(PANE_NAMES, 1)}
TABS_WHILE_TYPING: dict[PaneName, str] = {
    name: f"f{number} {name.capitalize()} " for number, name in enumerate(PANE_NAMES, 2)
}
"""Of the same widths: where digits are typed, the function keys go to the panes."""

LONG_PULSE = 48
"""Cells that the pulse takes when it says everything."""


class Header(Horizontal):
    """The five panes, and at the right the newest run that lives."""

    DEFAULT_CSS = """
    Header { height: 1; dock: top; background: $surface; }
    """

    def compose(self) -> ComposeResult:
        yield PaneTabs()
        yield Pulse()

    def show_pane(self, name: PaneName) -> None:
        self.query_one(PaneTabs).pane = name


class PaneTabs(Widget):
    DEFAULT_CSS = """
    PaneTabs { width: auto; height: 1; }
    """

    pane: reactive[PaneName] = reactive("playground")
    is_typing: reactive[bool] = reactive(False)
    """The widget in focus takes a digit as text."""

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
        at = 0
        for name, label in TABS.items():
            at += len(label)
            if event.x < at:
                self.app.call_later(self.app.run_action, f"choose_pane('{name}')")
                return


class Pulse(Widget):
    """What is running. A widget of its own: it changes every second, and the tabs beside it needn't be sent again."""

    DEFAULT_CSS = """
    Pulse { width: 1fr; height: 1; margin: 0 1; text-align: right; }
    """

    run: reactive[RunSummary | None] = reactive[RunSummary | None](None)
    live_runs: reactive[int] = reactive(0)

    def show_runs(self, runs: tuple[RunSummary, ...]) -> None:
        live = [run for run in runs if run.state in LIVE_STATES]
        self.live_runs = len(live)
        self.run = live[0] if live else None

    def render(self) -> Text:
        pulse = pulse_text(self.run, self.live_runs, short=self.size.width < LONG_PULSE)
        pulse.no_wrap = True
        return pulse


def pulse_text(run: RunSummary | None, live: int, *, short: bool) -> Text:
    """`● guide-a1b2  2/3  71%  7,090 img/s`, or nothing where no run lives."""
    if run is None:
        return Text()
    share = run.step / run.total_steps if run.total_steps else 0.0
    mark, colour = ("‖", ATTENTION) if run.state == "paused" else ("●", GOOD)
    text = Text.assemble((mark, colour), " ")
    if short:
        return text.append(f"{share:.0%}")
    text.append(short_name(run.run))
    text.append(f"  {min(run.epoch + 1, run.epochs)}/{run.epochs}  {share:4.0%}  {run.images_per_second:,.0f} img/s")
    if live > 1:
        text.append(f"  +{live - 1}", style=MUTED)
    return text


def short_name(run: str) -> str:
    """`guide-a1b2` of `20261123-143012-guide-a1b2`: what a person calls the run."""
    parts = run.split("-", 2)
    return parts[2] if len(parts) == 3 and parts[0].isdigit() and parts[1].isdigit() else run


class KeyBar(Widget):
    """The keys for where one is, made from the bindings that are active."""

    DEFAULT_CSS = """
    KeyBar { height: 1; background: $surface; }
    """

    _line = Text()
    """As it was painted last."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._bindings_updated())

    def _bindings_updated(self) -> None:
        before = self._line
        if self.render() != before:
            self.refresh()

    def _shown(self) -> list[tuple[Binding, str, str]]:
        """The bindings for which there is room, each with its key and its words as they stand on the line."""
        shown: list[tuple[Binding, str, str]] = []
        seen: set[str] = set()
        left = self.size.width
        for _node, binding, enabled, _tooltip in self.screen.active_bindings.values():
            if not binding.show or not enabled or binding.action in seen:
                continue
            seen.add(binding.action)
            key, words = f" {binding.key_display or binding.key} ", f"{binding.description} "
            left -= cell_len(key) + cell_len(words)
            if left < 0:
                break
            shown.append((binding, key, words))
        return shown

    def render(self) -> Text:
        parts = [part for _, key, words in self._shown() for part in ((key, ACCENT), (words, MUTED))]
        self._line = Text.assemble(*parts, no_wrap=True)
        return self._line

    def on_click(self, event: Click) -> None:
        at = 0
        for binding, key, words in self._shown():
            at += cell_len(key) + cell_len(words)
            if event.x < at:
                self.app.simulate_key(binding.key)
                return


class DataBar(Widget):
    """Which data set the panes show, and where runs are kept."""

    DEFAULT_CSS = """
    DataBar { height: 1; color: $muted; }
    """

    dataset: reactive[DatasetState | None] = reactive[DatasetState | None](None)
    runs_directory: reactive[str] = reactive("")

    def render(self) -> Text:
        line = Text(" ", no_wrap=True, overflow="ellipsis", style=MUTED)
        if self.dataset is None:
            line.append("looking for the data set …")
        elif self.dataset.is_synthetic:
            line.append(SYNTHETIC_NOTICE, style=ATTENTION)
            if self.dataset.problem:
                line.append(f" · {self.dataset.problem}")
        else:
            line.append("Fashion-MNIST 60,000 + 10,000")
        line.append(f" · runs: {self.runs_directory}")
        line.truncate(self.size.width, overflow="ellipsis")
        return line
