"""Numbers drawn in digits that are three lines high."""

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
    """Draw a string of digits, points and × as three lines of equal width.

    Without Unicode, the middle line is the string itself.
    """
    if not glyphs.unicode:
        return " " * len(text), text, " " * len(text)
    upper, middle, lower = (" ".join(DIGITS[character][line] for character in text) for line in range(3))
    return upper, middle, lower
