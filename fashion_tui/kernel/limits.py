"""Limits on the size of outputs. Both the kernel and the UI apply them, so that outputs can't fill the UI's memory."""

MAX_LINES = 5_000
"""Maximum number of lines of printed text. The newest lines are kept."""

MAX_CHARACTERS = 500_000
"""Maximum length of one message's text, in characters."""

MAX_PLOT_BYTES = 8 << 20
"""Maximum total size of the plots that are kept, in bytes."""


def keep_newest(text: str) -> tuple[str, int, int]:
    """Truncate printed text to its newest lines. Return the text and the numbers of dropped lines and characters."""
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
    """Truncate text to `MAX_CHARACTERS`. If characters are dropped, the last line states how many."""
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]}\n… {len(text) - MAX_CHARACTERS:,} more characters"
