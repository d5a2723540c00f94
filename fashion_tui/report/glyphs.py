"""The characters that reports and panes draw with, in Unicode and in ASCII."""

import codecs
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from fashion_tui.machine.terminal import unicode_obstacle

_ARROW_NAMES = {"←": "left", "↓": "down", "↑": "up", "→": "right"}
_ARROWS = re.compile("[←↓↑→]+")


@dataclass(frozen=True, slots=True)
class Glyphs:
    queued: str
    live: str
    paused: str
    good: str
    bad: str
    stopped: str
    unknown: str
    cursor: str
    rule: str
    axis: str
    tick: str
    node: str
    """A node of a graph."""
    neighbour: str
    """A node that is connected to the selected node."""
    levels: str
    """One glyph for each level of a sparkline, from almost empty to full."""
    eighths: str
    """Glyphs for a cell that is filled from the left, from one eighth to full. ASCII has only a full cell."""
    thick_line: str
    half_line: str
    """Glyph for the left half of a thick line."""
    dot: str
    """A separator, or an empty cell of a table."""
    ellipsis: str
    approximately: str
    plus_minus: str
    unicode: bool

    def key_names(self, keys: str) -> str:
        """Return keys such as `↑↓` or `⇧tab` unchanged, or replace them with ASCII names: `up/down`, `shift+tab`."""
        if self.unicode:
            return keys
        keys = keys.replace("←↓↑→", "arrows").replace("⇧", "shift+").replace("↵", "enter")
        return _ARROWS.sub(lambda match: "/".join(_ARROW_NAMES[arrow] for arrow in match[0]), keys)

    def bar(self, share: float, width: int) -> str:
        """Return the filled part of a bar of `width` cells. `share` is in [0, 1]; a share above 0 is always visible."""
        parts = len(self.eighths)
        filled = round(min(max(share, 0.0), 1.0) * width * parts)
        if share > 0:
            filled = max(filled, 1)
        full, part = divmod(filled, parts)
        return self.eighths[-1] * full + (self.eighths[part - 1] if part else "")

    def slim_bar(self, share: float, width: int) -> str:
        """Return the filled part of a bar that is drawn as a line, with a resolution of half a cell."""
        halves = round(min(max(share, 0.0), 1.0) * width * 2)
        if share > 0:
            halves = max(halves, 1)
        return self.thick_line * (halves // 2) + (self.half_line if halves % 2 else "")

    def sparkline(self, values: Sequence[float]) -> str:
        """Return one glyph per value: a level in the range of the finite values, or `bad` for a non-finite value."""
        finite = [value for value in values if math.isfinite(value)]
        low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
        top = len(self.levels) - 1
        span = (high - low) or 1.0
        return "".join(
            self.levels[round((value - low) / span * top)] if math.isfinite(value) else self.bad for value in values
        )


UNICODE = Glyphs(
    queued="○", live="●", paused="‖", good="✓", bad="✕", stopped="■", unknown="?", cursor="▌", rule="─", axis="│",
    tick="┤", node="●", neighbour="◆",
    levels="▁▂▃▄▅▆▇█", eighths="▏▎▍▌▋▊▉█", thick_line="━", half_line="╸", dot="·", ellipsis="…", approximately="≈",
    plus_minus="±", unicode=True,
)  # fmt: skip
ASCII = Glyphs(
    queued="o", live="*", paused="=", good="+", bad="x", stopped="#", unknown="?", cursor=">", rule="-", axis="|",
    tick="+", node="*", neighbour="@",
    levels="_.-~=+*#", eighths="#", thick_line="=", half_line="-", dot="-", ellipsis="...", approximately="~",
    plus_minus="+/-", unicode=False,
)  # fmt: skip


_ASCII_CHARACTERS = {
    **dict(zip(UNICODE.levels, ASCII.levels, strict=True)),
    **dict.fromkeys("▏▎▍▌▋▊▉▐▕│┃╎╏┆┇┊┋║╵╷╹╻", "|"),
    **dict.fromkeys("▔─┄┅┈┉╌╍╴╶╸╺‐‑‒–—−·⋅∙", "-"),
    **dict.fromkeys("━═≡‖", "="),
    **dict.fromkeys("█■▀▙▛▜▟▚▞▘▝▖▗▓◼", "#"),
    **dict.fromkeys("░□◻", "."),
    **dict.fromkeys("▒", ":"),
    **dict.fromkeys("●•◉", "*"),
    **dict.fromkeys("◆", "@"),
    **dict.fromkeys("○◌", "o"),
    **dict.fromkeys("×✕✖✗✘", "x"),
    **dict.fromkeys("✓✔", "+"),
    **dict.fromkeys("→▸▶›»⏵❯", ">"),
    **dict.fromkeys("←◂◀‹«⏴↵⏎", "<"),
    **dict.fromkeys("↑▴▲⇧", "^"),
    **dict.fromkeys("↓▾▼", "v"),
    **dict.fromkeys("…≈∼±", "~"),
    **dict.fromkeys("‘’‚′", "'"),
    **dict.fromkeys("“”„″", '"'),
    **dict.fromkeys("⌊⌈", "["),
    **dict.fromkeys("⌋⌉", "]"),
    **dict.fromkeys("µμ", "u"),
    "╱": "/", "╲": "\\", "╳": "X",
}  # fmt: skip
"""ASCII replacements of the same width. `_ascii_character` handles all other characters."""

_PRODUCT = re.compile(r"(?<=[\d)])·(?=[\w(])")
"""Matches a dot that means multiplication, as in `20·7·7`. All other dots are separators."""

ASCII_ERRORS = "fashion_tui.ascii"
"""Name of an encoding error handler that replaces unencodable characters with ASCII characters of the same width."""


def ascii_text(text: str) -> str:
    """Return the text as ASCII, with one character for each column that the text occupies in a terminal."""
    return text if text.isascii() else "".join(map(_ascii_character, _PRODUCT.sub("*", text)))


def _ascii_character(character: str) -> str:
    if character.isascii():
        return character
    if character in _ASCII_CHARACTERS:
        return _ASCII_CHARACTERS[character]
    if "\u2500" <= character <= "\u257f":  # corners and crossings of box-drawing lines
        return "+"
    if "\u2800" <= character <= "\u28ff":  # Braille: each bit of the low byte is a dot
        return " .::"[min((ord(character) & 0xFF).bit_count(), 3)] if ord(character) & 0xFF else " "
    if unicodedata.combining(character) or unicodedata.category(character) in {"Cf", "Me", "Mn"}:
        return ""
    width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
    decomposed = unicodedata.normalize("NFD", character).encode("ascii", "ignore").decode()
    return decomposed if len(decomposed) == width else "?" * width


def _encode_as_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    if text == "·" and _PRODUCT.match(error.object, error.start):
        return "*", error.end
    return ascii_text(text), error.end


codecs.register_error(ASCII_ERRORS, _encode_as_ascii)


def terminal_glyphs() -> Glyphs:
    """Return the glyphs that this process's terminal supports."""
    return UNICODE if unicode_obstacle() is None else ASCII
