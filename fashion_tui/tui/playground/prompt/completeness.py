"""Is what was typed a whole statement? The kernel knows; this guesses where the kernel can't be asked."""

import codeop
import warnings

from fashion_tui.kernel.outputs import Completeness

_INDENT = "    "


def guess(code: str) -> Completeness:
    """What Python's own prompt would say. Magics, which aren't Python, count as whole."""
    *before, last = code.split("\n")
    if before and last.strip() and last[0].isspace():  # the block may go on: an empty line ends it
        return Completeness("incomplete", _indent_after(last))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            whole = codeop.compile_command(code, symbol="exec") is not None
        except (SyntaxError, ValueError, OverflowError):
            return Completeness("invalid")
    return Completeness("complete") if whole else Completeness("incomplete", _indent_after(last))


def _indent_after(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return indent + _INDENT if line.rstrip().endswith(":") else indent
