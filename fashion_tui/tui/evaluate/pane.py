"""The Evaluate pane: a run's metrics on the test set, and its predictions as images."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, MUTED
from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.evaluation import Evaluation, PredictionPage
from fashion_tui.schema.picture import Picture
from fashion_tui.schema.requests import Evaluate, GetPredictions
from fashion_tui.schema.run import LIVE_STATES, RunSummary, State, short_name
from fashion_tui.tui.actions import IN_PANE, PaneName, bindings, key_hints, key_of, with_keys
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog
from fashion_tui.tui.dialogs.trust import NOT_TRUSTED, confirm_trust
from fashion_tui.tui.image_pane import ImageBrowser, ImagePane
from fashion_tui.tui.pane import RunPane
from fashion_tui.tui.run_choice import choose_run, default_run
from fashion_tui.tui.widgets.image_tiles import ImageTiles, Tile
from fashion_tui.tui.widgets.lines import FittedLines, left_and_right

from .explanation_screen import ExplanationScreen
from .metrics import MetricsView, checkpoint_line, progress_line
from .predictions import LABEL_LINES, prediction_details, prediction_picture, prediction_tile, predictions_title

ALL = "all"
EMPTY = (
    "No run to evaluate yet.\n\n"
    f"To start a run, press {key_of('everywhere', 'train')}, then {key_of('train', 'new_run')}."
)
MIN_TILES = 14
"""Minimum number of predictions per page, unless the pane is too small."""


@dataclass
class EvaluationProgress(Message):
    path: Path
    done: int
    """Number of test images evaluated so far."""
    total: int


@dataclass
class EvaluationDone(Message):
    path: Path
    evaluation: Evaluation


@dataclass
class EvaluationFailed(Message):
    path: Path
    problem: str
    """A one-line message."""
    untrusted: bool = False
    """Whether the run has a custom model whose code the user hasn't trusted yet."""


Part = Literal["metrics", "confusion", "predictions"]
PARTS: tuple[Part, ...] = ("metrics", "confusion", "predictions")


@dataclass(frozen=True, slots=True)
class Layout:
    style_class: str
    """CSS class of the pane in this layout."""
    views: tuple[tuple[Part, ...], ...]
    """The parts that are visible in each view. A key switches to the next view."""


SINGLE = Layout("-single", (("metrics",), ("confusion",), ("predictions",)))
"""Each part has its own view."""
STACKED = Layout("-stacked", (("metrics", "confusion"), ("predictions",)))
"""Metrics above the confusion matrix; the images have their own view."""
PAIRED = Layout("-paired", (("metrics", "confusion"), ("predictions",)))
"""Metrics beside the confusion matrix; the images have their own view."""
TALL = Layout("-tall-layout", (PARTS,))
"""Metrics beside the confusion matrix, above the images."""
WIDE = Layout("-wide-layout", (PARTS,))
"""Metrics above the confusion matrix, beside the images."""

LAYOUTS = (SINGLE, STACKED, PAIRED, TALL, WIDE)


def layout_for(width: int, height: int) -> Layout:
    """Return the layout that shows the most in a pane of `width` columns and `height` lines."""
    if width >= 150 and height >= 30:
        return WIDE
    if width >= 116:
        return TALL if height >= 34 else PAIRED
    return STACKED if height >= 30 else SINGLE


