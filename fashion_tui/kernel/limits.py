"""How much of an output crosses from the kernel to the UI. Both ends keep to it: no output can fill the UI's memory."""

MAX_LINES = 5_000
"""The newest lines of printed text that are kept."""

MAX_CHARACTERS = 500_000
"""Of one message."""


MAX_PLOT_BYTES = 8 << 20
"""Bytes of the figures that are kept."""


def keep_newest(text: str) -> tuple[str, int, int]:
    """The end of a printed text within the limits, and how many lines and characters before it were left out."""
    start = max(0, len(text) - MAX_CHARACTERS)
    position = len(text)
    for _ in range(MAX_LINES + 1):
        position = text.rfind("\n", start, position)
        if position == -1:
            break
    else:
        start = position + 1
    return text[start:], text.count("\n", 0, start), start


def truncate(text: str) -> str:
    """The beginning of a value's text within the limits; its last line says how much is left out."""
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]}\n… {len(text) - MAX_CHARACTERS:,} more characters"
