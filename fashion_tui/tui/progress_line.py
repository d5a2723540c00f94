"""A line with a progress bar."""

from rich.text import Text

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED

from .actions import key_hints

BAR_WIDTH = 14


def progress_line(activity: str, amount: str, done: int, total: int, cancel_key: str) -> Text:
    """Return a line such as `verifying  12 of 40 files  ████▌           30 %   esc cancel`.

    `activity` says what is being done, `amount` how much of it is done. Both must be printable. `total` may be 0 if it
    isn't known yet. `cancel_key` is the key that cancels the activity, as the footer shows it.
    """
    share, glyphs = done / total if total else 0.0, terminal_glyphs()
    return Text.assemble(
        (f"{activity}  ", FOREGROUND),
        (f"{amount}  " if amount else "", MUTED),
        (f"{glyphs.bar(share, BAR_WIDTH):<{BAR_WIDTH}}", ACCENT),
        (f" {share * 100:3.0f} %   ", FOREGROUND),
        key_hints((cancel_key, "cancel")),
        no_wrap=True,
    )
