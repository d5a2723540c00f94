"""The colours and letters that identify the runs of a chart."""

from rich.color import Color
from rich.style import Style

from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED, PALETTE, RULE

_ON_DARK = ("#56b4e9", "#e69f00", "#00b486", "#f0e442", "#cc79a7", "#d55e00", "#8c8cff", "#f2f2f2")
_ON_LIGHT = ("#4405f2", "#c05a00", "#096548", "#f70274", "#1c1c1c", "#a13e97", "#6f1100", "#6c129d")
RUN_COLOURS = _ON_DARK if PALETTE.is_dark else _ON_LIGHT
"""One colour per run, which colour-blind users can tell apart.

The colours for dark backgrounds are based on M. Okabe and K. Ito, 2008.
"""

LETTERS = "abcdefgh"
"""One letter per run. It marks the end of the run's line and, in ASCII, draws the line."""

LINE = Style(color=ACCENT)
PER_EPOCH = Style(color=PALETTE.number)
TITLE = Style(color=FOREGROUND)
LABEL = Style(color=MUTED)
GUIDE = Style(color=RULE)
WARNING = Style(color=ATTENTION)

_BAND_STRENGTH = 0.45
"""Share of a line's colour in the colour of its band. The rest is background."""


def line_style(index: int, runs: int) -> Style:
    """Return the style of a run's line. A single run has the accent colour."""
    return LINE if runs == 1 else _RUN_STYLES[index]


def per_epoch_style(index: int, runs: int) -> Style:
    """Return the style of a run's values per epoch. A single run shows them in a second colour."""
    return PER_EPOCH if runs == 1 else _RUN_STYLES[index]


def band_style(index: int, runs: int) -> Style:
    """Return the dim style of a run's band."""
    return _BAND if runs == 1 else _RUN_BANDS[index]


def _dim(colour: str) -> Style:
    strong, background = Color.parse(colour).get_truecolor(), Color.parse(PALETTE.background).get_truecolor()
    channels = (round(_BAND_STRENGTH * a + (1 - _BAND_STRENGTH) * b) for a, b in zip(strong, background, strict=True))
    return Style(color=Color.from_rgb(*channels))


_RUN_STYLES = tuple(Style(color=colour) for colour in RUN_COLOURS)
_RUN_BANDS = tuple(map(_dim, RUN_COLOURS))
_BAND = _dim(ACCENT)
