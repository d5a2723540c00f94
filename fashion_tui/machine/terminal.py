"""Find out whether the terminal can display Unicode."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

TMUX_TIMEOUT = 2.0
"""Timeout for tmux's answer, in seconds."""

COERCION_TARGETS = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})
"""Values to which Python sets LC_CTYPE when it starts in the C locale (PEP 538)."""


@dataclass(frozen=True, slots=True)
class UnicodeObstacle:
    """The reason why the terminal can display only ASCII, and a remedy."""

    reason: str
    remedy: str
    """Setting or command that enables Unicode."""


def find_obstacle(environ: Mapping[str, str], *, is_terminal: bool) -> UnicodeObstacle | None:
    """Return the reason why the terminal can't display Unicode, or None if it can.

    A terminal can display only ASCII if the locale is C or has an encoding other than UTF-8. Otherwise, tmux is asked
    whether its client uses UTF-8, and GNU screen is assumed to display Unicode only in a UTF-8 locale. Every other
    terminal is assumed to display Unicode.

    Args:
        environ: The environment variables with which this process was started.
        is_terminal: Whether the output is a terminal. If it is a file, tmux and GNU screen are irrelevant.

    """
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    if not _may_be_utf8(locale):
        return UnicodeObstacle(f"the locale is {locale}", "LANG=C.UTF-8")
    is_utf8 = _names_utf8(locale)
    if is_terminal and "TMUX" in environ:
        client_is_utf8 = _ask_tmux(environ)
        if not (is_utf8 if client_is_utf8 is None else client_is_utf8):
            return UnicodeObstacle("tmux was started without UTF-8", "tmux -u")
    elif is_terminal and "STY" in environ and not is_utf8:
        return UnicodeObstacle("GNU screen was started without a UTF-8 locale", "LANG=C.UTF-8 screen")
    return None


@cache
def unicode_obstacle() -> UnicodeObstacle | None:
    """Return the reason why this process's terminal can't display Unicode, or None if it can."""
    is_terminal = any(stream is not None and stream.isatty() for stream in (sys.__stdout__, sys.__stderr__))
    return find_obstacle(_initial_environ(), is_terminal=is_terminal)


def _initial_environ() -> Mapping[str, str]:
    """Return the environment variables. LC_CTYPE is omitted if Python itself has set it."""
    is_coerced = sys.flags.utf8_mode and os.environ.get("LC_CTYPE") in COERCION_TARGETS
    return {name: value for name, value in os.environ.items() if not (is_coerced and name == "LC_CTYPE")}


def _may_be_utf8(locale: str) -> bool:
    return locale not in {"C", "POSIX"} and ("." not in locale or _names_utf8(locale))


def _names_utf8(locale: str) -> bool:
    charset = locale.partition("@")[0].rpartition(".")[2]
    return charset.lower().replace("-", "") == "utf8"


def _ask_tmux(environ: Mapping[str, str]) -> bool | None:
    """Return whether the client of this tmux session supports UTF-8, or None if tmux doesn't answer."""
    try:
        answer = subprocess.run(
            ["tmux", "display-message", "-p", "#{client_utf8}"],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TMUX_TIMEOUT,
            check=False,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return {b"1": True, b"0": False}.get(answer)
