"""Printed text made harmless: colours stay, every other control sequence goes.

What a program prints may move a terminal's cursor, set its title or write to its clipboard. Here such text becomes
lines that hold printable characters and colours (SGR sequences) alone. Carriage return, backspace, tab and "erase in
line" do what they do on a terminal's line, so that progress bars look right; movements to other lines are left out, and
so are the characters that turn the direction of writing: they would reorder what stands beside them.

The grammar is ECMA-48's, the colours are xterm's.
"""

import re
import sys
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

_TURNING = r"\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""Characters that turn the direction of writing, and separators that only some terminals break a line at."""

_TOKEN = re.compile(
    rf"""
    (?P<text>[^\x00-\x1f\x7f-\x9f{_TURNING}\ud800-\udfff]+)
    # CSI: colours, cursor, erase
  | (?:\x1b\[|\x9b)(?P<parameters>[0-?]{{0,64}})[ -/]{{0,8}}(?P<final>[@-~]?)
    # OSC, DCS and their like: a text for the terminal, up to its end or the end of the line
  | (?P<string>(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*)(?P<end>\x07|\x1b\\|\x9c|\x1b\Z)?
  | (?P<escape>\x1b(?:[ -/]*[0-~])?)
  | (?P<surrogate>[\ud800-\udfff])
  | (?P<control>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(rf"[^\x00-\x09\x0b-\x1f\x7f-\x9f{_TURNING}\ud800-\udfff]*")
_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
_COLOURED = re.compile(rf"(?P<line>(?:[^\x00-\x1f\x7f-\x9f{_TURNING}\ud800-\udfff]+|\x1b\[[0-9;:]*m)*+)\n")

MAX_LINE = 10_000
"""Characters; a longer line goes on in the next."""

_TAB = 8
_MAX_PENDING = 4_096
_FLAGS = {"1": "22", "2": "22", "3": "23", "4": "24", "7": "27", "9": "29"}
"""Bold, dim, italic, underlined, inverse, struck out, and what ends each. Blinking and hidden text come out plain."""


def sanitize(text: str) -> str:
    """The text as a terminal would show it, line by line, with nothing but colours as control sequences."""
    writer = LineWriter()
    lines = writer.feed(text)
    return "\n".join([*lines, writer.line])


def plain(text: str) -> str:
    """The text as a terminal would show it, without colours; lines stay whole, however long they are."""
    writer = LineWriter(longest=sys.maxsize)
    lines = writer.feed(text)
    return _SGR.sub("", "\n".join([*lines, writer.line]))


class LineWriter:
    """Takes text in pieces cut anywhere and gives finished lines, each with the colours that it needs by itself."""

    def __init__(self, longest: int = MAX_LINE) -> None:
        """`longest`: characters after which a line goes on in the next."""
        self._longest = longest
        self._characters: list[str] = []  # of the unfinished line
        self._styles: list[str] = []  # of each of them, as SGR parameters
        self._column = 0
        self._style = ""
        self._pending = ""  # the beginning of a control sequence whose end hasn't come yet

    @property
    def line(self) -> str:
        """The unfinished line, as it looks now."""
        if not any(self._styles):
            return "".join(self._characters)
        runs = groupby(zip(self._styles, self._characters, strict=True), key=itemgetter(0))
        return "".join(_coloured(style, "".join(character for _, character in run)) for style, run in runs)

    def feed(self, text: str) -> list[str]:
        """The lines that this text finishes."""
        text = self._pending + text
        self._pending = ""
        lines: list[str] = []
        position = 0
        while position < len(text):
            if not self._characters and not self._column:
                begun = position
                if not self._style:
                    position = _plain_lines(text, position, lines, self._longest)
                if position == begun:
                    position = self._coloured_line(text, position, lines)
                if position != begun:
                    continue
            match = _TOKEN.match(text, position)
            assert match is not None  # noqa: S101 -- the last alternative takes any character
            position = match.end()
            if _is_cut(match, len(text)):
                self._pending = match.group()
                break
            self._take(match, lines)
        return lines

    def _coloured_line(self, text: str, position: int, lines: list[str]) -> int:
        """Takes a whole line of text and colours, as `_take` would but quickly; gives where the next one begins."""
        match = _COLOURED.match(text, position)
        if match is None or match.end() - position > self._longest:
            return position
        runs: list[tuple[str, str]] = []
        for number, piece in enumerate(_SGR.split(match["line"])):
            if number % 2:
                self._style = restyle(self._style, piece)
            elif runs and runs[-1][0] == self._style:
                runs[-1] = (self._style, runs[-1][1] + piece)
            elif piece:
                runs.append((self._style, piece))
        lines.append("".join(_coloured(style, text) for style, text in runs))
        return match.end()

    def _take(self, match: re.Match[str], lines: list[str]) -> None:
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
            self._finish(lines)
        elif character == "\r":
            self._column = 0
        elif character == "\b":
            self._column = max(0, self._column - 1)
        elif character == "\t":
            self._write(" " * (_TAB - self._column % _TAB), lines)

    def _finish(self, lines: list[str]) -> None:
        lines.append(self.line)
        self._characters, self._styles, self._column = [], [], 0

    def _write(self, text: str, lines: list[str]) -> None:
        for start in range(0, len(text), self._longest):
            piece = text[start : start + self._longest]
            if self._column + len(piece) > self._longest:
                self._finish(lines)
            gap = max(0, self._column - len(self._characters))
            end = self._column + len(piece)
            self._characters[self._column - gap : end] = " " * gap + piece
            self._styles[self._column - gap : end] = [""] * gap + [self._style] * len(piece)
            self._column = end

    def _erase(self, parameters: str) -> None:
        """Erase in line: from the cursor on (0), up to it (1), or all (2)."""
        if parameters == "1":
            end = min(self._column + 1, len(self._characters))
            self._characters[:end] = " " * end
            self._styles[:end] = [""] * end
        elif parameters in {"", "0", "2"}:
            start = 0 if parameters == "2" else self._column
            del self._characters[start:], self._styles[start:]


def _coloured(style: str, text: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if style else text


def _plain_lines(text: str, position: int, lines: list[str], longest: int) -> int:
    """Takes whole lines without a control character, which most output is; gives where the first other one begins."""
    match = _PLAIN.match(text, position)
    end = text.rfind("\n", position, match.end() if match else position)
    if end == -1:
        return position
    for line in text[position:end].split("\n"):
        if len(line) > longest:
            lines.extend(line[start : start + longest] for start in range(0, len(line), longest))
        else:
            lines.append(line)
    return end + 1


def _is_cut(match: re.Match[str], length: int) -> bool:
    """Whether the text ends within a control sequence."""
    if match.end() != length or len(match.group()) >= _MAX_PENDING:
        return False
    if match["final"] is not None:
        return match["final"] == ""
    if match["string"] is not None:
        return match["end"] in {None, "\x1b"}
    return match["escape"] == "\x1b"


@lru_cache(maxsize=1_024)
def restyle(style: str, parameters: str) -> str:
    """The style after an SGR sequence: both as its parameters, `1;31`; a style holds only what is set."""
    colours, flags = _parse(style)
    codes = _codes(parameters)
    while codes:
        code = codes.pop(0)
        if code == "0":
            colours, flags = {}, []
        elif code in {"38", "48"}:
            colour = _extended(codes)
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
    """A style made by `restyle`, taken apart: the colours of text ("3") and ground ("4"), and the flags."""
    colours: dict[str, str] = {}
    flags: list[str] = []
    codes = style.split(";") if style else []
    while codes:
        code = codes.pop(0)
        if code in {"38", "48"}:
            colours[code[0]] = f"{code};{_extended(codes)}"
        elif code in _FLAGS:
            flags.append(code)
        else:
            colours["3" if code[:-1] in {"3", "9"} else "4"] = code
    return colours, flags


def _codes(parameters: str) -> list[str]:
    """The numbers of an SGR sequence. Sub-parameters (`38:2::1:2:3`, `4:3`) become plain ones."""
    codes: list[str] = []
    for parameter in parameters.split(";"):
        first, *rest = parameter.split(":")
        code = first.lstrip("0") or "0"
        codes.append(code)
        if code in {"38", "48"}:
            numbers = [number for number in rest if number]
            codes.extend(numbers[:1] + numbers[-3:] if len(numbers) > 4 else numbers)
    return codes


def _extended(codes: list[str]) -> str:
    """Takes the rest of an extended colour, `5;n` or `2;r;g;b`, from the codes; empty where it is none."""
    length = {"5": 2, "2": 4}.get(codes[0] if codes else "", 0)
    taken, codes[:] = codes[:length], codes[length:]
    valid = len(taken) == length and all(code.isdecimal() and int(code) < 256 for code in taken)
    return ";".join(taken) if valid else ""
