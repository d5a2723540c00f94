"""The signs that reports and panes draw with, and plain ones for terminals that speak ASCII only."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Glyphs:
    live: str
    paused: str
    good: str
    bad: str
    stopped: str
    unknown: str
    cursor: str
    rule: str
    axis: str
    tick: str
    levels: str
    """From nearly nothing to full, one sign a level: for sparklines."""
    eighths: str
    """Parts of a full cell from the left, one eighth to eight: for bars. One sign only: bars of whole cells."""
    thick_line: str
    half_line: str
    """The left half of a thick line."""
    dot: str
    """A quiet mark: an empty cell of a table, a separator."""
    ellipsis: str
    approximately: str
    unicode: bool

    def bar(self, share: float, width: int) -> str:
        """A bar of `width` cells filled to `share` in [0, 1], without padding. A little is never drawn as nothing."""
        parts = len(self.eighths)
        filled = round(min(max(share, 0.0), 1.0) * width * parts)
        if share > 0:
            filled = max(filled, 1)
        whole, part = divmod(filled, parts)
        return self.eighths[-1] * whole + (self.eighths[part - 1] if part else "")

    def slim_bar(self, share: float, width: int) -> str:
        """A bar of halves of a cell, as thin as a line: quiet where many stand below each other. No padding."""
        halves = round(min(max(share, 0.0), 1.0) * width * 2)
        if share > 0:
            halves = max(halves, 1)
        return self.thick_line * (halves // 2) + (self.half_line if halves % 2 else "")

    def sparkline(self, values: Sequence[float]) -> str:
        """One sign a value, scaled to the finite ones' range; × for a value that is no finite number."""
        finite = [value for value in values if math.isfinite(value)]
        low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
        top = len(self.levels) - 1
        span = (high - low) or 1.0
        return "".join(
            self.levels[round((value - low) / span * top)] if math.isfinite(value) else self.bad for value in values
        )


UNICODE = Glyphs(
    live="●", paused="‖", good="✓", bad="✕", stopped="■", unknown="?", cursor="▌", rule="─", axis="│", tick="┤",
    levels="▁▂▃▄▅▆▇█", eighths="▏▎▍▌▋▊▉█", thick_line="━", half_line="╸", dot="·", ellipsis="…", approximately="≈",
    unicode=True,
)  # fmt: skip
ASCII = Glyphs(
    live="*", paused="=", good="+", bad="x", stopped="#", unknown="?", cursor=">", rule="-", axis="|", tick="+",
    levels="_.-~=+*#", eighths="#", thick_line="=", half_line="-", dot="-", ellipsis="...", approximately="~",
    unicode=False,
)  # fmt: skip


def supports_unicode(environ: Mapping[str, str]) -> bool:
    """False where the locale says plainly that it knows ASCII only; a locale that says nothing is taken to be modern.

    Python itself sets LC_CTYPE to C.UTF-8 in a process started under the C locale (PEP 538): that value says nothing.
    """
    locale = environ.get("LC_ALL") or environ.get("LANG") or environ.get("LC_CTYPE") or ""
    return locale not in {"C", "POSIX"}


@cache
def terminal_glyphs() -> Glyphs:
    """Those of this process's terminal."""
    return UNICODE if supports_unicode(os.environ) else ASCII
