"""A run's prediction for an image file, with the preprocessing steps."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar, cast

from rich.console import Group
from rich.text import Text
from textual import getters, work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from fashion_tui.report.formatting import printable, shorten
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.prediction import novelty_line, obstacle_message, steps_table, top_lines
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.prediction import FailedImage, Predicted, PredictedImage
from fashion_tui.schema.requests import Predict
from fashion_tui.schema.run import short_name
from fashion_tui.tui.actions import IN_PREDICTION, PREDICTION, bindings, with_keys
from fashion_tui.tui.app_screen import AppScreen
from fashion_tui.tui.bars import KeyBar
from fashion_tui.tui.dialogs.trust import NOT_TRUSTED, confirm_trust
from fashion_tui.tui.lab_app import LabApp
from fashion_tui.tui.pane import KeyLabels
from fashion_tui.tui.run_choice import NO_CHECKPOINT, choose_run, default_run
from fashion_tui.tui.screen_computation import ScreenComputation
from fashion_tui.tui.widgets.image_tiles import ImageTiles, Tile
from fashion_tui.tui.widgets.lines import FittedLines, left_and_right

from .path_dialog import PathDialog

TITLE = "Predict the class of an image file"
COMPARED = "compared with {done:,} of {total:,} images"


async def predict_file(lab_app: LabApp, run: Path | None) -> None:
    """Ask for an image file, and show the prediction of a run. Call this from a worker.

    `run` is the directory of the run, or None for the newest finished one.
    """
    app = cast("App[Any]", lab_app)
    run = run or await asyncio.to_thread(default_run, lab_app.runs)
    if run is None:
        app.notify(NO_CHECKPOINT)
        return
    image = await app.push_screen_wait(PathDialog(TITLE))
    if image is not None:
        app.push_screen(PredictionScreen(image, run))


class PredictionScreen(KeyLabels, AppScreen[None]):
    """Shows how an image file is preprocessed, its probable classes, and whether it is unlike the training images."""

    TITLE = PREDICTION
    HELP = with_keys(
        "prediction",
        "An image file is converted to match the images that the run was trained on: to grey or RGB, to their size "
        "and, if its border is bright but theirs is dark, to its negative. The pictures show each step.\n\n"
        "An image is **unlike the training images** if it is farther from the nearest one than 99.5 % of the images "
        "that the network wasn't trained on. `{predict}` predicts another file, `{other_run}` uses another run.",
    )
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PREDICTION)
    DEFAULT_CSS = Path(__file__).with_name("screen.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    AUTO_FOCUS = None

    heading = getters.query_one("#prediction-title", FittedLines)
    notice = getters.query_one("#prediction-notice", Static)
    tiles = getters.query_one(ImageTiles)
    details = getters.query_one("#prediction-details", Static)

    def __init__(self, image: Path, run: Path) -> None:
        super().__init__()
        self._image = image
        self._run = run
        self._computation = ScreenComputation(self, "prediction", self._show_status, amount=COMPARED)

    def compose(self) -> ComposeResult:
        yield FittedLines(id="prediction-title")
        yield Static(id="prediction-notice")
        tiles = ImageTiles(min_tiles=5, id="prediction-steps")
        tiles.can_focus = False
        yield tiles
        yield Static(id="prediction-details")
        yield KeyBar()

    def on_mount(self) -> None:
        self._start()

    @property
    def _lab_app(self) -> LabApp:
        return cast("LabApp", self.app)

    def _start(self) -> None:
        glyphs = terminal_glyphs()
        run = Text.assemble(("run ", MUTED), (printable(short_name(self._run.name), glyphs), FOREGROUND))

        def title(width: int) -> list[Text]:
            name = shorten(str(self._image), max(width - run.cell_len - 2, 8), glyphs)
            return [left_and_right(Text(name, f"bold {FOREGROUND}"), run, width)]

        self.heading.fit(title)
        self.tiles.show(())
        self.details.update("")
        self._computation.start("predicting", self._predict)

    async def _predict(self) -> None:
        request = Predict(run_path=str(self._run), checkpoint="final", images=(str(self._image),))
        try:
            predicted = await self._computation.ask(request, Predicted)
        except UntrustedSource:
            if not await confirm_trust(self.app, self._run):
                raise UserError(NOT_TRUSTED) from None
            predicted = await self._computation.ask(request, Predicted)
        self._show(predicted)

    def _show_status(self) -> None:
        status = self._computation.status(self.size.width)
        self.notice.update(status)
        self.notice.display = bool(status)
        self.refresh_bindings()

    def _show(self, predicted: Predicted) -> None:
        image = predicted.images[0]
        if isinstance(image, FailedImage):
            raise UserError(image.error)
        self.details.update(prediction_details(image, predicted.novelty_obstacle))
        tiles = [Tile(step.picture, (Text(step.name, FOREGROUND if step.applied else MUTED),)) for step in image.steps]
        self.call_after_refresh(self.tiles.show, tiles)

    # Actions

    def label_of(self, action: str) -> str | None:
        return self._computation.label_of(action)

    def action_back(self) -> None:
        """Cancel the prediction, or close the screen."""
        if not self._computation.cancel():
            self.dismiss()

    def action_again(self) -> None:
        self._start()

    @work(group="path", exclusive=True)
    async def action_predict(self) -> None:
        image = await self.app.push_screen_wait(PathDialog(TITLE))
        if image is not None:
            self._image = image
            self._start()

    @work(group="run", exclusive=True)
    async def action_other_run(self) -> None:
        chosen = await choose_run(self.app, self._lab_app.runs, "Predict with", self._run)
        if chosen is not None:
            self._run = Path(chosen)
            self._start()


def prediction_details(image: PredictedImage, obstacle: str | None) -> Group:
    """Return the most probable classes, whether the image is unlike the training images, and the steps."""
    glyphs = terminal_glyphs()
    if image.novelty is not None:
        novelty = novelty_line(image.novelty, glyphs)
    else:
        novelty = Text(printable(obstacle_message(obstacle or "the distance is unknown"), glyphs), MUTED)
    return Group(*top_lines(image.top, glyphs), novelty, steps_table(image.steps, glyphs))
