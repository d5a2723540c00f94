"""The predictions as images: mistakes, all predictions, or those of one cell of the confusion matrix."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Vertical

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION, MUTED
from fashion_tui.schema.audit import ImageKey
from fashion_tui.schema.dataset import Split
from fashion_tui.schema.evaluation import Evaluation, Prediction, PredictionPage
from fashion_tui.schema.picture import Picture
from fashion_tui.schema.requests import Evaluate, GetPredictions
from fashion_tui.tui.actions import key_of
from fashion_tui.tui.image_pane import ImageBrowser
from fashion_tui.tui.lab_app import LabApp
from fashion_tui.tui.widgets.image_tiles import ImageTiles, Tile
from fashion_tui.tui.widgets.lines import FittedLines

from .image_notes import ImageNotes
from .predictions import LABEL_LINES, prediction_details, prediction_picture, prediction_tile, predictions_title
from .selection import Selection

MIN_TILES = 14
"""Minimum number of predictions per page, unless the pane is too small."""


class ImagesView(Vertical):
    """Shows predictions of an evaluated checkpoint as tiles with a cursor."""

    title_line = getters.query_one("#images-title", FittedLines)
    browser = getters.query_one(ImageBrowser)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.selection = Selection()
        self._subject: Evaluate | None = None
        self._evaluation: Evaluation | None = None
        self._notes = ImageNotes()

    def compose(self) -> ComposeResult:
        yield FittedLines(id="images-title")
        grid = ImageTiles(LABEL_LINES, MIN_TILES)
        grid.can_focus = False  # the pane takes the focus, because the images aren't always visible
        yield ImageBrowser(self, grid)

    @property
    def class_names(self) -> list[str]:
        return [] if self._evaluation is None else [report.name for report in self._evaluation.per_class]

    @property
    def split(self) -> Split:
        """The split that `Prediction.index` refers to. Held-out images belong to the training set."""
        return "test" if self._evaluation is None or self._evaluation.split == "test" else "train"

    @property
    def current(self) -> Prediction | None:
        """The prediction under the cursor, or None if it isn't loaded."""
        page = cast("PredictionPage | None", self.browser.page)
        position = self.browser.cursor.position
        return None if page is None or position >= len(page.predictions) else page.predictions[position]

    def show(self, subject: Evaluate, evaluation: Evaluation) -> None:
        """Show the predictions of an evaluated checkpoint."""
        self._subject, self._evaluation = subject, evaluation
        self.browser.load()
        self._show_loading()

    def clear(self) -> None:
        """Show nothing, until another checkpoint is evaluated."""
        self._evaluation = None
        self.selection = Selection()
        self.browser.clear()

    def select(self, selection: Selection) -> None:
        """Show the first predictions of another selection."""
        if selection != self.selection:
            self.selection = selection
            self.browser.restart()
            self._show_loading()

    def _show_loading(self) -> None:
        """Show a loading message unless the predictions are already shown."""
        if not self.browser.is_loaded:
            self.title_line.fit(lambda _width: [Text(f"reading the predictions {terminal_glyphs().ellipsis}", MUTED)])

    def show_notes(self, notes: ImageNotes) -> None:
        """Show which images are marked as mislabelled, and the files of the images."""
        if notes != self._notes:
            self._notes = notes
            self.browser.repaint()

    def key(self, prediction: Prediction) -> ImageKey:
        return self.split, prediction.index

    # Implementation of ImageSource

    def page_request(self, offset: int, limit: int) -> GetPredictions | None:
        if self._subject is None or self._evaluation is None or not self.display:
            return None
        selection = self.selection
        return GetPredictions(
            run_path=self._subject.run_path,
            # Request the step that was evaluated, because a live run may have written newer checkpoints since then.
            checkpoint=str(self._evaluation.step),
            split=self._subject.split,
            outcome="wrong" if selection.wrong_only and not selection.is_pair else "all",
            truth=selection.truth,
            predicted=selection.predicted,
            sort=selection.order,
            offset=offset,
            limit=limit,
        )

    async def fetch_page(self, request: GetPredictions) -> PredictionPage:
        return await cast("LabApp", self.app).engine.ask(request, PredictionPage)

    def make_tiles(self, page: PredictionPage, width: int) -> Sequence[Tile]:
        names, glyphs = self.class_names, terminal_glyphs()
        return [
            prediction_tile(
                prediction, names, width, glyphs, mislabelled=self.key(prediction) in self._notes.mislabelled
            )
            for prediction in page.predictions
        ]

    def enlarged(self, page: PredictionPage, position: int) -> tuple[Picture, Text]:
        prediction = page.predictions[position]
        details = prediction_details(
            prediction,
            self.class_names,
            terminal_glyphs(),
            split=self.split,
            lines=self.app.size.height,
            mislabelled=self.key(prediction) in self._notes.mislabelled,
            path=self._notes.paths.get(self.key(prediction)),
        )
        return prediction_picture(prediction), details

    def page_shown(self) -> None:
        title = predictions_title(self.browser.cursor, self.selection, self.class_names, terminal_glyphs())
        self.title_line.fit(lambda _width: [title])

    def page_failed(self, problem: str) -> None:
        self.title_line.fit(lambda _width: [Text("the predictions can't be read", ATTENTION)])
        if self._subject is not None:
            self._report_failure(problem, Path(self._subject.run_path))

    @work(group="failure", exclusive=True)
    async def _report_failure(self, problem: str, run_path: Path) -> None:
        """Show why the predictions can't be read, and which key to press."""
        if await asyncio.to_thread(run_path.is_dir):
            advice = f"press {key_of('evaluate', 'evaluate')} to evaluate the run again"
        else:
            advice = f"press {key_of('evaluate', 'other_run')} to choose another run"
        self.notify(f"{problem}; {advice}", severity="error", markup=False)
