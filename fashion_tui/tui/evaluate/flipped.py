"""The images that one run classifies correctly and another one doesn't, with the predictions of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.cells import set_cell_size
from rich.text import Text

from fashion_tui.report.class_names import short_class_name
from fashion_tui.report.formatting import printable, shorten
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import ATTENTION, BAD, FOREGROUND, GOOD, MUTED
from fashion_tui.schema.evaluation import Prediction, PredictionPage
from fashion_tui.schema.picture import Picture
from fashion_tui.schema.requests import CompareRuns, GetPredictions
from fashion_tui.schema.run import short_name
from fashion_tui.tui.widgets.image_tiles import Tile

from .predictions import format_confidence

LETTERS = ("a", "b")
"""Short names of the first and the second run."""
LABEL_LINES = 3
DETAILS_WIDTH = 38


@dataclass(frozen=True, slots=True)
class FlippedRequest:
    """Requests for the predictions of both runs for the same images."""

    first: GetPredictions
    second: GetPredictions


@dataclass(frozen=True, slots=True)
class FlippedPage:
    """Predictions of both runs for the same images."""

    first: PredictionPage
    second: PredictionPage

    @property
    def total(self) -> int:
        return self.first.total


def run_names(request: CompareRuns) -> tuple[str, str]:
    """Return the short names of the first and the second run."""
    paths = Path(request.run_path), Path(request.other_path)
    first, second = (printable(short_name(path.name), terminal_glyphs()) for path in paths)
    return first, second


def flipped_tile(  # noqa: PLR0913
    first: Prediction,
    second: Prediction,
    names: Sequence[str],
    width: int,
    glyphs: Glyphs,
    *,
    mislabelled: bool = False,
) -> Tile:
    """Return a tile with the true class, and a line with each run's prediction, such as `b ✕ Coat 71 %`.

    If the image is marked as mislabelled, `!` follows its class.
    """
    truth = short_class_name(names, first.truth, width - 2 * mislabelled, glyphs)
    labels = [Text(truth, f"bold {FOREGROUND}").append(" !" if mislabelled else "", f"bold {ATTENTION}")]
    for letter, prediction in zip(LETTERS, (first, second), strict=True):
        mark, colour = (glyphs.good, GOOD) if prediction.predicted == prediction.truth else (glyphs.bad, BAD)
        confidence = format_confidence(prediction.confidence)
        if prediction.predicted is None:
            name = ""
        else:
            available = width - len(letter) - len(mark) - len(confidence) - 3
            name = short_class_name(names, prediction.predicted, available, glyphs)
        labels.append(
            Text.assemble((f"{letter} ", MUTED), (f"{mark} ", colour), (name, colour), (f" {confidence}", MUTED))
        )
    return Tile(Picture(first.pixels, first.image_shape), tuple(labels))


def flipped_details(  # noqa: PLR0913
    first: Prediction,
    second: Prediction,
    names: Sequence[str],
    runs: tuple[str, str],
    glyphs: Glyphs,
    *,
    about_image: Text,
) -> Text:
    """Return the true class, `about_image`, and the most probable classes of each run."""
    truth = short_class_name(names, first.truth, DETAILS_WIDTH, glyphs)
    text = Text.assemble((truth, f"bold {FOREGROUND}"), "\n", about_image)
    for letter, run, prediction in zip(LETTERS, runs, (first, second), strict=True):
        text.append(f"\n{letter} {shorten(run, DETAILS_WIDTH - 2, glyphs)}\n", MUTED)
        ranked = sorted(range(len(names)), key=lambda index: -prediction.probabilities[index])
        for index in ranked[:3]:
            is_truth = index == prediction.truth
            mark = glyphs.good if is_truth else glyphs.bad if index == prediction.predicted else " "
            colour = GOOD if is_truth else BAD if index == prediction.predicted else MUTED
            name = set_cell_size(short_class_name(names, index, DETAILS_WIDTH - 9, glyphs), DETAILS_WIDTH - 9)
            text.append(f"{mark} ", colour)
            text.append(f"{name}{prediction.probabilities[index] * 100:6.1f}\n", colour)
    return text
