"""The comparison of two runs: settings, McNemar's test, the images that flipped, and the confusion matrices."""

import asyncio
from pathlib import Path
from typing import ClassVar, Literal, cast, get_args

from rich.console import Group
from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from fashion_tui.report.comparison import comparison_tables, prediction_lines
from fashion_tui.report.formatting import format_percent, printable, shorten
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.schema.comparison import PredictionComparison, RunComparison
from fashion_tui.schema.requests import CompareRuns
from fashion_tui.tui.actions import COMPARISON, IN_COMPARISON, bindings, with_keys
from fashion_tui.tui.app_screen import AppScreen
from fashion_tui.tui.bars import KeyBar
from fashion_tui.tui.image_pane import ImageBrowser
from fashion_tui.tui.pane import KeyLabels
from fashion_tui.tui.screen_computation import ScreenComputation
from fashion_tui.tui.train.comparison import read_comparison
from fashion_tui.tui.widgets.image_tiles import ImageTiles
from fashion_tui.tui.widgets.lines import FittedLines, GrowingLines
from fashion_tui.tui.widgets.view_names import title_and_views

from .difference_view import DifferenceView
from .explanation_screen import ExplanationScreen
from .flipped import LABEL_LINES, LETTERS, FlippedPage, run_names
from .flipped_images import FlippedImages
from .image_notes import RunImages
from .prediction_dialog import PredictionDialog

View = Literal["changes", "broken", "fixed", "confusions"]
VIEWS: tuple[View, ...] = get_args(View)
MIN_TILES = 10
VIEWS_WIDTH = 20
"""Width of the name of the current view beside the title, in columns."""
ACCURACIES_WIDTH = 23
"""Width of everything in the title but the names of the runs, in columns."""
MIN_RUN_WIDTH = 4
CAPTION = "rows: true class · columns: prediction · confusion matrix of b minus that of a"


