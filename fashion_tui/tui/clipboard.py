"""The person's own clipboard, reached through the terminal: by OSC 52, which SSH passes on as it does all output."""

from collections.abc import Mapping

MOST = 74_994
"""Bytes of text; with more the sequence is longer than 100,000 bytes, and terminals begin to drop it."""


def refusal(text: str) -> str | None:
    """Why a text is too much for the clipboard, in one line; None where it isn't."""
    size = len(text.encode(errors="replace"))
    if size <= MOST:
        return None
    return f"not copied: {size:,} bytes, and terminals take {MOST:,} at most; ^s saves the session to a file"


def hint(environ: Mapping[str, str]) -> str:
    """What a person has to know where something stands between the app and their terminal."""
    return " · tmux passes it on after: set -g set-clipboard on" if "TMUX" in environ else ""
