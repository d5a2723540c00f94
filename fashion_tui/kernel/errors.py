"""Describe an error for the UI: explain the error, and say which frames of its traceback belong to libraries."""

import re
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import fashion_tui

from .ansi import plain
from .preload import imported

_PACKAGE = Path(fashion_tui.__file__).parent
_LIBRARIES = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")} | {_PACKAGE}
_INSTALLED = {"site-packages", "dist-packages"}
"""Names of the folders into which packages are installed."""
_NETWORKS = _PACKAGE / "lab" / "networks"
"""Folder of the source of `net`. Its frames are shown, since the user can read this source in the Model pane."""

_FRAME = re.compile(r"File (.+?):\d+(?:, in |\n|$)")


def is_library_frame(part: str) -> bool:
    """Return whether a part of IPython's traceback is a frame of a library."""
    match = _FRAME.match(plain(part))
    if match is None:
        return False
    path = Path(match[1]).expanduser()
    if _NETWORKS in path.parents:
        return False
    return not _INSTALLED.isdisjoint(path.parts) or any(library in path.parents for library in _LIBRARIES)


def describe_error(error: BaseException | None, traceback: Sequence[str]) -> dict[str, object]:
    """Return what the UI shows in addition to the traceback, as fields of the `error` message."""
    explanation = None
    if error is not None and imported("torch") is not None:
        from fashion_tui.lab.inspect.exceptions import explain_exception  # noqa: PLC0415 -- imports torch

        explanation = explain_exception(error)
    return {"library": [is_library_frame(part) for part in traceback], "explanation": explanation or ""}
