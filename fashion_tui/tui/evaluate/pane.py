"""The Evaluate pane: a run's metrics, its confusion matrix, and its predictions as images."""

import asyncio
from pathlib import Path
from typing import ClassVar

import msgspec
from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Static

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION, MUTED
from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.evaluation import Evaluation, EvaluationSplit
from fashion_tui.schema.requests import Evaluate, FindBaselines, GetBaselines
from fashion_tui.schema.run import LIVE_STATES, RunSummary, State, short_name
from fashion_tui.tui.actions import IN_PANE, bindings, key_hints, key_of, with_keys
from fashion_tui.tui.dialogs.trust import confirm_trust
from fashion_tui.tui.pane import RunPane
from fashion_tui.tui.pane_actions import PaneName
from fashion_tui.tui.predict.screen import predict_file
from fashion_tui.tui.run_choice import choose_run, default_run
from fashion_tui.tui.widgets.lines import FittedLines, left_and_right

from .choices import choose_checkpoint
from .computation import Computation
from .images_view import ImagesView
from .layout import part_names
from .matrix_view import MatrixView
from .parts import EvaluationParts
from .saving import save_evaluation
from .summary import SummaryView, checkpoint_line, progress_line

EMPTY = (
    "No run to evaluate yet.\n\n"
    f"To start a run, press {key_of('everywhere', 'train')}, then {key_of('train', 'new_run')}."
)


