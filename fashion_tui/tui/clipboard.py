"""The person's own clipboard, reached through the terminal: by OSC 52, which SSH passes on as it does all output."""

import base64
from collections.abc import Mapping

MOST = 74_994
"""Bytes of text; with more the sequence is longer than 100,000 bytes, and terminals begin to drop it."""

_SCREEN_PIECE = 240
"""Characters; GNU screen passes on no longer ones at once."""


def through_screen(text: str) -> str:
    """OSC 52 as GNU screen hands it to the terminal that it runs in: in pieces, each within a DCS."""
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\a"
    pieces = (sequence[start : start + _SCREEN_PIECE] for start in range(0, len(sequence), _SCREEN_PIECE))
    return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)


def refusal(text: str) -> str | None:
    """Why a text is too much for the clipboard, in one line; None where it isn't."""
    size = len(text.encode(errors="replace"))
    if size <= MOST:
        return None
    return f"not copied: {size:,} bytes, and terminals take {MOST:,} at most; ^s saves the session to a file"


def hint(environ: Mapping[str, str]) -> str:
    """What a person has to know where something stands between the app and their terminal."""
    return " · tmux passes it on after: set -g set-clipboard on" if "TMUX" in environ else ""
