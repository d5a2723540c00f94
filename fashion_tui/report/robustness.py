"""Show the accuracy of a network on corrupted images: numbers and a small curve for each kind of corruption."""

import math
from collections.abc import Sequence

from rich.text import Text

from fashion_tui.schema.robustness import Robustness, RobustnessCurve

from .formatting import format_percent
from .glyphs import Glyphs
from .style import ACCENT, FOREGROUND, MUTED

NAME_WIDTH, UNIT_WIDTH, CELL_WIDTH = 10, 20, 7


def describe_corruption(curve: RobustnessCurve, strength: float) -> str:
    """Return a corruption with its strength, such as `rotation by 30 degrees` or `shift by 3 pixels`."""
    match curve.corruption:
        case "rotation":
            return f"rotation by {strength:.3g} degrees"
        case "shift":
            return f"shift by {strength:.3g} pixel{'' if strength == 1 else 's'}"
        case "blur":
            return f"blur with a standard deviation of {strength:.3g} pixels"
        case "noise":
            return f"noise with a standard deviation of {strength:.3g}"


def robustness_lines(robustness: Robustness, glyphs: Glyphs) -> list[Text]:
    """Return a caption and two lines for each corruption: the strengths, and the accuracies with their curve.

    The first column is the accuracy without corruption.
    """
    caption = f"robustness · accuracy on {robustness.n:,} corrupted test images, and without corruption"
    lines = [Text(f"{caption} ({format_percent(robustness.accuracy)})", MUTED)]
    for curve in robustness.curves:
        lines += _curve_lines(curve, robustness.accuracy, glyphs)
    return lines


def _curve_lines(curve: RobustnessCurve, clean: float, glyphs: Glyphs) -> tuple[Text, Text]:
    strengths = "".join(f"{strength:{CELL_WIDTH}.3g}" for strength in (0.0, *curve.strengths))
    accuracies = (clean, *curve.accuracies)
    cells = "".join("NaN".rjust(CELL_WIDTH) if math.isnan(each) else f"{each * 100:7.1f}" for each in accuracies)
    return (
        Text.assemble(
            (curve.corruption.ljust(NAME_WIDTH), FOREGROUND), (curve.unit.ljust(UNIT_WIDTH) + strengths, MUTED)
        ),
        Text.assemble(
            (accuracy_curve(accuracies, glyphs).ljust(NAME_WIDTH), ACCENT),
            ("accuracy in %".ljust(UNIT_WIDTH), MUTED),
            (cells, FOREGROUND),
        ),
    )


def accuracy_curve(accuracies: Sequence[float], glyphs: Glyphs) -> str:
    """Return one glyph per accuracy: its level between 0 and 100 %."""
    top = len(glyphs.levels) - 1
    return "".join(glyphs.bad if math.isnan(each) else glyphs.levels[round(each * top)] for each in accuracies)
