"""Copy text to the user's clipboard with OSC 52 sequences, which also work over SSH."""

import base64
from collections.abc import Mapping

from .actions import key_of

MAX_BYTES = 74_994
"""Maximum size of the text, in bytes. Some terminals drop sequences of more than 100,000 bytes."""

_SCREEN_CHUNK = 240
"""Number of characters per DCS sequence. GNU screen drops longer sequences."""


def wrap_for_screen(text: str) -> str:
    """Return an OSC 52 sequence for the text, split into DCS sequences that GNU screen passes on to the terminal."""
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\a"
    chunks = (sequence[start : start + _SCREEN_CHUNK] for start in range(0, len(sequence), _SCREEN_CHUNK))
    return "".join(f"\x1bP{chunk}\x1b\\" for chunk in chunks)


def size_problem(text: str) -> str | None:
    """Return a one-line message if the text is too long for the clipboard, or None if the text fits."""
    size = len(text.encode(errors="replace"))
    if size <= MAX_BYTES:
        return None
    return (
        f"not copied: {size:,} bytes exceed the terminal's limit of {MAX_BYTES:,}; "
        f"{key_of('playground', 'save')} saves the session to a file"
    )


def tmux_hint(environ: Mapping[str, str]) -> str:
    """Return a hint about the tmux setting that OSC 52 needs, or an empty string outside tmux."""
    return " · in tmux this needs: set -g set-clipboard on" if "TMUX" in environ else ""
