"""The error of a network, and the line that fixes the error."""

from rich.text import Text
from textual.widgets import Static

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, BAD, GOOD, MUTED
from fashion_tui.schema.replies import SourceTrace
from fashion_tui.schema.shapes import Fix
from fashion_tui.tui.actions import key_of

MIN_WIDTH = 40
"""Width of the line with the fix until the widget is visible, in columns."""


class ErrorLine(Static):
    """Shows the error of a shape trace and its fix, or nothing if the trace has no error."""

    def __init__(self) -> None:
        super().__init__()
        self._trace: SourceTrace | None = None
        self._is_searching = False

    def show(self, trace: SourceTrace | None, *, is_searching: bool = False) -> None:
        """Show the error of a trace. `is_searching` means that a fix for the error is still being searched for."""
        self._trace, self._is_searching = trace, is_searching
        self._paint()

    def on_resize(self) -> None:
        self._paint()

    def _paint(self) -> None:
        if self._trace is None or self._trace.error is None:
            self.update("")
            return
        below = line_below_error(self._trace.fix, self.size.width or MIN_WIDTH, is_searching=self._is_searching)
        self.update(Text("\n").join([error_text(self._trace.line, self._trace.error), *below]))


def line_below_error(fix: Fix | None, width: int, *, is_searching: bool) -> list[Text]:
    """Return the line with the fix, or a note while a fix is being searched for. Without either, return no line."""
    if fix is not None:
        return [fix_text(fix, width)]
    return [Text(f"  looking for a fix {terminal_glyphs().ellipsis}", MUTED, no_wrap=True)] if is_searching else []


def error_text(line: int | None, error: str) -> Text:
    """Return an error with its line, if known."""
    location = f"line {line}: " if line is not None else ""
    return Text.assemble((f"{terminal_glyphs().bad} {location}", f"bold {BAD}"), (error, BAD))


def fix_text(fix: Fix, width: int) -> Text:
    """Return the key that leads to the fix, and the line as it will be, on one line."""
    glyphs = terminal_glyphs()
    text = Text.assemble(
        (f"  {glyphs.key_names(key_of('model', 'go_to_error'))}", ACCENT),
        (f" fix line {fix.line}: ", MUTED),
        (printable(fix.new, glyphs), GOOD),
        no_wrap=True,
    )
    text.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return text
