"""Words for `trainer.log`, where the trainer's stderr goes."""

import os
import traceback
from contextlib import suppress


def say(message: str) -> None:
    """Writes a line at once. A full disk swallows it: nobody's training shall end for a line of the log."""
    with suppress(OSError):
        os.write(2, f"{message}\n".encode(errors="replace"))


def say_traceback(error: BaseException) -> None:
    say("".join(traceback.format_exception(error)).rstrip())
