"""The base class of all editors for several lines of text."""

from textual.widgets import TextArea


class TextEditor(TextArea):
    """A text area in which undoing an edit can hide the scroll bar.

    `TextArea` hides the scroll bar before it moves the cursor out of the lines that undoing has removed. It then looks
    for the cursor in a line that doesn't exist, and fails.
    """

    def _recompute_cursor_offset(self) -> None:
        if self.cursor_location[0] < self.document.line_count:  # otherwise, called again when the cursor has moved
            super()._recompute_cursor_offset()  # type: ignore[no-untyped-call]
