"""Explain an error for the UI, and mark the frames of its traceback that belong to libraries."""

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
"""Folder with the source code of `net`. Frames in this code are shown, because the Model pane also shows the code."""

_FRAME = re.compile(r"File (.+?):\d+(?:, in |\n|$)")


def is_library_frame(part: str) -> bool:
    """Return whether a part of IPython's traceback is a frame of library code."""
    match = _FRAME.match(plain(part))
    if match is None:
        return False
    path = Path(match[1]).expanduser()
    if _NETWORKS in path.parents:
        return False
    return not _INSTALLED.isdisjoint(path.parts) or any(library in path.parents for library in _LIBRARIES)


def describe_error(error: BaseException | None, traceback: Sequence[str]) -> dict[str, object]:
    """Return fields to add to the `error` message: an explanation, and whether each frame is library code."""
    explanation = None
    if error is not None and imported("torch") is not None:
        from fashion_tui.lab.inspect.exceptions import explain_exception  # noqa: PLC0415 -- imports torch

        explanation = explain_exception(error)
    return {"library": [is_library_frame(part) for part in traceback], "explanation": explanation or ""}
