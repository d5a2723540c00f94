"""The explanation of a prediction: a heat map over the image, and the most similar training images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal, TypeVar, cast, get_args

import msgspec
from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Static

from fashion_tui.report.formatting import printable, shorten
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.schema.audit import ImageKey
from fashion_tui.schema.dataset import Split
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.evaluation import Prediction, PredictionPage
from fashion_tui.schema.explanation import HeatMap, Method, Neighbours
from fashion_tui.schema.requests import Explain, GetNeighbours, GetPredictions, Request
from fashion_tui.schema.run import short_name
from fashion_tui.tui.actions import EXPLANATION, IN_EXPLANATION, bindings, with_keys
from fashion_tui.tui.app_screen import AppScreen
from fashion_tui.tui.bars import KeyBar
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog
from fashion_tui.tui.pane import KeyLabels
from fashion_tui.tui.screen_computation import ScreenComputation
from fashion_tui.tui.widgets.image_tiles import ImageTiles
from fashion_tui.tui.widgets.lines import FittedLines
from fashion_tui.tui.widgets.view_names import title_and_views

from .explanation import METHODS, method_title
from .heat_view import DETAILS_WIDTH, HeatView
from .layer_maps import LayerMaps
from .neighbours_view import NeighboursView

View = Literal["heat map", "nearest images", "feature maps"]
VIEWS: tuple[View, ...] = get_args(View)

VIEWS_WIDTH = 21
"""Width of the name of the current view beside the title, in columns."""
MIN_PATH_WIDTH = 12
"""Minimum width of the path of an image in the title, in columns."""

NEIGHBOURS = 24
"""Number of similar images that are requested. As many as fit are shown."""

Reply = TypeVar("Reply")


class ExplanationScreen(KeyLabels, AppScreen[int | None]):
    """Explains one prediction at a time. The result is the index of the last prediction among those requested."""

    TITLE = EXPLANATION
    HELP = with_keys(
        "explanation",
        "Shows which pixels support the predicted class, or the class chosen with `{choose_class}`.\n\n"
        "**Gradient × input**: how much each pixel contributes to the class's logit, in a linear approximation. "
        "**SmoothGrad**: the size of the gradient, averaged over noisy copies of the image. "
        "**Grad-CAM**: where the feature maps of a layer support the class; `{choose_layer}` chooses the layer. "
        "It ignores evidence against the class, so it can be 0 everywhere. "
        "**Occlusion**: how much the class's probability falls when a patch of the image is covered.\n\n"
        "`{next_view}` shows the training images closest to this one at the input of the last linear layer. If they "
        "have other labels, a label may be wrong. The first time, this takes one pass over the training set. The same "
        "key then shows the feature maps of each layer for this image.",
    )
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_EXPLANATION)
    DEFAULT_CSS = Path(__file__).with_name("explanation_screen.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    AUTO_FOCUS = None

    heading = getters.query_one("#explanation-title", FittedLines)
    heat_view = getters.query_one(HeatView)
    neighbours_view = getters.query_one(NeighboursView)
    layer_maps = getters.query_one(LayerMaps)
    maps_status = getters.query_one("#maps-status", Static)

    class Changed(Message):
        """Something that the screen shows has changed."""

    def __init__(
        self,
        predictions: GetPredictions,
        index: int,
        total: int,
        names: Sequence[str],
        paths: Mapping[ImageKey, str] = MappingProxyType({}),
    ) -> None:
        """Create the screen of a prediction.

        `predictions` requests all predictions that can be explained, `index` is the index of the first one to explain
        among them, and `total` is their number. `names` are the names of the classes. `paths` are the paths of
        the image files; it is empty if there are none.
        """
        super().__init__()
        self._predictions = predictions
        self._index, self._total = index, total
        self._names = names
        self._paths = paths
        self._prediction: Prediction | None = None
        self._method: Method = METHODS[0]
        self._layer: str | None = None
        self._target: int | None = None
        """Label of the class to explain, or None for the predicted class."""
        self._view: View = VIEWS[0]
        self._heat: HeatMap | None = None
        self._neighbours: Neighbours | None = None
        self._computation = ScreenComputation(self, "explanation", self._show)
        self._replies: dict[Request, object] = {}

    def compose(self) -> ComposeResult:
        yield FittedLines(id="explanation-title")
        yield HeatView(self._names)
        yield NeighboursView(self._names)
        yield Static(id="maps-status")
        yield LayerMaps(Path(self._predictions.run_path))
        yield KeyBar()

    def on_mount(self) -> None:
        self.load()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def load(self) -> None:
        """Load what the screen shows. This cancels the previous computation."""
        self._heat = self._neighbours = None
        self._computation.start(self._activity(), self._load)
        self.call_after_refresh(self._show)

    def _activity(self) -> str:
        """Return what is computed for the view."""
        if self._view == "nearest images":
            return "reading the training images"
        return "tracing the network" if self._view == "feature maps" else method_title(self._method, terminal_glyphs())

    async def _load(self) -> None:
        self._prediction = await self._get_prediction()
        self._show()
        if self._view == "feature maps":
            await self.layer_maps.trace()
            self._show()
            self.layer_maps.show(self._predictions.checkpoint, self._split, self._prediction.index)
        elif self._view == "nearest images":
            self._neighbours = await self._ask(self._neighbours_request(self._prediction), Neighbours)
        else:
            self._heat = await self._ask(self._heat_request(self._prediction), HeatMap)

    async def _get_prediction(self) -> Prediction:
        request = msgspec.structs.replace(self._predictions, offset=self._index, limit=1)
        page = await self._ask(request, PredictionPage)
        if not page.predictions:
            raise UserError("this prediction is no longer in the list")
        return page.predictions[0]

    async def _ask(self, request: Request, reply_type: type[Reply]) -> Reply:
        """Return the engine's reply. Replies are kept until the screen is closed."""
        if request not in self._replies:
            self._replies[request] = await self._computation.ask(request, reply_type)
        return cast("Reply", self._replies[request])

    @property
    def _split(self) -> Split:
        return "test" if self._predictions.split == "test" else "train"

    def _heat_request(self, prediction: Prediction) -> Explain:
        return Explain(
            run_path=self._predictions.run_path,
            checkpoint=self._predictions.checkpoint,
            split=self._split,
            index=prediction.index,
            method=self._method,
            layer=self._layer if self._method == "grad-cam" else None,
            target=self._target,
        )

    def _neighbours_request(self, prediction: Prediction) -> GetNeighbours:
        return GetNeighbours(
            run_path=self._predictions.run_path,
            checkpoint=self._predictions.checkpoint,
            split=self._split,
            index=prediction.index,
            limit=NEIGHBOURS,
        )

    # What is shown

    def _show(self) -> None:
        if not self.is_mounted or not self.query(KeyBar):
            return  # the screen is being opened or closed
        self.heat_view.display = self._view == "heat map"
        self.neighbours_view.display = self._view == "nearest images"
        has_maps = self.layer_maps.is_traced and not self._computation.problem
        self.layer_maps.display = self._view == "feature maps" and has_maps
        self.maps_status.display = self._view == "feature maps" and not has_maps
        view = VIEWS.index(self._view)
        self.heading.fit(lambda width: [title_and_views(self._title(width), VIEWS, view, width)])
        self.refresh_bindings()
        if self._view == "feature maps":
            self.maps_status.update(self._computation.status(self.size.width))
        elif self._view == "nearest images" and (self._prediction is None or self._neighbours is None):
            self.neighbours_view.show_status(self._computation.status)
        elif self._prediction is None:
            self.heat_view.show_status(self._computation.status(DETAILS_WIDTH))
        elif self._view == "heat map":
            status = self._computation.status(DETAILS_WIDTH)
            self.heat_view.show(self._prediction, self._method, self._target, self._heat, status)
        elif self._neighbours is not None:
            self.neighbours_view.show(self._prediction, self._neighbours)

    def _title(self, width: int) -> Text:
        """Return a title such as `guide-a1b2 · image 17 of the test set · 3 of 587`.

        If the image is a file, the title omits the data set and ends with the path, shortened to fit.
        """
        glyphs = terminal_glyphs()
        parts, path = [f"{self._index + 1:,} of {self._total:,}"], None
        if self._prediction is not None:
            path = self._paths.get((self._split, self._prediction.index))
            set_name = f" of the {'test set' if self._split == 'test' else 'training set'}" if path is None else ""
            parts.insert(0, f"image {self._prediction.index:,}{set_name}")
        run = printable(short_name(Path(self._predictions.run_path).name), glyphs)
        separator = f" {glyphs.dot} "
        title = Text.assemble((run, f"bold {FOREGROUND}"), (separator + separator.join(parts), MUTED))
        if path is not None:
            available = max(width - title.cell_len - len(separator) - VIEWS_WIDTH, MIN_PATH_WIDTH)
            title.append(separator + shorten(path, available, glyphs), MUTED)
        return title

    @on(ImageTiles.LayoutChanged)
    def _layout_changed(self, message: ImageTiles.LayoutChanged) -> None:
        message.stop()
        self._show()

    # Actions

    def label_of(self, action: str) -> str | None:
        if action == "turn(1)" and self._view == "feature maps":
            return "layer"
        if action == "back" and self._computation.progress is None:
            return None  # a short computation needn't be cancelled before the screen is closed
        return self._computation.label_of(action)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        match action:
            case "turn":
                return self._view != "nearest images"
            case "choose_class":
                return self._view == "heat map"
            case "more_maps":
                return self._view == "feature maps"
            case "choose_layer":
                return self._heat is not None and len(self._heat.layers) > 1 and self._view == "heat map"
            case "again":
                return bool(self._computation.problem)
            case _:
                return True

    def action_step(self, images: int) -> None:
        index = min(max(self._index + images, 0), self._total - 1)
        if index != self._index:
            self._index, self._prediction, self._target = index, None, None
            self.load()

    def action_turn(self, steps: int) -> None:
        """Choose another method or, among the feature maps, another layer."""
        if self._view == "feature maps":
            self.layer_maps.turn(steps)
        else:
            self._method = METHODS[(METHODS.index(self._method) + steps) % len(METHODS)]
        self.load()

    def action_next_view(self) -> None:
        self._view = VIEWS[(VIEWS.index(self._view) + 1) % len(VIEWS)]
        self.load()

    def action_more_maps(self) -> None:
        self.layer_maps.maps.turn_page()

    def action_again(self) -> None:
        self.load()

    def action_choose_class(self) -> None:
        glyphs = terminal_glyphs()
        choices = [Choice(str(index), Text(printable(name, glyphs))) for index, name in enumerate(self._names)]
        chosen = None if self._heat is None else str(self._heat.target)
        self.app.push_screen(ChoiceDialog("Explain class", choices, chosen), self._class_chosen)

    def _class_chosen(self, key: str | None) -> None:
        if key is not None:
            self._target = int(key)
            self.load()

    def action_choose_layer(self) -> None:
        if self._heat is None:
            return
        glyphs = terminal_glyphs()
        choices = [Choice(layer, Text(printable(layer, glyphs))) for layer in self._heat.layers]
        self.app.push_screen(ChoiceDialog("Layer of Grad-CAM", choices, self._heat.layer), self._layer_chosen)

    def _layer_chosen(self, key: str | None) -> None:
        if key is not None:
            self._layer = key
            self.load()

    def action_back(self) -> None:
        """Cancel a long computation, or close the screen."""
        if self._computation.progress is None or not self._computation.cancel():
            self.dismiss(self._index)
