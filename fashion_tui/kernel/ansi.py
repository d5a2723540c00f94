"""Sanitize printed text: keep its colours, and remove all other control sequences.

A program's output can move the terminal's cursor, set its title or write to its clipboard. This module reduces such
text to lines of printable characters and colours (SGR sequences). Carriage return, backspace, tab and "erase in line"
act within a line as they do in a terminal, so that progress bars look right. Movements to other lines are dropped.
Characters that change the writing direction are dropped too, because they would reorder the surrounding text.

The grammar follows ECMA-48, and the colours follow xterm.
"""

import re
import sys
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

_BIDI = r"\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""Characters that change the writing direction, and line separators that only some terminals support."""

_TOKEN = re.compile(
    rf"""
    (?P<text>[^\x00-\x1f\x7f-\x9f{_BIDI}\ud800-\udfff]+)
    # CSI: colours, cursor, erase
  | (?:\x1b\[|\x9b)(?P<parameters>[0-?]{{0,64}})[ -/]{{0,8}}(?P<final>[@-~]?)
    # OSC, DCS and similar: a string addressed to the terminal, up to its terminator or the end of the line
  | (?P<string>\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?P<end>\x07|\x1b\\|\x9c|\x1b\Z)?
  | \x1b[ -/]{{0,8}}(?P<escape>[0-~]?)
  | (?P<surrogate>[\ud800-\udfff])
  | (?P<control>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(rf"[^\x00-\x09\x0b-\x1f\x7f-\x9f{_BIDI}\ud800-\udfff]*")
_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
_COLOURED = re.compile(rf"(?P<line>(?:[^\x00-\x1f\x7f-\x9f{_BIDI}\ud800-\udfff]+|\x1b\[[0-9;:]*m)*+)\n")

MAX_LINE = 10_000
"""Maximum length of a line, in characters. Longer lines are split."""

_TAB_WIDTH = 8
_FLAGS = {"1": "22", "2": "22", "3": "23", "4": "24", "7": "27", "9": "29"}
"""SGR codes for bold, dim, italic, underline, inverse and strikethrough, each with the code that turns it off.

Blinking and hidden text is shown as plain text.
"""


def sanitize(text: str) -> str:
    """Return the text as a terminal would show it. Only the control sequences for colours and styles are kept."""
    writer = LineWriter()
    lines = writer.feed(text)
    return "\n".join([*lines, writer.line])


def plain(text: str) -> str:
    """Return the text as a terminal would show it, without colours. Lines may have any length."""
    writer = LineWriter(max_line=sys.maxsize)
    lines = writer.feed(text)
    return _SGR.sub("", "\n".join([*lines, writer.line]))


class LineWriter:
    """Converts chunks of text to complete lines. Each line contains all the colour codes that it needs.

    A chunk may end anywhere, even inside a control sequence.
    """

    def __init__(self, max_line: int = MAX_LINE) -> None:
        """`max_line` is the maximum length of a line, in characters. Longer lines are split."""
        self._max_line = max_line
        self._characters: list[str] = []
        """The characters of the unfinished line."""
        self._styles: list[str] = []
        """The style of each character of the unfinished line, as SGR parameters."""
        self._column = 0
        self._style = ""
        self._pending = ""
        """An incomplete control sequence at the end of the last chunk, or an empty string."""

    @property
    def line(self) -> str:
        """The current content of the unfinished line."""
        if not any(self._styles):
            return "".join(self._characters)
        spans = groupby(zip(self._styles, self._characters, strict=True), key=itemgetter(0))
        return "".join(_coloured(style, "".join(character for _, character in span)) for style, span in spans)

    def feed(self, text: str) -> list[str]:
        """Process the next chunk of text and return the lines that it completes."""
        text = self._pending + text
        self._pending = ""
        lines: list[str] = []
        position = 0
        while position < len(text):
            if not self._characters and not self._column:
                line_start = position
                if not self._style:
                    position = _append_plain_lines(text, position, lines, self._max_line)
                if position == line_start:
                    position = self._append_coloured_line(text, position, lines)
                if position != line_start:
                    continue
            match = _TOKEN.match(text, position)
            assert match is not None  # noqa: S101 -- the last alternative matches any character
            position = match.end()
            if _is_incomplete(match, len(text)):
                self._pending = _without_content(match)
                break
            self._apply(match, lines)
        return lines

    def _append_coloured_line(self, text: str, position: int, lines: list[str]) -> int:
        """Append the line at `position` if it contains only text and colours. This is faster than `_apply`.

        Return the index at which the next line starts, or `position` if no line was appended.
        """
        match = _COLOURED.match(text, position)
        if match is None or match.end() - position > self._max_line:
            return position
        spans: list[tuple[str, str]] = []
        for index, part in enumerate(_SGR.split(match["line"])):
            if index % 2:
                self._style = restyle(self._style, part)
            elif spans and spans[-1][0] == self._style:
                spans[-1] = (self._style, spans[-1][1] + part)
            elif part:
                spans.append((self._style, part))
        lines.append("".join(_coloured(style, text) for style, text in spans))
        return match.end()

    def _apply(self, match: re.Match[str], lines: list[str]) -> None:
        if match["text"] is not None:
            self._write(match["text"], lines)
        elif match["final"] == "m":
            self._style = restyle(self._style, match["parameters"])
        elif match["final"] == "K":
            self._erase(match["parameters"])
        elif match["surrogate"] is not None:
            self._write("\N{REPLACEMENT CHARACTER}", lines)
        elif match["control"] is not None:
            self._control(match["control"], lines)

    def _control(self, character: str, lines: list[str]) -> None:
        if character == "\n":
            self._finish_line(lines)
        elif character == "\r":
            self._column = 0
        elif character == "\b":
            self._column = max(0, self._column - 1)
        elif character == "\t":  # moves the cursor without erasing the characters in between
            self._column = min(self._column + _TAB_WIDTH - self._column % _TAB_WIDTH, self._max_line)

    def _finish_line(self, lines: list[str]) -> None:
        lines.append(self.line)
        self._characters, self._styles, self._column = [], [], 0

    def _write(self, text: str, lines: list[str]) -> None:
        start = 0
        while start < len(text):
            if self._column >= self._max_line:
                self._finish_line(lines)
            chunk = text[start : start + self._max_line - self._column]
            start += len(chunk)
            gap = max(0, self._column - len(self._characters))
            end = self._column + len(chunk)
            self._characters[self._column - gap : end] = " " * gap + chunk
            self._styles[self._column - gap : end] = [""] * gap + [self._style] * len(chunk)
            self._column = end

    def _erase(self, parameters: str) -> None:
        """Erase the line from the cursor to the end (0), from the start to the cursor (1), or completely (2)."""
        if parameters == "1":
            end = min(self._column + 1, len(self._characters))
            self._characters[:end] = " " * end
            self._styles[:end] = [""] * end
        elif parameters in {"", "0", "2"}:
            start = 0 if parameters == "2" else self._column
            del self._characters[start:], self._styles[start:]


def _coloured(style: str, text: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if style else text


def _append_plain_lines(text: str, position: int, lines: list[str], max_line: int) -> int:
    """Append all complete lines before the first control character. Return the index at which the next line starts."""
    match = _PLAIN.match(text, position)
    end = text.rfind("\n", position, match.end() if match else position)
    if end == -1:
        return position
    for line in text[position:end].split("\n"):
        if len(line) > max_line:
            lines.extend(line[start : start + max_line] for start in range(0, len(line), max_line))
        else:
            lines.append(line)
    return end + 1


def _is_incomplete(match: re.Match[str], length: int) -> bool:
    """Return whether `match` is a control sequence that is cut off at `length`, the end of the text."""
    if match.end() != length:
        return False
    if match["string"] is not None:
        return match["end"] in {None, "\x1b"}
    return "" in {match["final"], match["escape"]}


def _without_content(match: re.Match[str]) -> str:
    """Return an incomplete control sequence. A string is returned without its content, which may be very long."""
    return match.group() if match["string"] is None else match["string"] + (match["end"] or "")


@lru_cache(maxsize=1_024)
def restyle(style: str, parameters: str) -> str:
    """Apply an SGR sequence to a style and return the new style.

    Styles and sequences are strings of SGR parameters, such as `1;31`. A style contains no reset codes.
    """
    colours, flags = _parse(style)
    codes = _codes(parameters)
    while codes:
        code = codes.pop(0)
        if code == "0":
            colours, flags = {}, []
        elif code in {"38", "48"}:
            colour = _pop_extended_colour(codes)
            if colour:
                colours[code[0]] = f"{code};{colour}"
        elif code in {"39", "49"}:
            colours.pop(code[0], None)
        elif code.isdecimal() and (30 <= int(code) <= 47 or 90 <= int(code) <= 107):
            colours["3" if code[:-1] in {"3", "9"} else "4"] = code
        elif code in _FLAGS and code not in flags:
            flags = [*flags, code]
        else:
            flags = [flag for flag in flags if _FLAGS[flag] != code]
    return ";".join([*sorted(flags), *(colours[kind] for kind in sorted(colours))])


def _parse(style: str) -> tuple[dict[str, str], list[str]]:
    """Return the colours and flags of a style. The text colour has the key "3", and the background has the key "4"."""
    colours: dict[str, str] = {}
    flags: list[str] = []
    codes = style.split(";") if style else []
    while codes:
        code = codes.pop(0)
        if code in {"38", "48"}:
            colours[code[0]] = f"{code};{_pop_extended_colour(codes)}"
        elif code in _FLAGS:
            flags.append(code)
        else:
            colours["3" if code[:-1] in {"3", "9"} else "4"] = code
    return colours, flags


def _codes(parameters: str) -> list[str]:
    """Return the codes of an SGR sequence.

    The sub-parameters of a colour, as in `38:2::1:2:3`, become codes. Other sub-parameters, as in `4:3`, are dropped.
    """
    codes: list[str] = []
    for parameter in parameters.split(";"):
        first, *rest = parameter.split(":")
        code = first.lstrip("0") or "0"
        codes.append(code)
        if code in {"38", "48"}:
            numbers = [number for number in rest if number]
            codes.extend(numbers[:1] + numbers[-3:] if len(numbers) > 4 else numbers)
    return codes


def _pop_extended_colour(codes: list[str]) -> str:
    """Remove an extended colour (`5;n` or `2;r;g;b`) from the front of `codes`.

    Return the colour, or "" if the colour is invalid.
    """
    length = {"5": 2, "2": 4}.get(codes[0] if codes else "", 0)
    colour, codes[:] = codes[:length], codes[length:]
    is_valid = len(colour) == length and all(code.isdecimal() and int(code) < 256 for code in colour)
    return ";".join(colour) if is_valid else ""
