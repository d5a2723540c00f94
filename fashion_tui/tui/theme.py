"""A Textual theme with the colours of the `report` package."""

from textual.theme import Theme

from fashion_tui.report import style

RULE = "#3a3a3a"

FASHION_DARK = Theme(
    name="fashion-dark",
    dark=True,
    primary=style.ACCENT,
    accent=style.ACCENT,
    foreground=style.FOREGROUND,
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    success=style.GOOD,
    warning=style.ATTENTION,
    error=style.BAD,
    variables={
        "muted": style.MUTED,
        "rule": RULE,
        "block-cursor-background": "#303a40",
        "block-cursor-foreground": style.FOREGROUND,
        "block-cursor-text-style": "none",
        "input-selection-background": style.ACCENT + " 30%",
        "scrollbar": RULE,
        "scrollbar-background": "#121212",
        "scrollbar-hover": "#585858",
        "scrollbar-active": style.ACCENT,
    },
)
