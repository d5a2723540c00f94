"""What did it learn, where is it wrong? A run's accuracy on the test set, per class, and picture by picture."""

import asyncio
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from fashion_tui.report.evaluation import class_lines, confusion_caption, confusion_lines, largest_confusions
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, MUTED
from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.evaluation import Evaluation, PredictionPage
from fashion_tui.schema.requests import Evaluate, GetPredictions
from fashion_tui.schema.run import LIVE_STATES, RunSummary, short_name
from fashion_tui.tui.actions import IN_PANE, PaneName, bindings
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog
from fashion_tui.tui.dialogs.trust import NOT_TRUSTED, confirm_trust
from fashion_tui.tui.image_pane import ImagePane
from fashion_tui.tui.pane import RunPane
from fashion_tui.tui.widgets.fitted import FittedLines, with_right
from fashion_tui.tui.widgets.grid_cursor import GridCursor
from fashion_tui.tui.widgets.image_tiles import LARGE, MEDIUM, SMALL, ImageTiles, Tile

from .layout import LAYOUTS, PARTS, SINGLE, Layout, layout_for
from .messages import EvaluableRuns, EvaluationDone, EvaluationFailed, EvaluationMoved, PageKey
from .predictions import LABEL_LINES, prediction_facts, predictions_line, tile
from .runs import run_choice, run_to_show, with_checkpoint
from .summary import headline, progress_line, where_line

ALL = "all"
EMPTY = "No run has learned anything yet.\n\n4 goes to Train, where n starts a run; what it has learned is shown here."
LARGEST = 5
"""So many of the confusions are named."""
ENOUGH = 14
"""So many predictions are wanted on a page."""


