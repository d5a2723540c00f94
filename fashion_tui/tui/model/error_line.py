"""The error of a network, and the line that fixes the error."""

from rich.text import Text
from textual.widgets import Static

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, BAD, GOOD, MUTED
from fashion_tui.schema.replies import SourceTrace
from fashion_tui.schema.shapes import Fix
from fashion_tui.tui.actions import key_of


class ErrorLine(Static):
    """Shows the error of a shape trace and its fix, or nothing if there is no error."""

    def show(self, trace: SourceTrace | None, width: int) -> None:
        """Show the error of a trace. The line with the fix is cut off after `width` columns."""
        if trace is None or trace.error is None:
            self.update("")
            return
        text = error_text(trace.line, trace.error)
        self.update(text if trace.fix is None else Text("\n").join([text, fix_text(trace.fix, width)]))


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
