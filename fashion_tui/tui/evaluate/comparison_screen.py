"""The comparison of two runs: settings, McNemar's test, the images that flipped, and the confusion matrices."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, get_args

from rich.console import Group
from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from fashion_tui.report.comparison import comparison_tables, prediction_lines
from fashion_tui.report.confusion_difference import difference_lines
from fashion_tui.report.formatting import format_percent, printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.schema.comparison import PredictionComparison, RunComparison
from fashion_tui.schema.evaluation import PredictionPage
from fashion_tui.schema.picture import Picture
from fashion_tui.schema.requests import CompareRuns, GetPredictions
from fashion_tui.schema.run import short_name
from fashion_tui.tui.actions import COMPARISON, IN_COMPARISON, bindings, with_keys
from fashion_tui.tui.app_screen import AppScreen
from fashion_tui.tui.bars import KeyBar
from fashion_tui.tui.image_pane import ImageBrowser
from fashion_tui.tui.pane import KeyLabels
from fashion_tui.tui.screen_computation import ScreenComputation
from fashion_tui.tui.train.comparison import read_comparison
from fashion_tui.tui.widgets.image_tiles import ImageTiles, Tile
from fashion_tui.tui.widgets.lines import FittedLines, left_and_right

from .explanation_screen import ExplanationScreen
from .flipped import LABEL_LINES, LETTERS, FlippedPage, FlippedRequest, flipped_details, flipped_tile

View = Literal["changes", "broken", "fixed", "confusions"]
VIEWS: tuple[View, ...] = get_args(View)
MIN_TILES = 10
ALL_VIEWS_WIDTH = 100
"""Minimum width, in columns, at which the names of all views are listed."""
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
    caption = getters.query_one("#comparison-caption", FittedLines)
    changes = getters.query_one("#changes", VerticalScroll)
    changes_text = getters.query_one("#changes-text", Static)
    browser = getters.query_one(ImageBrowser)
    matrix = getters.query_one("#confusion-difference", FittedLines)

    def __init__(self, request: CompareRuns) -> None:
        super().__init__()
        self._request = request
        self._compared: PredictionComparison | None = None
        self._settings: RunComparison | None = None
        self._view: View = VIEWS[0]
        self._first_cell = (0, 0)
        """Row and column of the first cell of the matrix that is shown."""
        self._computation = ScreenComputation(self, "comparison", self._show, repeat="open")

    def compose(self) -> ComposeResult:
        yield FittedLines(id="comparison-title")
        yield FittedLines(id="comparison-caption")
        with VerticalScroll(id="changes", can_focus=False):
            yield Static(id="changes-text")
        grid = ImageTiles(LABEL_LINES, MIN_TILES)
        grid.can_focus = False
        yield ImageBrowser(self, grid)
        yield FittedLines(id="confusion-difference")
        yield KeyBar()

    def on_mount(self) -> None:
        self._compute()

    def _compute(self) -> None:
        self._computation.start("evaluating", self._compare)

    async def _compare(self) -> None:
        paths = [Path(self._request.run_path), Path(self._request.other_path)]
        self._compared = await self._computation.ask(self._request, PredictionComparison)
        self._settings = await asyncio.to_thread(read_comparison, paths)

    # What is shown

    def _show(self) -> None:
        is_ready = self._compared is not None
        self.changes.display = is_ready and self._view == "changes"
        self.browser.display = is_ready and self._view in {"broken", "fixed"}
        self.matrix.display = is_ready and self._view == "confusions"
        self.heading.fit(lambda width: [left_and_right(self._title(), self._view_names(width), width)])
        self.caption.fit(lambda width: [self._caption(width)])
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
            self._show_matrix(self._compared)
        else:
            self.call_after_refresh(self.browser.load)

    def _show_matrix(self, compared: PredictionComparison) -> None:
        self.matrix.fit(
            lambda width: difference_lines(
                compared.classes, compared.confusion_difference, width, self._first_cell, terminal_glyphs()
            )
        )

    @property
    def _runs(self) -> tuple[str, str]:
        """Short names of the runs."""
        glyphs = terminal_glyphs()
        first, second = (
            printable(short_name(Path(path).name), glyphs)
            for path in (self._request.run_path, self._request.other_path)
        )
        return first, second

    def _title(self) -> Text:
        """Return a title such as `a guide-a1b2 86.9 %   b guide-c3d4 89.2 %`."""
        title = Text()
        accuracies = (None, None) if self._compared is None else self._compared.accuracies
        for letter, run, accuracy in zip(LETTERS, self._runs, accuracies, strict=True):
            title.append("   " if title else "").append(f"{letter} ", MUTED).append(run, f"bold {FOREGROUND}")
            if accuracy is not None:
                title.append(f" {format_percent(accuracy)}", ACCENT)
        return title

    def _view_names(self, width: int) -> Text:
        """Return the names of all views or, in a narrow terminal, that of the current view and its number."""
        arrow = "→" if terminal_glyphs().unicode else ">"
        names = ("changes", f"right {arrow} wrong", f"wrong {arrow} right", "confusions")
        index, current = VIEWS.index(self._view), f"bold underline {ACCENT}"
        if width < ALL_VIEWS_WIDTH:
            return Text.assemble((names[index], current), (f"  {index + 1}/{len(VIEWS)}", MUTED))
        texts = [Text(name, current if view == self._view else MUTED) for view, name in zip(VIEWS, names, strict=True)]
        return Text("  ").join(texts)

    def _caption(self, width: int) -> Text:
        """Return the problem, the progress, or what the view shows."""
        glyphs = terminal_glyphs()
        if status := self._computation.status(width):
            return status
        if self._view == "confusions":
            return Text(printable(CAPTION, glyphs), MUTED)
        if self._view == "changes" or self._compared is None:
            return Text()
        count, right, wrong = len(self._flipped), *(LETTERS if self._view == "broken" else LETTERS[::-1])
        images = "image" if count == 1 else "images"
        cursor = self.browser.cursor
        page = f" {glyphs.dot} page {cursor.page:,}/{cursor.pages:,}" if count else ""
        return Text(f"{count:,} {images} that {right} classifies correctly and {wrong} doesn't{page}", MUTED)

    @property
    def _flipped(self) -> tuple[int, ...]:
        """Indices of the images of the view."""
        if self._compared is None or self._view not in {"broken", "fixed"}:
            return ()
        return self._compared.broken if self._view == "broken" else self._compared.fixed

    def _predictions(self, *, of_first: bool, offset: int, limit: int) -> GetPredictions:
        return GetPredictions(
            run_path=self._request.run_path if of_first else self._request.other_path,
            checkpoint=self._request.checkpoint if of_first else self._request.other_checkpoint,
            split=self._request.split,
            outcome="all",
            truth=None,
            predicted=None,
            indices=self._flipped,
            sort="index",
            offset=offset,
            limit=limit,
        )

    # Implementation of ImageSource

    def page_request(self, offset: int, limit: int) -> FlippedRequest | None:
        if self._compared is None or self._view not in {"broken", "fixed"}:
            return None
        return FlippedRequest(
            self._predictions(of_first=True, offset=offset, limit=limit),
            self._predictions(of_first=False, offset=offset, limit=limit),
        )

    async def fetch_page(self, request: FlippedRequest) -> FlippedPage:
        first = await self._computation.engine.ask(request.first, PredictionPage)
        return FlippedPage(first, await self._computation.engine.ask(request.second, PredictionPage))

    def make_tiles(self, page: FlippedPage, width: int) -> Sequence[Tile]:
        pairs = zip(page.first.predictions, page.second.predictions, strict=True)
        return [flipped_tile(first, second, self._names, width, terminal_glyphs()) for first, second in pairs]

    def enlarged(self, page: FlippedPage, position: int) -> tuple[Picture, Text]:
        first, second = page.first.predictions[position], page.second.predictions[position]
        details = flipped_details(first, second, self._names, self._runs, terminal_glyphs())
        return Picture(first.pixels, first.image_shape), details

    def page_shown(self) -> None:
        self.caption.fit(lambda width: [self._caption(width)])

    def page_failed(self, problem: str) -> None:
        self._computation.fail(problem)

    @property
    def _names(self) -> tuple[str, ...]:
        return () if self._compared is None else self._compared.classes

    # Actions

    def label_of(self, action: str) -> str | None:
        return self._computation.label_of(action)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        shows_images = self._compared is not None and self._view in {"broken", "fixed"}
        match action:
            case "next_view" | "previous_view" | "move":
                return self._compared is not None
            case "open":
                return shows_images or bool(self._computation.problem)
            case "why" | "next_page" | "previous_page" | "first_page" | "last_page":
                return shows_images
            case _:
                return True

    def action_next_view(self) -> None:
        self._choose_view(1)

    def action_previous_view(self) -> None:
        self._choose_view(-1)

    def _choose_view(self, steps: int) -> None:
        self._view = VIEWS[(VIEWS.index(self._view) + steps) % len(VIEWS)]
        self.browser.clear()
        self._show()

    def action_move(self, right: int, down: int) -> None:
        if self._compared is None:
            return
        if self._view == "changes":
            self.changes.scroll_relative(y=down, animate=False)
        elif self._view == "confusions":
            row, column = (
                min(max(start + step, 0), len(self._compared.classes) - 1)
                for start, step in zip(self._first_cell, (down, right), strict=True)
            )
            self._first_cell = (row, column)
            self._show_matrix(self._compared)
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
            self.browser.enlarge()

    def action_why(self) -> None:
        cursor = self.browser.cursor
        if self.browser.page is not None:
            request = self._predictions(of_first=self._view == "fixed", offset=0, limit=1)
            self.app.push_screen(
                ExplanationScreen(request, cursor.index, cursor.total, self._names), self._explanation_closed
            )

    def _explanation_closed(self, index: int | None) -> None:
        if index is not None:
            self.browser.cursor = self.browser.cursor.at(index)

    def action_back(self) -> None:
        """Cancel the computation, or close the screen."""
        if not self._computation.cancel():
            self.dismiss()
