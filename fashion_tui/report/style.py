"""The colours of the user's theme.

A colour only repeats what a glyph, a number or a word already shows, so that the output is readable without colours.
"""

from dataclasses import dataclass, replace

from fashion_tui.settings import Theme, user_settings


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a theme, as `#rrggbb`."""

    is_dark: bool
    foreground: str
    muted: str
    accent: str
    good: str
    attention: str
    bad: str
    string: str
    """Strings in highlighted code."""
    number: str
    """Numbers in highlighted code."""
    background: str
    surface: str
    """Background of bars and input fields."""
    panel: str
    """Background of dialogs."""
    rule: str
    hover: str
    cursor: str
    """Background of the row under the cursor."""
    error_line: str
    """Background of a line of code with an error."""
    correct: str
    """Background of the diagonal of a confusion matrix."""
    confusions: tuple[str, str, str]
    """Backgrounds of the confusions in a confusion matrix, most frequent confusions first."""
    zero: str
    """Colour of zero in diverging heat maps, close to the colour of the background."""
    ansi: tuple[str, ...]
    """ANSI colours for printed text: black, red, green, yellow, blue, magenta, cyan, white, and the bright versions."""


_DARK = Palette(
    is_dark=True,
    foreground="#d0d0d0",
    muted="#8a8a8a",
    accent="#5fafd7",
    good="#87af5f",
    attention="#d7af5f",
    bad="#d75f5f",
    string="#a8b98a",
    number="#c9b183",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    rule="#3a3a3a",
    hover="#585858",
    cursor="#303a40",
    error_line="#4a2424",
    correct="#1f3320",
    confusions=("#702c2c", "#4f2525", "#2b1d1d"),
    zero="#1c1c1c",
    ansi=(
        *("#4e4e4e", "#d75f5f", "#87af5f", "#d7af5f", "#5fafd7", "#af87af", "#5fafaf", "#d0d0d0"),
        *("#8a8a8a", "#e78787", "#afd787", "#e7c787", "#87c7e7", "#d7afd7", "#87d7d7", "#eeeeee"),
    ),
)

_LIGHT = Palette(
    is_dark=False,
    foreground="#1c1c1c",
    muted="#616161",
    accent="#005f87",
    good="#3a6b12",
    attention="#7a5200",
    bad="#b0201c",
    string="#4b6320",
    number="#7a5c1e",
    background="#ffffff",
    surface="#f3f3f3",
    panel="#e8e8e8",
    rule="#c4c4c4",
    hover="#9e9e9e",
    cursor="#d3e3ec",
    error_line="#f8d7d7",
    correct="#d5e8d0",
    confusions=("#eeb4b4", "#f5cccc", "#fae6e6"),
    zero="#f3f3f3",
    ansi=(
        *("#1c1c1c", "#b0201c", "#3a6b12", "#7a5200", "#005f87", "#7a3a7a", "#1f6b6b", "#616161"),
        *("#616161", "#c23b36", "#4b7d22", "#8a6210", "#1a6f97", "#8a4a8a", "#2f7b7b", "#1c1c1c"),
    ),
)

_COLOUR_BLIND = replace(
    _DARK,
    muted="#909090",
    accent="#7cc4f0",
    good="#2f9bd8",
    attention="#f5ec6a",
    bad="#e8703c",
    error_line="#4d2e12",
    correct="#16304a",
    confusions=("#7a4310", "#553213", "#2e2013"),
    ansi=(
        *("#4e4e4e", "#e8703c", "#2f9bd8", "#f5ec6a", "#7cc4f0", "#af87af", "#5fafaf", "#d0d0d0"),
        *("#909090", "#f0946c", "#68b6e4", "#fbf5a4", "#a8d8f6", "#d7afd7", "#87d7d7", "#eeeeee"),
    ),
)
"""A palette of blue, yellow and orange, which colour-blind users can tell apart (M. Okabe and K. Ito, 2008)."""

PALETTES: dict[Theme, Palette] = {"dark": _DARK, "light": _LIGHT, "colour-blind": _COLOUR_BLIND}

PALETTE = PALETTES[user_settings().theme]

ACCENT = PALETTE.accent
FOREGROUND = PALETTE.foreground
MUTED = PALETTE.muted
"""Colour of secondary text: units, labels, rules."""
GOOD = PALETTE.good
ATTENTION = PALETTE.attention
BAD = PALETTE.bad
RULE = PALETTE.rule

LIGHT_TEXT, DARK_TEXT = "#d0d0d0", "#121212"
"""Colours of text on heat maps and images. They are the same in every theme."""
