"""The app's Textual theme, which uses the same colours as the command-line reports."""

from textual.theme import Theme

from fashion_tui.report.style import PALETTE

THEME = Theme(
    name="fashion-tui",
    dark=PALETTE.is_dark,
    primary=PALETTE.accent,
    accent=PALETTE.accent,
    foreground=PALETTE.foreground,
    background=PALETTE.background,
    surface=PALETTE.surface,
    panel=PALETTE.panel,
    success=PALETTE.good,
    warning=PALETTE.attention,
    error=PALETTE.bad,
    variables={
        "muted": PALETTE.muted,
        "rule": PALETTE.rule,
        "block-cursor-background": PALETTE.cursor,
        "block-cursor-foreground": PALETTE.foreground,
        "block-cursor-text-style": "bold",
        "input-selection-background": PALETTE.accent + " 30%",
        "scrollbar": PALETTE.rule,
        "scrollbar-background": PALETTE.background,
        "scrollbar-hover": PALETTE.hover,
        "scrollbar-active": PALETTE.accent,
    },
)
"""A theme with the colours that the user's settings specify."""
