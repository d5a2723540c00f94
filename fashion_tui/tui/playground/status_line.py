"""The line below the prompt: what the kernel is doing, or what one can do in the transcript."""

from rich.text import Text

from fashion_tui.report.style import ATTENTION, BAD, MUTED
from fashion_tui.tui.actions import IN_PANE

from .messages import KernelStatus

SHORT = 0.5
"""Seconds; what runs no longer isn't spoken of."""

_STUBBORN = 2.0
"""Seconds; code that runs so long after an interrupt doesn't heed it."""

ANSWERING = Text("the code waits for an answer · enter sends it · ^d ends the input", MUTED)

_KEYS = {action.name: action.key_text for action in IN_PANE["playground"]}


def kernel_words(kernel: KernelStatus, seconds: float, since_interrupt: float | None) -> Text:
    """`seconds`: how long its state has lasted; `since_interrupt`: seconds, None where the code wasn't interrupted."""
    match kernel.state:
        case "starting":
            return Text("the kernel is starting …", MUTED)
        case "dead":
            return Text("no kernel · run something to start one", BAD)
        case "busy" if seconds >= SHORT:
            if since_interrupt is not None and since_interrupt > _STUBBORN:
                return Text(f"it doesn't stop · {_KEYS['restart']} restarts the kernel", ATTENTION)
            waiting = f" · {kernel.waiting} more wait" if kernel.waiting else ""
            return Text(f"running {seconds:.0f} s{waiting} · {_KEYS['interrupt']} interrupts", MUTED)
    return Text()


def reading_words(*, is_chosen: bool) -> Text:
    """While the transcript has the focus; `is_chosen`: one of its cells is."""
    if is_chosen:
        value, code = _KEYS["copy_result"], _KEYS["copy_code"]
        return Text(f"enter edits it anew · {value} copies its value · {code} its code", MUTED)
    return Text("↑ and ↓ choose a cell · enter goes back to the prompt", MUTED)
