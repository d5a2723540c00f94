"""Find out from the environment whether the terminal can draw pixels.

The terminal isn't queried, because its reply would arrive among the user's keys, and a terminal that doesn't support
the query might print it.
"""

import enum
from collections.abc import Mapping

from fashion_tui.settings import Images

_KONSOLE_VERSION = 220_400
"""First version of Konsole that supports the Kitty graphics protocol."""


class Protocol(enum.Enum):
    KITTY = "kitty"
    SIXEL = "sixel"


def graphics_protocol(environ: Mapping[str, str], setting: Images) -> Protocol | None:
    """Return the protocol for drawing pixels, or None if images must be drawn with block elements.

    Over SSH, the terminal is known only by `TERM`. Inside tmux, screen and Zellij, which don't pass images on to the
    terminal, the result is always None.
    """
    term = environ.get("TERM", "")
    in_multiplexer = any(environ.get(name) for name in ("TMUX", "STY", "ZELLIJ"))
    if setting == "blocks" or in_multiplexer or term.startswith(("screen", "tmux", "linux", "dumb")):
        return None
    if setting != "auto":
        return Protocol(setting)
    konsole = environ.get("KONSOLE_VERSION", "")
    knows_kitty = (
        term in {"xterm-kitty", "xterm-ghostty"}
        or environ.get("TERM_PROGRAM") in {"ghostty", "WezTerm"}
        or (konsole.isdecimal() and int(konsole) >= _KONSOLE_VERSION)
    )
    if knows_kitty:
        return Protocol.KITTY
    return Protocol.SIXEL if term.partition("-")[0] in {"foot", "mlterm", "contour"} else None
