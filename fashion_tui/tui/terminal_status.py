"""Show a live run in the terminal's title, and its progress in the tab or task bar of terminals that support it."""

from collections.abc import Mapping, Sequence

import msgspec

from fashion_tui.report.formatting import format_percent
from fashion_tui.schema.run import LIVE_STATES, RunSummary, short_name

REFRESH_SECONDS = 10.0
"""Interval at which the progress is sent again, in seconds. Ghostty hides it if it isn't repeated within 15 seconds."""

SAVE_TITLE, RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"
"""Sequences that push the title onto the terminal's stack and pop it."""

NO_PROGRESS = "\x1b]9;4;0;0\x1b\\"

_ITERM_VERSION = (3, 6, 6)
_KONSOLE_VERSION = 260_400
"""First versions of terminals that show progress. Earlier versions of iTerm2 show each update as a notification."""


class Progress(msgspec.Struct, frozen=True):
    """What the terminal shows about a live run."""

    title: str
    state: int
    """State of the progress: 1 for running, 3 if the share is unknown, 4 for paused."""
    percent: int


def progress_of(runs: Sequence[RunSummary]) -> Progress | None:
    """Return the progress of the newest live run, or None if no run has started."""
    live = [run for run in runs if run.state in LIVE_STATES and run.state != "queued"]
    if not live:
        return None
    run = live[0]
    more = f" +{len(live) - 1}" if len(live) > 1 else ""
    if run.total_steps == 0:
        return Progress(f"{short_name(run.run)}{more} - fashion-tui", 3, 0)
    share = run.step / run.total_steps
    title = f"{format_percent(share, digits=0)} {short_name(run.run)}{more} - fashion-tui"
    return Progress(title, 4 if run.state == "paused" else 1, min(int(share * 100), 100))


class TerminalStatus:
    """Creates the sequences that show progress in the terminal, and that restore the terminal afterwards."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._has_title = environ.get("TERM") != "linux"
        self._has_progress = shows_progress(environ)
        self._title: str | None = None
        """The last title sent, or None while the terminal has its original title."""
        self._is_progress_shown = False

    def show(self, progress: Progress | None) -> str:
        """Return the sequence that shows the progress or, if it is None, the sequence that restores the terminal."""
        if progress is None:
            return self.restore()
        sequence = ""
        if self._has_title and progress.title != self._title:
            sequence += f"{SAVE_TITLE if self._title is None else ''}\x1b]2;{progress.title}\x1b\\"
            self._title = progress.title
        if self._has_progress:
            self._is_progress_shown = True
            sequence += f"\x1b]9;4;{progress.state};{progress.percent}\x1b\\"
        return sequence

    def restore(self) -> str:
        """Return the sequence that removes the progress and restores the title, or an empty string."""
        sequence = RESTORE_TITLE if self._title is not None else ""
        sequence += NO_PROGRESS if self._is_progress_shown else ""
        self._title, self._is_progress_shown = None, False
        return sequence


def shows_progress(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal shows progress reported by OSC 9;4 sequences.

    Other terminals may show the sequence as a notification, so only known ones are accepted: ConEmu, Ghostty, iTerm2,
    Konsole, WezTerm and Windows Terminal. Inside tmux, screen and Zellij, the terminal isn't known.
    """
    if any(environ.get(name) for name in ("TMUX", "STY", "ZELLIJ")):
        return False
    if environ.get("TERM", "").startswith(("screen", "tmux")):
        return False
    program = environ.get("TERM_PROGRAM")
    if program == "iTerm.app":
        return _version(environ.get("TERM_PROGRAM_VERSION", "")) >= _ITERM_VERSION
    if program:
        return program in {"WezTerm", "ghostty"}
    konsole = environ.get("KONSOLE_VERSION", "")
    return (
        bool(environ.get("WT_SESSION"))
        or environ.get("ConEmuANSI") == "ON"
        or (konsole.isdecimal() and int(konsole) >= _KONSOLE_VERSION)
    )


def _version(text: str) -> tuple[int, ...]:
    """Return the numbers of a version such as `3.6.6` or `3.6.6beta1`."""
    parts = []
    for part in text.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        parts.append(int(digits))
    return tuple(parts)
