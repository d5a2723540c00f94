"""The legend of a heat map over an image: its scale, and what the ends of the scale mean."""

from rich.text import Text

from fashion_tui.schema.explanation import HeatMap

from .colormap import heat_style
from .formatting import format_number, shorten
from .glyphs import Glyphs
from .pictures import NEGATIVE_INK
from .pixels import INK, Shading
from .style import FOREGROUND, MUTED

SCALE_WIDTH = 6
"""Number of columns for the positive or the negative values of the scale, without the column for 0."""


def heat_legend(heat: HeatMap, name: str, width: int, glyphs: Glyphs, shading: Shading) -> list[Text]:
    """Return a line with the scale and its ends, and a line that says what they mean for the class `name`.

    The colours and characters are those of `draw_picture`.
    """
    if heat.scale == 0:
        return _empty_map(heat, name, width, glyphs)
    end = format_number(heat.scale, glyphs, digits=2)
    unit = {"occlusion": " probability", "gradient": " logit"}.get(heat.method, "")
    is_characters = shading is Shading.CHARACTERS
    if min(heat_values(heat)) >= 0:
        meaning = f"{'denser characters' if is_characters else 'brighter pixels'} matter more"
        lines = [
            Text.assemble(("0 ", MUTED), _scale(0, SCALE_WIDTH, shading), (f" {end}{unit}", MUTED)),
            Text(meaning, MUTED),
        ]
    else:
        minus = "−" if glyphs.unicode else "-"
        low, high = ("digits", "signs") if is_characters else ("blue", "orange")
        meaning = f"{low}: against, {high}: for "
        available = max(width - len(meaning), 1)
        lines = [
            Text.assemble(
                (f"{minus}{end} ", MUTED), _scale(-SCALE_WIDTH, SCALE_WIDTH, shading), (f" +{end}{unit}", MUTED)
            ),
            Text.assemble((meaning, MUTED), (shorten(name, available, glyphs), FOREGROUND)),
        ]
    for line in lines:
        line.truncate(width, overflow="crop")
    return lines


def _empty_map(heat: HeatMap, name: str, width: int, glyphs: Glyphs) -> list[Text]:
    """Return lines that say why a heat map is 0 everywhere."""
    if heat.method == "grad-cam":
        layer = shorten(heat.layer or "", width - len("no position in "), glyphs)
        reason = [f"no position in {layer}", f"supports {shorten(name, width - len('supports '), glyphs)}"]
    elif heat.method == "occlusion":
        reason = ["covering a patch changes nothing"]
    else:
        reason = ["the logit has no gradient here"]
    return [Text(line, MUTED) for line in ("0 everywhere:", *reason)]


def heat_values(heat: HeatMap) -> "memoryview[float]":
    """Return the values of a heat map, row by row, in [−1, 1]."""
    return memoryview(heat.values).cast("f")


def _scale(low: int, high: int, shading: Shading) -> Text:
    text = Text()
    for step in range(low, high + 1):
        if shading is Shading.CHARACTERS:
            characters = INK if step >= 0 else NEGATIVE_INK
            text.append(characters[round(abs(step) / high * (len(characters) - 1))])
        else:
            text.append(" ", heat_style(step, low, high))
    return text
