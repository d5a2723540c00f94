"""The parts of the Evaluate pane, and the actions that change what they show."""

from pathlib import Path

from textual import getters, on, work
from textual.reactive import var

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.evaluation import Evaluation
from fashion_tui.schema.requests import CompareRuns, Evaluate, MeasureRobustness
from fashion_tui.tui.actions import IN_PANE
from fashion_tui.tui.dialogs.trust import confirm_trust
from fashion_tui.tui.image_pane import ImageBrowser, ImagePane
from fashion_tui.tui.run_choice import choose_run

from .choices import choose_checkpoint, class_dialog, selected_classes
from .comparison_screen import ComparisonScreen
from .explanation_screen import ExplanationScreen
from .image_notes import RunImages
from .images_view import ImagesView
from .layout import LAYOUTS, PARTS, SINGLE, Part, layout_for
from .matrix_view import MatrixView
from .prediction_dialog import PredictionDialog
from .robustness_screen import RobustnessScreen
from .selection import Selection
from .summary import SummaryView

ACTIONS = {entry.name.split("(")[0] for entry in IN_PANE["evaluate"]}


class EvaluationParts(ImagePane):
    """A pane with a summary, a confusion matrix and images, one of which takes the keys."""

    part: var[Part] = var[Part]("metrics", init=False)
    """The part that takes the keys."""

    summary = getters.query_one(SummaryView)
    matrix = getters.query_one(MatrixView)
    images = getters.query_one(ImagesView)
    browser = getters.query_one(ImageBrowser)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.subject: Evaluate | None = None
        """The run, checkpoint and split that are shown, or are evaluated to be shown."""
        self.evaluation: Evaluation | None = None
        """The evaluation that is shown, or None."""
        self._selection = Selection()
        """The selection to restore after the images of a cell of the matrix were shown."""
        self._layout = SINGLE
        self._part_is_chosen = False
        """Whether the user has chosen the active part. Until then, it is the first one of the layout."""
        self.run_images = RunImages(self, lambda: self.images.show_notes(self.run_images.notes))

    def on_resize(self) -> None:
        layout = layout_for(self.size.width, self.size.height)
        if not self._part_is_chosen:
            self.set_reactive(EvaluationParts.part, layout.first)
        self._layout = layout
        for other in LAYOUTS:
            self.set_class(other is layout, other.style_class)
        self.show_parts()

    def show_parts(self) -> None:
        """Show the parts that are visible beside the active one, and the keys of the active one."""
        for part in PARTS:
            self.query_one(f"#{part}").display = part in self._layout.beside[self.part]
            self.set_class(part == self.part, f"-on-{part}")
        self.matrix.active = self.part == "matrix"
        self.refresh_bindings()

    def watch_part(self, previous: Part, part: Part) -> None:
        self._part_is_chosen = True
        if previous == "matrix":
            self.images.select(self._selection)
        elif part == "matrix":
            self._selection = self.images.selection
            self.images.select(self._selection.of_classes(*self.matrix.labels))
        self.show_parts()
        self.call_after_refresh(self.browser.load)  # the size of the images is known only after the refresh

    @on(MatrixView.CellChosen)
    def _cell_chosen(self, message: MatrixView.CellChosen) -> None:
        if self.part == "matrix":
            self.images.select(self.images.selection.of_classes(message.truth, message.predicted))

    def select(self, selection: Selection) -> None:
        """Show the images of a selection, and move the keys to them."""
        self._selection = selection
        self.part = "images"
        self.images.select(selection)

    def clear_images(self) -> None:
        """Show no images, and forget what was selected."""
        self._selection = Selection()
        self.images.clear()

    def leave_classes(self) -> None:
        """Show the images of all classes. If those of a cell of the matrix are shown, go back to the matrix."""
        is_pair = self.images.selection.is_pair
        self.select(self.images.selection.of_classes(None, None))
        if is_pair:
            self.part = "matrix"

    # Actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Disable actions that the active part doesn't have."""
        if action in {"other_run", "predict", "back"}:
            return True
        if action in {"evaluate", "other_split", "other_checkpoint"}:
            return self.subject is not None
        if action not in ACTIONS:
            return True
        visible = self._layout.beside[self.part]
        is_available = {
            "open": self.part != "metrics",
            "sort": self.part != "metrics",
            "normalise": "matrix" in visible,
            "reliability": "metrics" in visible,
            "compare_baselines": "metrics" in visible,
            "mark_label": self.part == "images",
            "why": self.part != "metrics",
        }
        return self.evaluation is not None and is_available.get(action, True)

    def label_of(self, action: str) -> str | None:
        if action == "open" and self.part == "matrix":
            return "images"
        if action in {"wrong_only", "filter"} and self.part != "images":
            return ""  # leave space in the footer for the keys of the part
        if action == "other_split" and self.subject is not None and self.subject.split == "validation":
            return "test set"
        return None

    def action_reliability(self) -> None:
        self.summary.reliability = not self.summary.reliability

    def action_normalise(self) -> None:
        self.matrix.next_normalisation()

    def action_sort(self) -> None:
        if self.part == "matrix":
            self.matrix.by_similarity = not self.matrix.by_similarity
        else:
            self.select(self.images.selection.with_next_order())

    def action_next_view(self) -> None:
        self.part = PARTS[(PARTS.index(self.part) + 1) % len(PARTS)]

    def action_previous_view(self) -> None:
        self.part = PARTS[PARTS.index(self.part) - 1]

    def action_wrong_only(self) -> None:
        self.select(self._own_selection().toggled())

    def _own_selection(self) -> Selection:
        """Return the selection of images that the user has made, even while the images of a matrix cell are shown."""
        return self._selection if self.part == "matrix" else self.images.selection

    def action_filter(self) -> None:
        if self.evaluation is not None:
            confusion, glyphs = self.evaluation.confusion, terminal_glyphs()
            dialog = class_dialog(self.images.class_names, confusion, self._own_selection(), glyphs)
            self.app.push_screen(dialog, self._filter_chosen)

    def _filter_chosen(self, key: str | None) -> None:
        if key is not None:
            self.select(selected_classes(key, self._own_selection()))

    def action_why(self) -> None:
        request, cursor = self.images.page_request(0, 1), self.browser.cursor
        if request is not None and self.browser.page is not None:
            self.app.push_screen(
                ExplanationScreen(
                    request, cursor.index, cursor.total, self.images.class_names, self.run_images.notes.paths
                ),
                self._explanation_closed,
            )

    def _explanation_closed(self, index: int | None) -> None:
        if index is not None:
            self.browser.cursor = self.browser.cursor.at(index)

    def action_compare(self) -> None:
        if self.subject is not None and self.evaluation is not None:
            self.lab_app.hold_input(self._compare(self.subject, str(self.evaluation.step)))

    @work(group="compare", exclusive=True)
    async def _compare(self, subject: Evaluate, step: str) -> None:
        """Let the user choose a checkpoint of another run, and compare it with the checkpoint that is shown."""
        others = [run for run in self.lab_app.runs if run.path != subject.run_path]
        chosen = await choose_run(self.app, others, "Compare with run", None)
        try:
            if chosen is None or not await confirm_trust(self.app, Path(chosen)):
                return
            checkpoint = await choose_checkpoint(self.app, Path(chosen), "Compare with checkpoint", subject.checkpoint)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        if checkpoint is not None:
            request = CompareRuns(
                run_path=subject.run_path,
                other_path=chosen,
                checkpoint=step,
                other_checkpoint=checkpoint,
                split=subject.split,
            )
            self.app.push_screen(ComparisonScreen(request))

    def action_robustness(self) -> None:
        if self.subject is not None and self.evaluation is not None:
            request = MeasureRobustness(
                run_path=self.subject.run_path, checkpoint=str(self.evaluation.step), split=self.subject.split
            )
            self.app.push_screen(RobustnessScreen(request))

    def action_mark_label(self) -> None:
        prediction = self.images.current
        if prediction is not None and self.subject is not None:
            self.run_images.toggle_mislabelled(Path(self.subject.run_path), self.images.key(prediction))

    def action_open(self) -> None:
        if self.part == "images":
            self.browser.enlarge(lambda step: PredictionDialog(step, self.action_why, self.action_mark_label))
        elif self.part == "matrix":
            self.select(self.images.selection)

    def action_move(self, right: int, down: int) -> None:
        match self.part:
            case "metrics":
                self.summary.scroll_table(down)
            case "matrix":
                self.matrix.move(right, down)
            case "images":
                super().action_move(right, down)

    def action_next_page(self) -> None:
        match self.part:
            case "metrics":
                self.summary.scroll_pages(1)
            case "matrix":
                self.matrix.move_page(1)
            case "images":
                super().action_next_page()

    def action_previous_page(self) -> None:
        match self.part:
            case "metrics":
                self.summary.scroll_pages(-1)
            case "matrix":
                self.matrix.move_page(-1)
            case "images":
                super().action_previous_page()
