"""A number three lines high."""

from fashion_tui.report.glyphs import Glyphs

DIGITS = {
    "0": ("█▀█", "█ █", "▀▀▀"),
    "1": ("▄█ ", " █ ", "▀▀▀"),
    "2": ("▀▀█", "█▀▀", "▀▀▀"),
    "3": ("▀▀█", "▀▀█", "▀▀▀"),
    "4": ("█ █", "▀▀█", "  ▀"),
    "5": ("█▀▀", "▀▀█", "▀▀▀"),
    "6": ("█▀▀", "█▀█", "▀▀▀"),
    "7": ("▀▀█", "  █", "  ▀"),
    "8": ("█▀█", "█▀█", "▀▀▀"),
    "9": ("█▀█", "▀▀█", "▀▀▀"),
    ".": (" ", " ", "▀"),
    "×": (" ", "×", " "),
}


def large_number(text: str, glyphs: Glyphs) -> tuple[str, str, str]:
    """Digits and points as three lines of equal width; in the middle line as they are where there are no blocks."""
    if not glyphs.unicode:
        return " " * len(text), text, " " * len(text)
    upper, middle, lower = (" ".join(DIGITS[sign][line] for sign in text) for line in range(3))
    return upper, middle, lower
