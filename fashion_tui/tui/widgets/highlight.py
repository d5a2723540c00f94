"""Python in a few quiet colours, in editors and in the transcript."""

from collections.abc import Iterator
from functools import lru_cache

from rich.color import Color
from rich.style import Style
from rich.text import Text

from fashion_tui.report.style import ACCENT, MUTED

STRING = "#a8b98a"
NUMBER = "#c9b183"

_COLOURS = (
    ("Token.Keyword", ACCENT),
    ("Token.Operator.Word", ACCENT),
    ("Token.Literal.String", STRING),
    ("Token.Literal.Number", NUMBER),
    ("Token.Comment", MUTED),
)


@lru_cache(maxsize=64)
def line_spans(code: str) -> tuple[tuple[tuple[int, int, str], ...], ...]:
    """For each line its coloured parts: where they start and end in the line, and their colour."""
    lines: list[list[tuple[int, int, str]]] = [[]]
    column = 0
    for text, colour in _tokens(code):
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append([])
                column = 0
            if part and colour:
                lines[-1].append((column, column + len(part), colour))
            column += len(part)
    return tuple(map(tuple, lines))


def coloured_line(line: Text, code: str, number: int) -> Text:
    """The line of that number of the code, counted from 0, in its colours."""
    spans_of_lines = line_spans(code)
    for start, end, colour in spans_of_lines[number] if number < len(spans_of_lines) else ():
        line.stylize(colour, start, end)
    return line


@lru_cache(maxsize=8)
def highlighted(code: str) -> str:
    """The code with its colours as SGR sequences, none of which crosses a line."""
    pieces = []
    for text, colour in _tokens(code):
        lines = text.split("\n")
        pieces.append("\n".join(_sgr(line, colour) for line in lines))
    return "".join(pieces)


def _tokens(code: str) -> Iterator[tuple[str, str]]:
    # the first paint doesn't wait for this
    from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]  # noqa: PLC0415

    for token, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(code):
        yield text, next((colour for name, colour in _COLOURS if str(token).startswith(name)), "")


def _sgr(text: str, colour: str) -> str:
    return Style(color=Color.parse(colour)).render(text) if text and colour else text
