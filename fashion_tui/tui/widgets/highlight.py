"""Syntax highlighting of Python, for editors and the transcript."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from rich.color import Color
from rich.style import Style
from rich.text import Text

from fashion_tui.report.style import ACCENT, MUTED, PALETTE

BLOCK_LINES = 100
"""Number of lines per block. To colour a line, only the line's block and the two adjacent blocks are analysed."""

MAX_CHARACTERS = 50_000
"""Maximum number of characters to analyse at once. Longer code is shown without colours."""

_COLOURS = (
    ("Token.Keyword", ACCENT),
    ("Token.Operator.Word", ACCENT),
    ("Token.Literal.String", PALETTE.string),
    ("Token.Literal.Number", PALETTE.number),
    ("Token.Comment", MUTED),
)


@lru_cache(maxsize=64)
def line_spans(code: str) -> tuple[tuple[tuple[int, int, str], ...], ...]:
    """Return the coloured spans of each line. A span is a tuple of start column, end column and colour."""
    lines: list[list[tuple[int, int, str]]] = [[]]
    column = 0
    for text, colour in _tokens(code):
        for index, part in enumerate(text.split("\n")):
            if index:
                lines.append([])
                column = 0
            if part and colour:
                lines[-1].append((column, column + len(part), colour))
            column += len(part)
    return tuple(map(tuple, lines))


def highlight_line(line: Text, code: Sequence[str], index: int) -> Text:
    """Colour `line`, which is line `index` of the code, and return it. Lines are counted from 0.

    The colours can be wrong after a multi-line string of more than BLOCK_LINES lines.
    """
    first = max(0, index - index % BLOCK_LINES - BLOCK_LINES)
    nearby = code[first : first + 3 * BLOCK_LINES]
    if sum(map(len, nearby)) <= MAX_CHARACTERS:
        spans = line_spans("\n".join(nearby))
        for start, end, colour in spans[index - first] if index - first < len(spans) else ():
            line.stylize(colour, start, end)
    return line


@lru_cache(maxsize=8)
def highlight_ansi(code: str) -> str:
    """Return the code coloured with SGR sequences. Code longer than MAX_CHARACTERS is returned unchanged.

    No colour extends across a line break.
    """
    if len(code) > MAX_CHARACTERS:
        return code
    parts = []
    for text, colour in _tokens(code):
        lines = text.split("\n")
        parts.append("\n".join(_sgr(line, colour) for line in lines))
    return "".join(parts)


def _tokens(code: str) -> Iterator[tuple[str, str]]:
    """Yield the text and colour of each token. The colour is an empty string for most tokens."""
    # Imported here, because the import would delay the first paint.
    from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]  # noqa: PLC0415

    for token, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(code):
        yield text, next((colour for name, colour in _COLOURS if str(token).startswith(name)), "")


def _sgr(text: str, colour: str) -> str:
    return Style(color=Color.parse(colour)).render(text) if text and colour else text
