"""Numbers drawn with digits three lines high."""

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
_ASCII = str.maketrans("█▀▄×", '#"_x')


def large_number(text: str, glyphs: Glyphs) -> tuple[str, str, str]:
    """Draw a string of digits, decimal points and × (or x) as three lines of equal width."""
    text = text.replace("x", "×")
    upper, middle, lower = (" ".join(DIGITS[character][line] for character in text) for line in range(3))
    if not glyphs.unicode:
        return upper.translate(_ASCII), middle.translate(_ASCII), lower.translate(_ASCII)
    return upper, middle, lower
