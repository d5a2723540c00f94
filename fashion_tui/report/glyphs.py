"""The characters that reports and panes draw with, in Unicode and in ASCII."""

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
    """One glyph for each level of a sparkline, from almost empty to full."""
    eighths: str
    """Glyphs of a cell that is filled from the left, from one eighth to full. ASCII has only the full cell."""
    thick_line: str
    half_line: str
    """The left half of a thick line."""
    dot: str
    """A separator, or an empty cell of a table."""
    ellipsis: str
    approximately: str
    unicode: bool

    def bar(self, share: float, width: int) -> str:
        """Return the filled part of a bar of `width` cells. `share` is in [0, 1]; a share above 0 is always visible."""
        parts = len(self.eighths)
        filled = round(min(max(share, 0.0), 1.0) * width * parts)
        if share > 0:
            filled = max(filled, 1)
        full, part = divmod(filled, parts)
        return self.eighths[-1] * full + (self.eighths[part - 1] if part else "")

    def slim_bar(self, share: float, width: int) -> str:
        """Return the filled part of a bar that is as thin as a line and has a resolution of half a cell."""
        halves = round(min(max(share, 0.0), 1.0) * width * 2)
        if share > 0:
            halves = max(halves, 1)
        return self.thick_line * (halves // 2) + (self.half_line if halves % 2 else "")

    def sparkline(self, values: Sequence[float]) -> str:
        """Return a glyph for each value, scaled to the range of the finite values, and `bad` for a non-finite value."""
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
    """Return False if the locale is C or POSIX, and True for any other locale or if no locale is set.

    LC_CTYPE is checked last, because Python sets it to C.UTF-8 under the C locale (PEP 538).
    """
    locale = environ.get("LC_ALL") or environ.get("LANG") or environ.get("LC_CTYPE") or ""
    return locale not in {"C", "POSIX"}


@cache
def terminal_glyphs() -> Glyphs:
    """Return the glyphs that this process's terminal supports."""
    return UNICODE if supports_unicode(os.environ) else ASCII