class EvaluatePane(ImagePane, RunPane, can_focus=True):
    PANE: ClassVar[PaneName] = "evaluate"
    HELP: ClassVar[str] = with_keys(
        "evaluate",
        "A run's accuracy on the test set, which isn't used in training. "
        "`{other_run}` chooses the run. At first, the newest finished run is shown.\n\n"
        "**Precision**: the share of the images predicted as a class that belong to the class. "
        "**Recall**: the share of a class's images that are predicted correctly. "
        "**ECE**, the expected calibration error: the average difference between confidence and accuracy. "
        "In the confusion matrix, each row is a true class and each column a predicted class. Large confusions are in "
        "brackets.\n\n"
        "The images are wrong predictions, highest loss first. `{wrong_only}` shows all predictions, "
        "and `{filter}` shows one class only.",
    )
    DEFAULT_CSS = Path(__file__).with_name("evaluate.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["evaluate"])

    wrong_only: var[bool] = var(True, init=False)
    truth: var[int | None] = var[int | None](None, init=False)
    """True class of the images shown, or None for all classes."""
    view: var[int] = var(0, init=False)
    """Index of the visible view among the layout's views."""

    heading = getters.query_one("#evaluate-title", FittedLines)
    notice = getters.query_one("#evaluate-notice", Static)
    body = getters.query_one("#evaluate-body", Container)
    metrics = getters.query_one(MetricsView)
    browser = getters.query_one(ImageBrowser)
    predictions_heading = getters.query_one("#predictions-title", FittedLines)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._path: Path | None = None
        """Directory of the run that is shown."""
        self._evaluation: Evaluation | None = None
        self._evaluating = False
        self._layout = SINGLE
        self._state: State | None = None
        """State of the run when the list of runs was last read."""

    def compose(self) -> ComposeResult:
        yield FittedLines(id="evaluate-title")
        yield Static(id="evaluate-notice")
        with Container(id="evaluate-body"):
            yield MetricsView()
            with Vertical(id="predictions"):
                yield FittedLines(id="predictions-title")
                grid = ImageTiles(LABEL_LINES, MIN_TILES)
                grid.can_focus = False  # the pane takes the focus, because the images aren't always visible
                yield ImageBrowser(self, grid)

    def on_mount(self) -> None:
        self.body.display = False
        self.watch(self.app, "runs", self._runs_changed)

    def on_resize(self) -> None:
        self._layout = layout_for(self.size.width, self.size.height)
        for layout in LAYOUTS:
            self.set_class(layout is self._layout, layout.style_class)
        self._show_view()

    def main_widget(self) -> Widget:
        return self

    # The run

    def open_run(self, path: Path) -> None:
        if self._path != path:
            self._path = path
            self._clear()
        self._evaluate()

    def shown(self) -> None:
        run = self._run()
        if run is not None and self._evaluation is not None and run.step != self._evaluation.step:
            self._evaluate()

    def _runs_changed(self, runs: tuple[RunSummary, ...]) -> None:
        if self._path is None:
            self._open_default_run(runs)
            return
        run = self._run()
        previous, self._state = self._state, run.state if run is not None else None
        if previous in LIVE_STATES and self._state not in LIVE_STATES and not self._evaluating:
            self._evaluate()  # the run has just ended: evaluate its final weights

    def _run(self) -> RunSummary | None:
        """Return the summary of the run that is shown."""
        return next((run for run in self.lab_app.runs if Path(run.path) == self._path), None)

    @work(group="default run", exclusive=True)
    async def _open_default_run(self, runs: tuple[RunSummary, ...]) -> None:
        path = await asyncio.to_thread(default_run, runs)
        if self._path is None and path is not None:
            self.open_run(path)
        elif self._path is None:
            self._show_notice(Text(EMPTY, MUTED), "-empty")

    # The evaluation

    def _clear(self) -> None:
        """Clear everything that belongs to the previous run."""
        self._evaluation, self._state = None, None
        self.set_reactive(EvaluatePane.truth, None)
        self.browser.clear()
        self.body.display = False
        self.heading.fit(lambda _width: [])

    def _evaluate(self) -> None:
        if self._path is not None:
            self._evaluating = True
            self._show_progress(self._path, 0, 0)
            self._request_evaluation(self._path)

    @work(group="evaluate", exclusive=True)
    async def _request_evaluation(self, path: Path) -> None:
        def progress(done: int, total: int) -> None:
            self.post_message(EvaluationProgress(path, done, total))

        try:
            request = Evaluate(run_path=str(path), checkpoint="final")
            evaluation = await self.lab_app.engine.ask(request, Evaluation, progress)
        except UntrustedSource:
            self.post_message(EvaluationFailed(path, NOT_TRUSTED, untrusted=True))
        except UserError as error:
            self.post_message(EvaluationFailed(path, str(error)))
        else:
            self.post_message(EvaluationDone(path, evaluation))

    @on(EvaluationProgress)
    def _evaluation_progress(self, message: EvaluationProgress) -> None:
        if self._evaluating and message.path == self._path:
            self._show_progress(message.path, message.done, message.total)

    def _show_progress(self, path: Path, done: int, total: int) -> None:
        """Show the progress, unless an older evaluation of the run is displayed."""
        if self._evaluation is None:
            self._show_notice(progress_line(short_name(path.name), done, total, terminal_glyphs()))

    @on(EvaluationDone)
    def _evaluation_done(self, message: EvaluationDone) -> None:
        if message.path != self._path:
            return
        self._evaluating = False
        self._evaluation = message.evaluation
        self._state = run.state if (run := self._run()) is not None else None
        self.notice.display = False
        self.body.display = True
        self.metrics.show(message.evaluation)
        self._show_view()
        self.browser.load()

    @on(EvaluationFailed)
    def _evaluation_failed(self, message: EvaluationFailed) -> None:
        if message.path == self._path:
            self._evaluating = False
            self._show_problem(message.problem)
            if message.untrusted and self.display:
                self._confirm_trust(message.path)

    @work(group="trust", exclusive=True)
    async def _confirm_trust(self, path: Path) -> None:
        try:
            if await confirm_trust(self.app, path) and path == self._path:
                self._evaluate()
        except UserError as error:
            self._show_problem(str(error))

    def _show_problem(self, problem: str) -> None:
        if self._evaluation is not None:
            self.notify(problem, severity="error", markup=False)
            return
        hints = key_hints(
            (key_of("evaluate", "evaluate"), "try again"), (key_of("evaluate", "other_run"), "choose another run")
        )
        self._show_notice(Text.assemble((f"{problem}\n", ATTENTION), hints))

    # Implementation of ImageSource

    def page_request(self, offset: int, limit: int) -> GetPredictions | None:
        if self._path is None or self._evaluation is None or not self._is_visible("predictions"):
            return None
        return GetPredictions(
            run_path=str(self._path),
            # Request the step that was evaluated, because a live run may have written newer checkpoints since then.
            checkpoint=str(self._evaluation.step),
            outcome="wrong" if self.wrong_only else "all",
            truth=self.truth,
            predicted=None,
            sort="loss" if self.wrong_only else "index",
            offset=offset,
            limit=limit,
        )

    async def fetch_page(self, request: GetPredictions) -> PredictionPage:
        return await self.lab_app.engine.ask(request, PredictionPage)

    def make_tiles(self, page: PredictionPage, width: int) -> list[Tile]:
        names = self._class_names()
        return [prediction_tile(prediction, names, width, terminal_glyphs()) for prediction in page.predictions]

    def enlarged(self, page: PredictionPage, position: int) -> tuple[Picture, Text]:
        prediction = page.predictions[position]
        details = prediction_details(prediction, self._class_names(), terminal_glyphs())
        return prediction_picture(prediction), details

    def page_shown(self) -> None:
        name = None if self.truth is None else self._class_names()[self.truth]
        title = predictions_title(self.browser.cursor, name, wrong_only=self.wrong_only)
        self.predictions_heading.fit(lambda _width: [title])

    def page_failed(self, problem: str) -> None:
        self.notify(
            f"{problem}; press {key_of('evaluate', 'evaluate')} to evaluate the run again",
            severity="error",
            markup=False,
        )

    # Views

    def _show_view(self) -> None:
        """Show the parts of the current view, and list the names of all views in the title."""
        self.view %= len(self._layout.views)
        for part in PARTS:
            self.query_one(f"#{part}").display = self._is_visible(part)
        self.metrics.display = self._is_visible("metrics") or self._is_visible("confusion")
        self.refresh_bindings()
        if self._evaluation is None:
            return
        run = self._run()
        checkpoint = checkpoint_line(self._evaluation, None if run is None else run.total_steps)
        views = view_names(self._layout, self.view)
        self.heading.fit(lambda width: [left_and_right(checkpoint, views, width)])

    def _is_visible(self, part: Part) -> bool:
        return part in self._layout.views[self.view % len(self._layout.views)]

    def _class_names(self) -> list[str]:
        return [] if self._evaluation is None else [report.name for report in self._evaluation.per_class]

    def _show_notice(self, text: Text, classes: str = "") -> None:
        self.notice.set_classes(classes)
        self.notice.update(text)
        self.notice.display = True

    def watch_view(self) -> None:
        self._show_view()
        self.call_after_refresh(self.browser.load)  # the size of the images is known only after the refresh

    def watch_wrong_only(self) -> None:
        self._restart()

    def watch_truth(self) -> None:
        self._restart()

    def _restart(self) -> None:
        """Show the first images that match the new filter.

        If the current view has no images, switch to a view with images.
        """
        if not self._is_visible("predictions"):
            self.view = len(self._layout.views) - 1
        self.browser.restart()

    # Actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Disable actions on parts that aren't visible."""
        match action:
            case "next_view" | "previous_view":
                return self._evaluation is not None and len(self._layout.views) > 1
            case "move" | "open" | "why" | "next_page" | "previous_page" | "first_page" | "last_page":
                return self._evaluation is not None and self._is_visible("predictions")
            case "filter" | "wrong_only":
                return self._evaluation is not None
            case "evaluate":
                return self._path is not None
            case _:
                return True

    def action_other_run(self) -> None:
        self.lab_app.hold_input(self._choose_run())

    @work(group="choose run", exclusive=True)
    async def _choose_run(self) -> None:
        path = await choose_run(self.app, self.lab_app.runs, "Evaluate run", self._path)
        if path is not None:
            self.open_run(Path(path))

    def action_evaluate(self) -> None:
        self._evaluate()

    def action_next_view(self) -> None:
        self.view = (self.view + 1) % len(self._layout.views)

    def action_previous_view(self) -> None:
        self.view = (self.view - 1) % len(self._layout.views)

    def action_open(self) -> None:
        self.browser.enlarge()

    def action_wrong_only(self) -> None:
        self.wrong_only = not self.wrong_only

    def action_why(self) -> None:
        request, cursor = self.page_request(0, 1), self.browser.cursor
        if request is not None and self.browser.page is not None:
            self.app.push_screen(
                ExplanationScreen(request, cursor.index, cursor.total, self._class_names()), self._explanation_closed
            )

    def _explanation_closed(self, index: int | None) -> None:
        if index is not None:
            self.browser.cursor = self.browser.cursor.at(index)

    def action_filter(self) -> None:
        choices = [Choice(ALL, Text("all classes"))]
        choices += [Choice(str(index), Text(name)) for index, name in enumerate(self._class_names())]
        chosen = ALL if self.truth is None else str(self.truth)
        self.app.push_screen(ChoiceDialog("Show images of class", choices, chosen), self._filter_chosen)

    def _filter_chosen(self, key: str | None) -> None:
        if key is not None:
            self.truth = None if key == ALL else int(key)

    def action_back(self) -> None:
        """Cancel the evaluation, or show all classes."""
        if self._evaluating:
            self.workers.cancel_group(self, "evaluate")
            self._evaluating = False
            self._show_problem("Evaluation cancelled.")
        elif self.truth is not None:
            self.truth = None


def view_names(layout: Layout, view: int) -> Text:
    """Return the names of the views with the current one highlighted, or an empty Text if there is only one view."""
    text = Text(no_wrap=True)
    if len(layout.views) == 1:
        return text
    for index, parts in enumerate(layout.views):
        name = "images" if "predictions" in parts else parts[0]
        text.append("  " if index else "")
        text.append(name, style=f"bold underline {ACCENT}" if index == view else MUTED)
    return text
