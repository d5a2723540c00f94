"""Make untrusted strings, such as file names, configuration values and error messages, safe to print.

Everything that a command or the app prints passes through `printable`: errors when they are raised, strings of runs
when they are read, and everything else when it is written to the terminal.
"""

import re
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f"  # C0 and C1 controls
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    r"\u180e\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # invisible
    r"\ud800-\udfff]"  # surrogates, which stand for bytes that aren't UTF-8
)
"""Matches characters that control the terminal, reorder or hide other characters, or can't be encoded.

Characters that Python calls unprintable but that are harmless, such as the joiners within an emoji, aren't matched.
"""

_SPACES = re.compile(r"[\t-\r\x85\u2028\u2029]")
_FORMULA = re.compile(
    r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]"
)  # a spreadsheet may treat full-width characters alike
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def printable(text: str) -> str:
    """Return the string as one line, with each unprintable character replaced by U+FFFD. Whitespace becomes spaces."""
    return text if text.isprintable() else UNPRINTABLE.sub(REPLACEMENT, _SPACES.sub(" ", text))


def escaped(text: str) -> str:
    r"""Return the string as one line, with each unprintable character as a Python escape sequence, such as `\x1b`.

    Unlike with `printable`, different strings stay different, except for those that contain such a sequence.
    """
    return UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def one_line(text: str, limit: int = 200) -> str:
    """Return the string as one printable line of at most `limit` characters, with whitespace collapsed."""
    clean = " ".join(printable(text).split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def csv_cell(text: str) -> str:
    """Return the string for a cell of a CSV file: printable, and preceded by an apostrophe if it looks like a formula.

    A spreadsheet executes a cell that begins with =, +, -, @ or a tab, even after spaces.
    """
    return f"'{printable(text)}" if _FORMULA.match(text) else printable(text)


def encodable(text: str) -> str:
    """Return the string with lone surrogates replaced, so that it can be encoded in UTF-8."""
    return _SURROGATES.sub(REPLACEMENT, text)


def encodable_strings(value: Any) -> Any:
    """Make all strings in a JSON value encodable in UTF-8."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {encodable_strings(key): encodable_strings(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encodable_strings(item) for item in value]
    return value
