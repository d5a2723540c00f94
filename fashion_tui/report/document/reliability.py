"""The reliability diagram of an evaluation as SVG: the accuracy of the predictions against their confidence."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from fashion_tui.report.style import PALETTES
from fashion_tui.schema.evaluation import ReliabilityBin

from .elements import element

SIZE = 320
"""Width and height of the plot, in pixels."""
COUNTS = 70
"""Height of the histogram below the plot, in pixels."""
LEFT, TOP, RIGHT, GAP, BOTTOM = 56, 16, 16, 14, 44
"""Space around the plot and between the plot and the histogram, in pixels."""
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
COLOURS = PALETTES["light"]

SUMMARY = (
    "Each bar is the accuracy of the predictions whose confidence is in its range; the shaded part is the distance to "
    "the mean confidence. A calibrated network's bars end on the diagonal. Below: the number of predictions."
)


def reliability_svg(bins: Sequence[ReliabilityBin]) -> ET.Element:
    """Return the diagram of bins that cover the confidences from 0 to 1."""
    width, height = LEFT + SIZE + RIGHT, TOP + SIZE + GAP + COUNTS + BOTTOM
    root = element(
        "svg",
        element("title", "Reliability diagram"),
        element("rect", width="100%", height="100%", fill=COLOURS.background),
        *_axes(),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="img",
        font_family="system-ui, 'DejaVu Sans', sans-serif",
        font_size="12",
    )
    most = max((each.count for each in bins), default=0)
    for each in bins:
        if each.accuracy is not None and each.confidence is not None:
            root.extend(_bar(each, each.accuracy, each.confidence, most))
    diagonal = {"x1": _across(0), "y1": _down(0), "x2": _across(1), "y2": _down(1), "stroke": COLOURS.foreground}
    root.append(element("line", **diagonal, stroke_dasharray="5 4"))
    return root


def _bar(each: ReliabilityBin, accuracy: float, confidence: float, most: int) -> list[ET.Element]:
    """Return the bar of a bin, the gap to its confidence, and its bar in the histogram."""
    x, width = _across(each.low), _across(each.high) - _across(each.low)
    place = {"x": f"{x + 0.5:.2f}", "width": f"{width - 1:.2f}"}
    tooltip = (
        f"confidence {each.low:.2f} to {each.high:.2f}: {each.count:,} predictions, mean confidence "
        f"{confidence:.3f}, accuracy {accuracy:.3f}"
    )
    top, bottom = max(accuracy, confidence), min(accuracy, confidence)
    count = COUNTS * each.count / most
    return [
        element(
            "g",
            element("title", tooltip),
            element("rect", **_vertical(accuracy, 0), **place, fill=COLOURS.accent, fill_opacity="0.6"),
            element("rect", **_vertical(top, bottom), **place, fill=COLOURS.bad, fill_opacity="0.35"),
        ),
        element(
            "rect",
            **place,
            y=f"{TOP + SIZE + GAP + COUNTS - count:.2f}",
            height=f"{count:.2f}",
            fill=COLOURS.muted,
        ),
    ]


def _vertical(high: float, low: float) -> dict[str, str]:
    return {"y": f"{_down(high):.2f}", "height": f"{(high - low) * SIZE:.2f}"}


def _axes() -> list[ET.Element]:
    lines = []
    for tick in TICKS:
        lines.append(element("line", x1=_across(0), x2=_across(1), y1=_down(tick), y2=_down(tick), stroke=COLOURS.rule))
        lines.append(_label(f"{tick:g}", _across(0) - 6, _down(tick) + 4, "end"))
        lines.append(_label(f"{tick:g}", _across(tick), TOP + SIZE + GAP + COUNTS + 16, "middle"))
    middle, bottom = LEFT + SIZE / 2, TOP + SIZE + GAP + COUNTS + 36
    lines.append(_label("confidence", middle, bottom, "middle"))
    accuracy = _label("accuracy", 0, 0, "middle")
    accuracy.set("transform", f"translate(16 {TOP + SIZE / 2:g}) rotate(-90)")
    return [*lines, accuracy]


def _label(text: str, x: float, y: float, anchor: str) -> ET.Element:
    return element("text", text, x=f"{x:g}", y=f"{y:g}", fill=COLOURS.muted, text_anchor=anchor)


def _across(confidence: float) -> float:
    return LEFT + confidence * SIZE


def _down(accuracy: float) -> float:
    return TOP + (1 - accuracy) * SIZE