class ComparisonScreen(KeyLabels, AppScreen[None]):
    """Compares the predictions of two runs on the same images."""

    TITLE = COMPARISON
    HELP = with_keys(
        "comparison",
        "Run a is the one that the pane shows, b is the one that you have chosen. `{next_view}` shows the settings and "
        "McNemar's test, the images that a classifies correctly and b doesn't, the opposite, and the difference of the "
        "confusion matrices.\n\n"
        "**McNemar's test** looks only at the images that one run classifies correctly and the other doesn't. Its p is "
        "the probability of a difference at least this large if both runs were equally good. In the difference of the "
        "confusion matrices, green numbers are in favour of b.",
    )
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_COMPARISON)
    DEFAULT_CSS = Path(__file__).with_name("comparison_screen.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    AUTO_FOCUS = None

    heading = getters.query_one("#comparison-title", FittedLines)
    caption = getters.query_one("#comparison-caption", GrowingLines)
    changes = getters.query_one("#changes", VerticalScroll)
    changes_text = getters.query_one("#changes-text", Static)
    browser = getters.query_one(ImageBrowser)
    matrix = getters.query_one(DifferenceView)

    def __init__(self, request: CompareRuns) -> None:
        super().__init__()
        self._request = request
        self._compared: PredictionComparison | None = None
        self._settings: RunComparison | None = None
        self._view: View = VIEWS[0]
        self._computation = ScreenComputation(self, "comparison", self._show, repeat="open")
        self._flipped = FlippedImages(
            request,
            lambda: self._computation.engine,
            self._show_caption,
            self._computation.fail,
            lambda: self._run_images.notes,
        )
        self._run_images = RunImages(self, self._show_notes)

    def compose(self) -> ComposeResult:
        yield FittedLines(id="comparison-title")
        yield GrowingLines(id="comparison-caption")
        with VerticalScroll(id="changes", can_focus=False):
            yield Static(id="changes-text")
        grid = ImageTiles(LABEL_LINES, MIN_TILES)
        grid.can_focus = False
        yield ImageBrowser(self._flipped, grid)
        yield DifferenceView(id="confusion-difference")
        yield KeyBar()

    def on_mount(self) -> None:
        self._run_images.read(Path(self._request.run_path))
        self._compute()

    def _compute(self) -> None:
        self._computation.start("evaluating", self._compare)

    async def _compare(self) -> None:
        paths = [Path(self._request.run_path), Path(self._request.other_path)]
        self._compared = await self._computation.ask(self._request, PredictionComparison)
        self._settings = await asyncio.to_thread(read_comparison, paths)

    # What is shown

    def _show_notes(self) -> None:
        self.browser.repaint()

    def _show(self) -> None:
        is_ready = self._compared is not None
        self.changes.display = is_ready and self._view == "changes"
        self.browser.display = self._flipped.change is not None
        self.matrix.display = is_ready and self._view == "confusions"
        names, view = view_names(), VIEWS.index(self._view)
        self.heading.fit(lambda width: [title_and_views(self._title(width), names, view, width)])
        self._show_caption()
        self.refresh_bindings()
        if self._compared is None:
            return
        if self._view == "changes":
            lines = prediction_lines(
                [Path(path).name for path in (self._request.run_path, self._request.other_path)], self._compared
            )
            tables = [] if self._settings is None else [Text(), *comparison_tables(self._settings)]
            self.changes_text.update(Group(*lines, *tables))
        elif self._view == "confusions":
            self.matrix.show(self._compared)
        else:
            self.call_after_refresh(self.browser.load)

    def _title(self, width: int) -> Text:
        """Return a title such as `a guide-a1b2 86.9 %   b guide-c3d4 89.2 %`, with space for the name of the view."""
        title, glyphs = Text(), terminal_glyphs()
        available = max((width - VIEWS_WIDTH - ACCURACIES_WIDTH) // 2, MIN_RUN_WIDTH)
        accuracies = (None, None) if self._compared is None else self._compared.accuracies
        for letter, run, accuracy in zip(LETTERS, run_names(self._request), accuracies, strict=True):
            title.append("   " if title else "").append(f"{letter} ", MUTED)
            title.append(shorten(run, available, glyphs), f"bold {FOREGROUND}")
            if accuracy is not None:
                title.append(f" {format_percent(accuracy)}", ACCENT)
        return title

    def _checkpoints(self) -> str:
        """Return a line such as `checkpoints: a step 5,625 · b best`."""
        names = (self._request.checkpoint, self._request.other_checkpoint)
        shown = [f"step {int(name):,}" if name.isdecimal() else name for name in names]
        return f"checkpoints: a {shown[0]} {terminal_glyphs().dot} b {shown[1]}"

    def _show_caption(self) -> None:
        self.caption.wrap(self._caption)

    def _caption(self, width: int) -> Text:
        """Return the problem, the progress, or what the view shows."""
        glyphs = terminal_glyphs()
        if status := self._computation.status(width):
            return status
        if self._view == "confusions":
            return Text(printable(CAPTION, glyphs), MUTED)
        if self._flipped.change is None:
            return Text(self._checkpoints(), MUTED)
        count, right, wrong = len(self._flipped.indices), *(LETTERS if self._view == "broken" else LETTERS[::-1])
        images = "image" if count == 1 else "images"
        cursor = self.browser.cursor
        page = f" {glyphs.dot} page {cursor.page:,}/{cursor.pages:,}" if count else ""
        return Text(f"{count:,} {images} that {right} classifies correctly and {wrong} doesn't{page}", MUTED)

    # Actions

    def label_of(self, action: str) -> str | None:
        return self._computation.label_of(action)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        shows_images = self._flipped.change is not None
        match action:
            case "next_view" | "previous_view" | "move":
                return self._compared is not None
            case "open":
                return shows_images or bool(self._computation.problem)
            case "why" | "mark_label" | "next_page" | "previous_page" | "first_page" | "last_page":
                return shows_images
            case _:
                return True

    def action_next_view(self) -> None:
        self._choose_view(1)

    def action_previous_view(self) -> None:
        self._choose_view(-1)

    def _choose_view(self, steps: int) -> None:
        if self._compared is None:
            return
        self._view = VIEWS[(VIEWS.index(self._view) + steps) % len(VIEWS)]
        self._flipped.choose(self._compared, self._view if self._view in {"broken", "fixed"} else None)
        self.browser.clear()
        self._show()

    def action_move(self, right: int, down: int) -> None:
        if self._compared is None:
            return
        if self._view == "changes":
            self.changes.scroll_relative(y=down, animate=False)
        elif self._view == "confusions":
            self.matrix.move(right, down)
        else:
            self.browser.cursor = self.browser.cursor.moved(right, down)

    def action_next_page(self) -> None:
        self.browser.cursor = self.browser.cursor.turned(1)

    def action_previous_page(self) -> None:
        self.browser.cursor = self.browser.cursor.turned(-1)

    def action_first_page(self) -> None:
        self.browser.cursor = self.browser.cursor.at(0)

    def action_last_page(self) -> None:
        self.browser.cursor = self.browser.cursor.at(self.browser.cursor.total - 1)

    def action_open(self) -> None:
        if self._computation.problem:
            self._compute()
        else:
            self.browser.enlarge(lambda step: PredictionDialog(step, self.action_why, self.action_mark_label))

    def action_mark_label(self) -> None:
        """Mark the image under the cursor as mislabelled, or remove this mark."""
        page = cast("FlippedPage | None", self.browser.page)
        if page is not None:
            image = self._flipped.key(page.first.predictions[self.browser.cursor.position])
            self._run_images.toggle_mislabelled(Path(self._request.run_path), image)

    def action_why(self) -> None:
        cursor = self.browser.cursor
        if self.browser.page is not None and self._compared is not None:
            request = self._flipped.predictions(of_first=self._view == "fixed")
            paths = self._run_images.notes.paths
            screen = ExplanationScreen(request, cursor.index, cursor.total, self._compared.classes, paths)
            self.app.push_screen(screen, self._explanation_closed)

    def _explanation_closed(self, index: int | None) -> None:
        if index is not None:
            self.browser.cursor = self.browser.cursor.at(index)

    def action_back(self) -> None:
        """Cancel the computation, or close the screen."""
        if not self._computation.cancel():
            self.dismiss()


def view_names() -> tuple[str, ...]:
    """Return the names of the views, in the order of VIEWS."""
    arrow = "→" if terminal_glyphs().unicode else ">"
    return ("changes", f"right {arrow} wrong", f"wrong {arrow} right", "confusions")
