"""The pages of images that one run classifies correctly and another one doesn't."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from rich.text import Text

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.schema.audit import ImageKey
from fashion_tui.schema.comparison import PredictionComparison
from fashion_tui.schema.evaluation import Prediction, PredictionPage
from fashion_tui.schema.picture import Picture
from fashion_tui.schema.requests import CompareRuns, GetPredictions
from fashion_tui.tui.widgets.image_tiles import Tile

from .flipped import FlippedPage, FlippedRequest, flipped_details, flipped_tile, run_names
from .image_notes import ImageNotes
from .predictions import image_lines

if TYPE_CHECKING:
    from fashion_tui.engine.client import Engine

Change = Literal["broken", "fixed"]
"""`broken`: only the first run classifies the image correctly; `fixed`: only the second run does."""


class FlippedImages:
    """Supplies an ImageBrowser with the images of a change. There are none until `choose` has been called."""

    def __init__(
        self,
        request: CompareRuns,
        engine: Callable[[], "Engine"],
        page_shown: Callable[[], None],
        page_failed: Callable[[str], None],
        notes: Callable[[], ImageNotes],
    ) -> None:
        """Create a source of images.

        `engine` returns the engine's client. `notes` returns the marks and paths of the images. `page_shown` and
        `page_failed` are those of `PageSource`.
        """
        self._request = request
        self._engine = engine
        self._notes = notes
        self.page_shown, self.page_failed = page_shown, page_failed
        self.change: Change | None = None
        """The change whose images are shown, or None if no images are shown."""
        self.indices: tuple[int, ...] = ()
        """Indices of the images in the test or training set."""
        self._names: tuple[str, ...] = ()

    def choose(self, compared: PredictionComparison, change: Change | None) -> None:
        """Choose the images to show. Clear the browser afterwards."""
        self.change, self._names = change, compared.classes
        images: dict[Change | None, tuple[int, ...]] = {"broken": compared.broken, "fixed": compared.fixed}
        self.indices = images.get(change, ())

    def key(self, prediction: Prediction) -> ImageKey:
        return "test" if self._request.split == "test" else "train", prediction.index

    def predictions(self, *, of_first: bool, offset: int = 0, limit: int = 1) -> GetPredictions:
        """Return a request for the predictions of the first or the second run for these images."""
        return GetPredictions(
            run_path=self._request.run_path if of_first else self._request.other_path,
            checkpoint=self._request.checkpoint if of_first else self._request.other_checkpoint,
            split=self._request.split,
            outcome="all",
            truth=None,
            predicted=None,
            indices=self.indices,
            sort="index",
            offset=offset,
            limit=limit,
        )

    # Implementation of ImageSource

    def page_request(self, offset: int, limit: int) -> FlippedRequest | None:
        if self.change is None:
            return None
        first, second = (self.predictions(of_first=first, offset=offset, limit=limit) for first in (True, False))
        return FlippedRequest(first, second)

    async def fetch_page(self, request: FlippedRequest) -> FlippedPage:
        first = await self._engine().ask(request.first, PredictionPage)
        return FlippedPage(first, await self._engine().ask(request.second, PredictionPage))

    def make_tiles(self, page: FlippedPage, width: int) -> Sequence[Tile]:
        pairs = zip(page.first.predictions, page.second.predictions, strict=True)
        marked = self._notes().mislabelled
        return [
            flipped_tile(first, second, self._names, width, terminal_glyphs(), mislabelled=self.key(first) in marked)
            for first, second in pairs
        ]

    def enlarged(self, page: FlippedPage, position: int) -> tuple[Picture, Text]:
        first, second = page.first.predictions[position], page.second.predictions[position]
        key, notes, glyphs = self.key(first), self._notes(), terminal_glyphs()
        about = image_lines(key, notes.paths.get(key), glyphs, mislabelled=key in notes.mislabelled)
        details = flipped_details(first, second, self._names, run_names(self._request), glyphs, about_image=about)
        return Picture(first.pixels, first.image_shape), details
