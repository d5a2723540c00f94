"""Adapt the output of the user's code to the width of the transcript."""

import os
from typing import Any

import msgspec

from .preload import imported
from .protocol import WIDTH_CHANGED, WidthContent

_DEFAULTS = {80, 75}
"""The default line widths of torch and NumPy."""


class PrintWidth:
    """Sets the line width of IPython, torch, NumPy and all programs that read `COLUMNS`.

    A width that the user's code has chosen, for example with `torch.set_printoptions`, is kept.
    """

    def __init__(self, kernel: Any, columns: int) -> None:
        """Register with ipykernel's `kernel`."""
        self._shell = kernel.shell
        self._columns = columns
        self._ours: set[int] = {*_DEFAULTS, columns}
        """Line widths that weren't set by the user's code: the defaults, and all widths that this object has set."""
        kernel.shell_handlers[WIDTH_CHANGED] = self._change
        self._shell.events.register("pre_run_cell", self._apply)
        self._apply()

    def _change(self, _stream: Any, _identity: Any, message: Any) -> None:
        self._columns = msgspec.convert(message["content"], WidthContent).columns
        self._ours.add(self._columns)
        os.environ["COLUMNS"] = str(self._columns)

    def _apply(self, *_: Any) -> None:
        """Set the width.

        This method runs before each cell, because NumPy keeps its options in a context variable, and a cell may run
        in a new context.
        """
        os.environ["COLUMNS"] = str(self._columns)
        self._shell.display_formatter.formatters["text/plain"].max_width = self._columns
        torch: Any = imported("torch")
        numpy: Any = imported("numpy")
        if torch is not None and torch._tensor_str.PRINT_OPTS.linewidth in self._ours:  # noqa: SLF001 -- no public name
            torch.set_printoptions(linewidth=self._columns)
        if numpy is not None and numpy.get_printoptions()["linewidth"] in self._ours:
            numpy.set_printoptions(linewidth=self._columns)
