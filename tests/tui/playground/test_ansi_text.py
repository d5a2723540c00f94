"""Colours of code and of printed text."""

import pytest
from rich.style import Style

from fashion_tui.kernel.ansi import sanitize
from fashion_tui.tui.playground.transcript.ansi_text import ansi_text
from fashion_tui.tui.widgets.highlight import highlight_ansi, line_spans


def test_highlighting_does_not_change_the_code() -> None:
    code = "def f(x):\n    '''two\n    lines'''\n    return x + 1  # ü\n"
    text = ansi_text(highlight_ansi(code).split("\n")[0])
    assert text.plain == "def f(x):"
    assert [ansi_text(line).plain for line in highlight_ansi(code).split("\n")] == code.split("\n")
    assert sanitize(highlight_ansi(code)) == highlight_ansi(code)
    lines = code.split("\n")
    coloured_parts = {
        line[start:end] for line, parts in zip(lines, line_spans(code), strict=True) for start, end, _ in parts
    }
    assert coloured_parts >= {"def", "return", "1", "# ü"}


@pytest.mark.parametrize(
    ("line", "style"),
    [
        ("\x1b[1;4mx\x1b[0m", Style(bold=True, underline=True)),
        ("\x1b[38;5;208mx\x1b[0m", Style(color="color(208)")),
        ("\x1b[48;2;1;2;3mx\x1b[0m", Style(bgcolor="#010203")),
        ("\x1b[1;38;5;208;48;2;1;2;3mx\x1b[0m", Style(bold=True, color="color(208)", bgcolor="#010203")),
    ],
)
def test_styles_of_printed_text(line: str, style: Style) -> None:
    text = ansi_text(line)
    assert text.plain == "x"
    assert [span.style for span in text.spans] == [style]


def test_the_sixteen_named_colours_are_distinct() -> None:
    lines = [f"\x1b[{code}mx\x1b[0m" for code in (*range(30, 38), *range(90, 98), *range(40, 48), *range(100, 108))]
    styles = [ansi_text(line).spans[0].style for line in lines]
    assert len({str(style) for style in styles}) == 32