class EvaluatePane(EvaluationParts, RunPane, can_focus=True):
    PANE: ClassVar[PaneName] = "evaluate"
    HELP: ClassVar[str] = with_keys(
        "evaluate",
        "A run's accuracy on the test set, which isn't used in training, or on the images that the run held out "
        "(`{other_split}`). `{other_run}` chooses the run and `{other_checkpoint}` its checkpoint. "
        "`{compare_baselines}` compares the accuracy with those of simple models on pixels.\n\n"
        "**Precision**: the share of the images predicted as a class that belong to the class. "
        "**Recall**: the share of a class's images that are predicted correctly. "
        "**ECE**, the expected calibration error: the average difference between confidence and accuracy; "
        "`{reliability}` shows both as a diagram.\n\n"
        "In the confusion matrix, each row is a true class and each column a predicted class. Large confusions are in "
        "brackets. The images of the cell under the cursor are shown; `{open}` goes to them. `{normalise}` changes to "
        "percentages, and `{sort}` puts similar classes together.\n\n"
        "The images are wrong predictions, highest loss first. `{sort}` sorts them by confidence or by margin, the "
        "difference between the two highest probabilities. `{wrong_only}` shows all predictions, and `{filter}` "
        "those of one true class, predicted class or confusion. `{mark_label}` marks an image as mislabelled; "
        "training can leave out marked images. `{predict}` predicts the class of an image file with the run.\n\n"
        "`{save}` saves a report, all predictions or the network.",
    )
    DEFAULT_CSS = Path(__file__).with_name("evaluate.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["evaluate"])

    heading = getters.query_one("#evaluate-title", FittedLines)
    notice = getters.query_one("#evaluate-notice", Static)
    body = getters.query_one("#evaluate-body", Container)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._evaluating: Computation[Evaluate, Evaluation] = Computation(self, Evaluation)
        self._comparing: Computation[GetBaselines, Baselines] = Computation(self, Baselines, own_engine=True)
        self._baselines: dict[GetBaselines, Baselines] = {}
        self._state: State | None = None
        """State of the run when the list of runs was last read."""

    def compose(self) -> ComposeResult:
        yield FittedLines(id="evaluate-title")
        yield Static(id="evaluate-notice")
        with Container(id="evaluate-body"):
            yield SummaryView(id="metrics")
            yield MatrixView(id="matrix")
            yield ImagesView(id="images")

    def on_mount(self) -> None:
        self.body.display = False
        self.watch(self.app, "runs", self._runs_changed)

    def main_widget(self) -> Widget:
        return self

    # The run

    def open_run(self, path: Path) -> None:
        if self._path != path:
            self._clear()
        self._evaluate(Evaluate(run_path=str(path), checkpoint="final"))

    @property
    def _path(self) -> Path | None:
        return None if self.subject is None else Path(self.subject.run_path)

    def shown(self) -> None:
        run = self._run()
        if run is not None and self.evaluation is not None and run.step != self.evaluation.step:
            self._follow_run()

    def _follow_run(self) -> None:
        """Evaluate the final weights again, if they are shown."""
        if self.subject is not None and self.subject.checkpoint == "final" and self._evaluating.running is None:
            self._evaluate(self.subject)

    def _runs_changed(self, runs: tuple[RunSummary, ...]) -> None:
        if self.subject is None:
            self._open_default_run(runs)
            return
        run = self._run()
        previous, self._state = self._state, run.state if run is not None else None
        if previous in LIVE_STATES and self._state not in LIVE_STATES:
            self._follow_run()  # the run has just ended

    def _run(self) -> RunSummary | None:
        """Return the summary of the run that is shown."""
        return next((run for run in self.lab_app.runs if Path(run.path) == self._path), None)

    @work(group="default run", exclusive=True)
    async def _open_default_run(self, runs: tuple[RunSummary, ...]) -> None:
        path = await asyncio.to_thread(default_run, runs)
        if self.subject is None and path is not None:
            self.open_run(path)
        elif self.subject is None:
            self._show_notice(Text(EMPTY, MUTED), "-empty")

    # The evaluation

    def _clear(self) -> None:
        """Clear everything that belongs to the previous run."""
        self.evaluation, self._state = None, None
        self._comparing.cancel()
        self.clear_images()
        self.body.display = False
        self.heading.fit(lambda _width: [])

    def _evaluate(self, subject: Evaluate) -> None:
        """Evaluate a run. The evaluation that is shown stays visible until the next one has succeeded."""
        if self.evaluation is None:
            self.subject = subject
        self._evaluating.start(subject)
        self._show_progress(0, 0)

    def _show_progress(self, done: int, total: int) -> None:
        if self._evaluating.running is None:
            return
        name = short_name(Path(self._evaluating.running.run_path).name)
        line = progress_line(name, done, total, terminal_glyphs())
        if self.evaluation is None:
            self._show_notice(line)
        elif total:
            self.heading.fit(lambda _width: [line])

    @on(Computation.Progress)
    def _progress(self, message: Computation.Progress) -> None:
        if message.computation is self._evaluating:
            self._show_progress(message.done, message.total)
        elif self._comparing.running is not None:
            self.summary.show_comparison_progress(message.done, message.total)

    @on(Computation.Done)
    def _done(self, message: Computation.Done) -> None:
        if isinstance(message.request, GetBaselines):
            self._baselines[message.request] = message.result
            self._show_summary()
        elif isinstance(message.request, Evaluate) and Path(message.request.run_path) == self._path:
            self._show_evaluation(message.request, message.result)

    def _show_evaluation(self, subject: Evaluate, evaluation: Evaluation) -> None:
        self.subject, self.evaluation = subject, evaluation
        if self._comparing.running != baselines_request(subject):
            self._comparing.cancel()
        self._state = run.state if (run := self._run()) is not None else None
        self.notice.display = False
        self.body.display = True
        self._show_summary()
        self._find_baselines(baselines_request(subject))
        self.matrix.show(evaluation)
        self.show_parts()
        self.images.show(subject, evaluation)
        self.run_images.read(Path(subject.run_path))

    @work(group="stored baselines", exclusive=True)
    async def _find_baselines(self, request: GetBaselines) -> None:
        """Show the comparison with simple models if their accuracies are stored."""
        if request in self._baselines or request == self._comparing.running:
            return
        stored = FindBaselines(run_path=request.run_path, split=request.split)
        try:
            found = await self.lab_app.engine.ask(stored, tuple[Baselines, ...])
        except UserError:
            return  # the comparison itself reports what is wrong
        for baselines in found:
            self._baselines[request] = baselines
            self._show_summary()

    @on(Computation.Failed)
    def _failed(self, message: Computation.Failed) -> None:
        if message.computation is self._comparing:
            self.summary.hide_comparison()
            self.notify(message.problem, severity="error", markup=False)
        elif isinstance(message.request, Evaluate) and Path(message.request.run_path) == self._path:
            self._show_problem(message.problem)
            if message.untrusted and self.display:
                self._confirm_trust(message.request)

    @work(group="trust", exclusive=True)
    async def _confirm_trust(self, subject: Evaluate) -> None:
        try:
            if await confirm_trust(self.app, Path(subject.run_path)) and Path(subject.run_path) == self._path:
                self._evaluate(subject)
        except UserError as error:
            self._show_problem(str(error))

    def _show_problem(self, problem: str) -> None:
        if self.evaluation is not None:
            self.show_parts()
            self.notify(problem, severity="error", markup=False)
            return
        hints = key_hints(
            (key_of("evaluate", "evaluate"), "try again"), (key_of("evaluate", "other_run"), "choose another run")
        )
        self._show_notice(Text.assemble((f"{problem}\n", ATTENTION), hints))

    def _show_notice(self, text: Text, classes: str = "") -> None:
        self.notice.set_classes(classes)
        self.notice.update(text)
        self.notice.display = True

    def _show_summary(self) -> None:
        if self.evaluation is not None and self.subject is not None:
            self.summary.show(self.evaluation, self._baselines.get(baselines_request(self.subject)))

    def show_parts(self) -> None:
        super().show_parts()
        if self.evaluation is None or self.subject is None:
            return
        run = self._run()
        total_steps = None if run is None else run.total_steps
        checkpoint = checkpoint_line(self.evaluation, self.subject.checkpoint, total_steps, self._other_dataset())
        self.heading.fit(lambda width: [left_and_right(checkpoint, part_names(self.part), width)])

    def _other_dataset(self) -> str | None:
        """Return the name of the run's data set if the app shows another one, else None.

        Synthetic images are always named, so None is returned for them.
        """
        run, shown = self._run(), self.lab_app.dataset
        if run is None or run.dataset == "synthetic" or (shown is not None and run.dataset == shown.ref.short_name):
            return None
        return run.dataset

    # Actions

    def action_other_run(self) -> None:
        self.lab_app.hold_input(self._choose_run())

    @work(group="choose run", exclusive=True)
    async def _choose_run(self) -> None:
        path = await choose_run(self.app, self.lab_app.runs, "Evaluate run", self._path)
        if path is not None:
            self.open_run(Path(path))

    def action_other_checkpoint(self) -> None:
        if self.subject is not None:
            self.lab_app.hold_input(self._choose_checkpoint(self.subject))

    @work(group="choose checkpoint", exclusive=True)
    async def _choose_checkpoint(self, subject: Evaluate) -> None:
        try:
            chosen = await choose_checkpoint(
                self.app, Path(subject.run_path), "Evaluate checkpoint", subject.checkpoint
            )
        except UserError as error:
            self._show_problem(str(error))
            return
        if chosen is not None:
            self._evaluate(msgspec.structs.replace(subject, checkpoint=chosen))

    def action_other_split(self) -> None:
        if self.subject is not None:
            split: EvaluationSplit = "validation" if self.subject.split == "test" else "test"
            self._evaluate(msgspec.structs.replace(self.subject, split=split))

    def action_evaluate(self) -> None:
        if self.subject is not None:
            self._evaluate(self.subject)

    def action_save(self) -> None:
        if self.subject is not None and self.evaluation is not None:
            subject = msgspec.structs.replace(self.subject, checkpoint=str(self.evaluation.step))
            baselines = self._baselines.get(baselines_request(self.subject))
            self.lab_app.hold_input(self._save(subject, self.evaluation, baselines))

    @work(group="save", exclusive=True)
    async def _save(self, subject: Evaluate, evaluation: Evaluation, baselines: Baselines | None) -> None:
        await save_evaluation(self.app, subject, evaluation, baselines)

    @work(group="predict", exclusive=True)
    async def action_predict(self) -> None:
        await predict_file(self.lab_app, self._path)

    def action_compare_baselines(self) -> None:
        if self.subject is not None and (request := baselines_request(self.subject)) not in self._baselines:
            self._comparing.start(request)
            self.summary.show_comparison_progress(0, 0)

    def action_back(self) -> None:
        """Cancel what is being computed, go back to the matrix, or show all classes."""
        if self._evaluating.running is not None:
            self._evaluating.cancel()
            self._show_problem("Evaluation cancelled.")
        elif self._comparing.running is not None:
            self._comparing.cancel()
            self.summary.hide_comparison()
        elif self.part == "images" and self.images.selection.has_classes:
            self.leave_classes()


def baselines_request(subject: Evaluate) -> GetBaselines:
    """Return the request for the accuracies of simple models on the images of an evaluation."""
    return GetBaselines(run_path=subject.run_path, split=subject.split)
