"""The heat map of an explanation, beside the prediction that it explains."""

from collections.abc import Sequence

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.widgets import Static

from fashion_tui.report.formatting import shorten
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.heat_legend import heat_legend, heat_values
from fashion_tui.report.pictures import overlay
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.schema.evaluation import Prediction
from fashion_tui.schema.explanation import HeatMap, Method
from fashion_tui.schema.picture import Picture
from fashion_tui.tui.widgets.image import ImageView, shading_of

from .explanation import advice_lines, method_lines, prediction_lines, probability_lines

DETAILS_WIDTH = 38


class HeatView(Horizontal):
    """Shows an image with a heat map, and beside it the prediction, the methods, the legend and the probabilities."""

    image = getters.query_one(ImageView)
    image_area = getters.query_one("#heat-image", Container)
    details = getters.query_one("#explanation-details", Static)

    def __init__(self, names: Sequence[str]) -> None:
        """`names` are the names of the classes."""
        super().__init__(id="heat")
        self._names = names

    def compose(self) -> ComposeResult:
        with Container(id="heat-image"):
            yield ImageView()
        yield Static(id="explanation-details")

    def show_status(self, status: Text) -> None:
        """Show the reason why the prediction is missing, instead of its details."""
        self.details.update(status)

    def show(
        self, prediction: Prediction, method: Method, target: int | None, heat: HeatMap | None, status: Text
    ) -> None:
        """Show a prediction and its heat map.

        `target` is the label of the class to explain, or None for the predicted class. `heat` is None until the heat
        map has been computed; `status` is shown until then.
        """
        picture = Picture(prediction.pixels, prediction.image_shape)
        if heat is not None and heat.scale:
            picture = overlay(picture, heat_values(heat))
        lines, columns = self.image_area.size.height, self.image_area.size.width
        if lines and columns:
            self.image.show(picture, (lines, columns))
        self.details.update(self._details(prediction, method, target, heat, status))

    def _details(
        self, prediction: Prediction, method: Method, target: int | None, heat: HeatMap | None, status: Text
    ) -> Text:
        """Return the prediction, the methods, the legend of the heat map, and as many probabilities as fit."""
        glyphs, width = terminal_glyphs(), DETAILS_WIDTH
        lines = prediction_lines(prediction, self._names, width, glyphs)
        target = prediction.predicted if target is None else target
        if target is not None:
            name = shorten(self._names[target], width - 14, glyphs)
            lines += [Text(), Text.assemble(("explanation of ", MUTED), (name, FOREGROUND))]
        lines += method_lines(method, None if heat is None else heat.layer, width, glyphs)
        lines.append(Text())
        if heat is None:
            lines.append(status)
        else:
            name = self._names[heat.target]
            lines += heat_legend(heat, name, width, glyphs, shading_of(self.app))
            lines += advice_lines(heat)
            available = self.details.size.height - len(lines) - 1
            lines += [Text(), *probability_lines(prediction, self._names, available, width, glyphs)]
        return Text("\n").join(lines)
