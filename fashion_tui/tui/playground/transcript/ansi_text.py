"""Convert text with ANSI colour codes to Rich text. The 16 named colours are taken from the app's palette."""

import re
from functools import lru_cache

from rich.color import Color
from rich.style import Style
from rich.text import Text

from fashion_tui.report.style import PALETTE

_SGR = re.compile("\x1b\\[([0-9;]*)m")
_FLAGS = {"1": "bold", "2": "dim", "3": "italic", "4": "underline", "7": "reverse", "9": "strike"}


def ansi_text(line: str) -> Text:
    """Convert a line from `kernel.ansi` to Rich text.

    In such a line, every coloured span begins with its full style and ends with a reset. Unlike `Text.from_ansi`, this
    function uses the app's palette.
    """
    text = Text(no_wrap=True, end="")
    for index, part in enumerate(_SGR.split(line)):
        if index % 2:  # `split` alternates between text and SGR parameters
            style = _style(part)
        else:
            text.append(part, style if index else None)
    return text


@lru_cache(maxsize=1_024)
def _style(parameters: str) -> Style:
    flags: dict[str, bool] = {}
    colours: dict[str, Color] = {}
    """Foreground and background colours, keyed by the first digit of their SGR codes: "3" or "4"."""
    codes = [code for code in parameters.split(";") if code not in {"", "0"}]
    while codes:
        code = codes.pop(0)
        if code in _FLAGS:
            flags[_FLAGS[code]] = True
        elif code in {"38", "48"}:
            colours[code[0]] = _extended_colour(codes)
        else:
            number = int(code)
            key = "3" if 30 <= number <= 37 or 90 <= number <= 97 else "4"
            colours[key] = _indexed_colour(number % 10 + (8 if number >= 90 else 0))
    return Style(color=colours.get("3"), bgcolor=colours.get("4"), **flags)  # type: ignore[arg-type]


def _extended_colour(codes: list[str]) -> Color:
    """Remove `5;n` or `2;r;g;b` from the front of `codes` and return the corresponding colour."""
    if codes.pop(0) == "5":
        return _indexed_colour(int(codes.pop(0)))
    red, green, blue = (int(codes.pop(0)) for _ in range(3))
    return Color.from_rgb(red, green, blue)


def _indexed_colour(index: int) -> Color:
    return Color.parse(PALETTE.ansi[index]) if index < len(PALETTE.ansi) else Color.from_ansi(index)