class EvaluatePane(ImagePane[PageKey, PredictionPage], RunPane, can_focus=True):
    PANE: ClassVar[PaneName] = "evaluate"
    HELP: ClassVar[str] = (
        "What a run has learned, measured on the test pictures, which it never saw. `o` chooses the run; at first the "
        "newest one that has finished is shown.\n\n"
        "**Precision**: of what it called a shirt, how much is one. **Recall**: of the shirts, how many it found. "
        "**ECE**: by how much its confidence is off. In the matrix a row is the truth, a column what was said; large "
        "confusions stand in brackets.\n\n"
        "The pictures are its mistakes, the worst first; `w` shows all predictions, `/` those of one class."
    )
    DEFAULT_CSS = Path(__file__).with_name("evaluate.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["evaluate"])

    wrong_only: var[bool] = var(True, init=False)
    truth: var[int | None] = var[int | None](None, init=False)
    """Only predictions for images of this class; None: all."""
    view: var[int] = var(0, init=False)
    """Which of the layout's views is shown."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._path: Path | None = None
        self._evaluation: Evaluation | None = None
        self._evaluating = False
        self._layout = SINGLE
        self._state: str | None = None

    def compose(self) -> ComposeResult:
        yield FittedLines(id="evaluate-title")
        yield Static(id="evaluate-notice")
        with Container(id="evaluate-body"):
            with Container(id="numbers"):
                with Vertical(id="figures"):
                    yield Static(id="headline")
                    yield FittedLines(id="classes")
                with Vertical(id="confusion"):
                    yield FittedLines(id="matrix")
                    yield Static(id="largest")
            with Vertical(id="predictions"):
                yield FittedLines(id="predictions-title")
                lines = dict.fromkeys((SMALL, MEDIUM, LARGE), LABEL_LINES)
                yield (grid := ImageTiles(lines, ENOUGH))
                grid.can_focus = False  # the pane has the focus, since the pictures aren't always to be seen

    def on_mount(self) -> None:
        self.query_one("#evaluate-body").display = False
        self.watch(self.app, "runs", self._runs_changed)

    def on_resize(self) -> None:
        self._layout = layout_for(self.size.width, self.size.height)
        for layout in LAYOUTS:
            self.set_class(layout is self._layout, layout.style_class)
        self._show_view()

    def main_widget(self) -> Widget:
        return self

    # Which run

    def open_run(self, path: Path) -> None:
        if self._path != path:
            self._path = path
            self._forget()
        self._evaluate()

    def shown(self) -> None:
        run = self._run()
        if run is not None and self._evaluation is not None and run.step != self._evaluation.step:
            self._evaluate()

    def _runs_changed(self, runs: tuple[RunSummary, ...]) -> None:
        if self._path is None:
            self._look_for_runs(runs, choose=False)
            return
        run = self._run()
        before, self._state = self._state, run.state if run is not None else None
        if before in LIVE_STATES and self._state not in LIVE_STATES and not self._evaluating:
            self._evaluate()  # it has come to its end while one looked at what it knew so far

    def _run(self) -> RunSummary | None:
        """The run that is shown, as the list has it."""
        return next((run for run in self.lab_app.runs if Path(run.path) == self._path), None)

    @work(group="runs", exclusive=True)
    async def _look_for_runs(self, runs: tuple[RunSummary, ...], *, choose: bool) -> None:
        self.post_message(EvaluableRuns(await asyncio.to_thread(with_checkpoint, runs), choose))

    @on(EvaluableRuns)
    def _runs_found(self, message: EvaluableRuns) -> None:
        runs = self.lab_app.runs
        if message.choose and message.paths:
            choices = [run_choice(run, terminal_glyphs()) for run in runs if Path(run.path) in message.paths]
            screen = ChoiceDialog("Evaluate which run?", choices, None if self._path is None else str(self._path))
            self.app.push_screen(screen, self._run_chosen)
        elif message.choose:
            self.notify("No run has a checkpoint yet.")
        elif self._path is None:
            if (path := run_to_show(runs, message.paths)) is not None:
                self.open_run(path)
            else:
                self._say(Text(EMPTY, MUTED), "-empty")

    def _run_chosen(self, key: str | None) -> None:
        if key is not None:
            self.open_run(Path(key))

    # What the engine tells

    def _forget(self) -> None:
        """Another run: nothing of the one before stays on the screen."""
        self._evaluation, self._state = None, None
        self.set_reactive(EvaluatePane.truth, None)
        self.forget_pages()
        self.query_one("#evaluate-body").display = False
        self.query_one("#evaluate-title", FittedLines).fit(lambda _width: [])

    def _evaluate(self) -> None:
        if self._path is not None:
            self._evaluating = True
            self._show_progress(self._path, 0, 0)
            self._ask_for_evaluation(self._path)

    @work(group="evaluate", exclusive=True)
    async def _ask_for_evaluation(self, path: Path) -> None:
        def progress(done: int, total: int) -> None:
            self.post_message(EvaluationMoved(path, done, total))

        try:
            request = Evaluate(run_path=str(path), checkpoint="final")
            evaluation = await self.lab_app.engine.ask(request, Evaluation, progress)
        except UntrustedSource:
            self.post_message(EvaluationFailed(path, NOT_TRUSTED, untrusted=True))
        except UserError as error:
            self.post_message(EvaluationFailed(path, str(error)))
        else:
            self.post_message(EvaluationDone(path, evaluation))

    @on(EvaluationMoved)
    def _evaluation_moved(self, message: EvaluationMoved) -> None:
        if self._evaluating and message.path == self._path:
            self._show_progress(message.path, message.done, message.total)

    def _show_progress(self, path: Path, done: int, total: int) -> None:
        """Only where there is nothing else to see yet: figures that are shown stay until the new ones come."""
        if self._evaluation is None:
            self._say(progress_line(short_name(path.name), done, total, terminal_glyphs()))

    @on(EvaluationDone)
    def _evaluation_done(self, message: EvaluationDone) -> None:
        if message.path != self._path:
            return
        self._evaluating = False
        self._evaluation = message.evaluation
        self._state = run.state if (run := self._run()) is not None else None
        self.query_one("#evaluate-notice", Static).display = False
        self.query_one("#evaluate-body").display = True
        self.query_one("#headline", Static).update(Text("\n").join(headline(message.evaluation, terminal_glyphs())))
        reports = message.evaluation.per_class
        self.query_one("#classes", FittedLines).fit(lambda width: class_lines(reports, width, terminal_glyphs()))
        names = [report.name for report in reports]
        confusion = message.evaluation.confusion
        self.query_one("#matrix", FittedLines).fit(
            lambda width: [confusion_caption(), *confusion_lines(names, confusion, terminal_glyphs(), width)]
        )
        largest = largest_confusions(names, confusion, LARGEST, terminal_glyphs())
        self.query_one("#largest", Static).update(Text("\n").join([Text("confused most often", MUTED), *largest]))
        self._show_view()
        self.want_page()

    @on(EvaluationFailed)
    def _evaluation_failed(self, message: EvaluationFailed) -> None:
        if message.path == self._path:
            self._evaluating = False
            self._complain(message.problem)
            if message.untrusted and self.display:
                self._ask_to_trust(message.path)

    @work(group="trust", exclusive=True)
    async def _ask_to_trust(self, path: Path) -> None:
        try:
            if await confirm_trust(self.app, path) and path == self._path:
                self._evaluate()
        except UserError as error:
            self._complain(str(error))

    def _complain(self, problem: str) -> None:
        if self._evaluation is not None:
            self.notify(problem, severity="error", markup=False)
            return
        keys = (("\ne", ACCENT), (" tries again   ", MUTED), ("o", ACCENT), (" chooses another run", MUTED))
        self._say(Text.assemble((problem, ATTENTION), *keys))

    async def fetch_page(self, key: PageKey) -> PredictionPage:
        request = GetPredictions(
            run_path=key.run_path,
            checkpoint=key.checkpoint,
            outcome="wrong" if key.wrong_only else "all",
            truth=key.truth,
            predicted=None,
            sort="loss" if key.wrong_only else "index",
            offset=key.offset,
            limit=key.count,
        )
        return await self.lab_app.engine.ask(request, PredictionPage)

    def page_failed(self, problem: str) -> None:
        self.notify(f"{problem}; e evaluates the run anew", severity="error", markup=False)

    # What is shown

    def page_key(self, place: GridCursor) -> PageKey | None:
        if self._path is None or self._evaluation is None or not self._sees("predictions"):
            return None
        # By its step, so that the pictures belong to the figures although a live run writes newer checkpoints.
        step = str(self._evaluation.step)
        return PageKey(str(self._path), step, self.wrong_only, self.truth, place.offset, place.capacity)

    def tiles(self, page: PredictionPage, width: int) -> list[Tile]:
        names = self._names()
        return [tile(prediction, names, width, terminal_glyphs()) for prediction in page.predictions]

    def enlargement(self, page: PredictionPage, position: int) -> tuple[bytes, Text]:
        prediction = page.predictions[position]
        return prediction.pixels, prediction_facts(prediction, self._names(), terminal_glyphs())

    def page_shown(self) -> None:
        name = None if self.truth is None else self._names()[self.truth]
        title = predictions_line(self.place, name, wrong_only=self.wrong_only)
        self.query_one("#predictions-title", FittedLines).fit(lambda _width: [title])

    def _show_view(self) -> None:
        """Of the parts only those of the view; the title says which others there are."""
        self.view %= len(self._layout.views)
        for part in PARTS:
            self.query_one(f"#{part}").display = self._sees(part)
        self.query_one("#numbers").display = self._sees("figures") or self._sees("confusion")
        self.refresh_bindings()
        if self._evaluation is None:
            return
        run = self._run()
        where = where_line(self._evaluation, None if run is None else run.total_steps)
        views = view_names(self._layout, self.view)
        self.query_one("#evaluate-title", FittedLines).fit(lambda width: [with_right(where, views, width)])

    def _sees(self, part: str) -> bool:
        return part in self._layout.views[self.view % len(self._layout.views)]

    def _names(self) -> list[str]:
        return [] if self._evaluation is None else [report.name for report in self._evaluation.per_class]

    def _say(self, text: Text, classes: str = "") -> None:
        notice = self.query_one("#evaluate-notice", Static)
        notice.set_classes(classes)
        notice.update(text)
        notice.display = True

    # What changes

    def watch_view(self) -> None:
        self._show_view()
        self.call_after_refresh(self.want_page)  # the pictures have their room only then

    def watch_wrong_only(self) -> None:
        self._start_over()

    def watch_truth(self) -> None:
        self._start_over()

    def _start_over(self) -> None:
        """Other predictions: from the first one, where they can be seen."""
        if not self._sees("predictions"):
            self.view = len(self._layout.views) - 1
        self.start_over()

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only what makes sense with what is shown."""
        match action:
            case "next_view" | "previous_view":
                return self._evaluation is not None and len(self._layout.views) > 1
            case "move" | "open" | "next_page" | "previous_page" | "first_page" | "last_page":
                return self._evaluation is not None and self._sees("predictions")
            case "filter" | "wrong_only":
                return self._evaluation is not None
            case "evaluate":
                return self._path is not None
            case _:
                return True

    def action_other_run(self) -> None:
        self._look_for_runs(self.lab_app.runs, choose=True)

    def action_evaluate(self) -> None:
        self._evaluate()

    def action_next_view(self) -> None:
        self.view = (self.view + 1) % len(self._layout.views)

    def action_previous_view(self) -> None:
        self.view = (self.view - 1) % len(self._layout.views)

    def action_wrong_only(self) -> None:
        self.wrong_only = not self.wrong_only

    def action_filter(self) -> None:
        choices = [Choice(ALL, Text("all classes"))]
        choices += [Choice(str(index), Text(name)) for index, name in enumerate(self._names())]
        chosen = ALL if self.truth is None else str(self.truth)
        self.app.push_screen(ChoiceDialog("Show only what is really", choices, chosen), self._filter_chosen)

    def _filter_chosen(self, key: str | None) -> None:
        if key is not None:
            self.truth = None if key == ALL else int(key)

    def action_back(self) -> None:
        """Cancel the evaluation, else show all classes again."""
        if self._evaluating:
            self.workers.cancel_group(self, "evaluate")
            self._evaluating = False
            self._complain("The evaluation was cancelled.")
        elif self.truth is not None:
            self.truth = None


def view_names(layout: Layout, view: int) -> Text:
    """`numbers · pictures` with the one that is shown standing out; nothing where everything is shown."""
    text = Text(no_wrap=True)
    if len(layout.views) == 1:
        return text
    for index, parts in enumerate(layout.views):
        name = "pictures" if "predictions" in parts else "numbers" if len(parts) > 1 else parts[0]
        text.append("  " if index else "")
        text.append(name, style=f"bold underline {ACCENT}" if index == view else MUTED)
    return text
