"""Let interrupts (SIGINT) end the code that the kernel runs, but never the kernel.

While ipykernel handles a request, every SIGINT raises KeyboardInterrupt, even just before and just after the `try`
statement that catches it. Without this module, pressing ctrl+c several times could therefore end the kernel.
"""

import signal
from types import FrameType
from typing import Any


def protect_from_interrupts(kernel: Any) -> None:
    """Let SIGINT raise KeyboardInterrupt only while a function that handles a request runs, and ignore all others."""

    def interrupt(_signal_number: int, frame: FrameType | None) -> None:
        handlers = {getattr(handler, "__code__", None) for handler in kernel.shell_handlers.values()}
        while frame is not None:
            if frame.f_code in handlers:
                raise KeyboardInterrupt
            frame = frame.f_back

    def before_request() -> None:
        signal.signal(signal.SIGINT, interrupt)

    def after_request() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    kernel.pre_handler_hook, kernel.post_handler_hook = before_request, after_request
