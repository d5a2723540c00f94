"""`python -P -m fashion_tui.kernel.__main__ WORLD -f CONNECTION_FILE`: the kernel's side.

An ipykernel as Jupyter starts it, that keeps to our limits, dies with the UI, and finds torch and the data at hand.
WORLD is a `KernelSetup` in JSON.
"""

import contextlib
import ctypes
import os
import signal
import socket
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import zmq
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.session import Session
from tornado.ioloop import IOLoop
from traitlets.config import Config

from fashion_tui.machine.threads import use_passive_waiting
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.kernel import KernelSetup
from fashion_tui.schema.plots import MIME_TYPE, plot_in

from .limits import keep_newest, truncate
from .preload import Preloader
from .probes import ProbeHandler
from .run_list import RunList
from .show import attach_plots_to_results

_PR_SET_PDEATHSIG = 1
_OOM_SCORE = 1_000
"""The most there is: when memory runs out, the kernel goes, and no training."""


class BoundedSession(Session):
    """Sends no more of an output than can be shown."""

    def send(self, stream: Any, msg_or_type: Any, content: Any = None, *arguments: Any, **options: Any) -> Any:
        is_message = isinstance(msg_or_type, dict)
        kind = msg_or_type["msg_type"] if is_message else msg_or_type
        sent = msg_or_type["content"] if is_message else content
        if kind == "stream":
            text, lines, characters = keep_newest(sent["text"])
            sent.update(text=text, dropped_lines=lines, dropped_characters=characters)
        elif kind in {"execute_result", "display_data", "update_display_data"}:
            sent["data"] = _bounded(sent["data"])
        elif kind in {"error", "execute_reply"} and "evalue" in sent:
            sent["evalue"] = truncate(sent["evalue"])
            sent["traceback"] = [truncate(line) for line in sent["traceback"]]
        return super().send(stream, msg_or_type, content, *arguments, **options)


def _bounded(data: dict[str, Any]) -> dict[str, Any]:
    """Of an output's representations those that the UI shows: the text, and a figure that is one."""
    text = truncate(str(data.get("text/plain", "")))
    try:
        figure = plot_in(data)
    except ValueError as error:
        return {"text/plain": f"{text}\n{error}".lstrip("\n")}
    return {"text/plain": text} | ({} if figure is None else {MIME_TYPE: data[MIME_TYPE]})


def main() -> None:
    _, world, *arguments = sys.argv
    _die_with_parent()
    _offer_to_oom_killer()
    use_passive_waiting()
    os.environ.pop("PYTEST_CURRENT_TEST", None)  # seeing it, ipykernel would leave descriptors 1 and 2 alone
    at_hand = Preloader(msgspec.json.decode(world, type=KernelSetup))
    app: Any = IPKernelApp.instance(config=_defaults())
    app.session = BoundedSession(parent=app)
    app.initialize(arguments)
    # A flood waits for its reader instead of losing its newest part.
    app.iopub_thread.schedule(partial(app.iopub_thread.socket.setsockopt, zmq.XPUB_NODROP, 1))
    _wake_on_signals()
    _stop_echo()
    sys.path.insert(0, "")
    shell = app.shell
    attach_plots_to_results(shell)
    shell.display_formatter.active_types = ["text/plain", MIME_TYPE]
    shell.set_custom_exc((UserError,), _show_in_a_line)
    warnings.filterwarnings("ignore", message="To exit: use", category=UserWarning)
    at_hand.offer(shell)
    _complete_what_comes(app.kernel, at_hand)
    ProbeHandler(app.kernel, at_hand.has_torch)
    app.start()


def _defaults() -> Config:
    """What differs from ipykernel's own; a person's `ipython_kernel_config.py` has the last word."""
    config = Config()
    config.HistoryManager.hist_file = ":memory:"  # the prompt keeps its own
    config.InteractiveShell.colors = "linux"  # for a dark ground
    config.IPCompleter.use_jedi = False  # it takes seconds for `torch.`; the names of living objects are enough
    with contextlib.suppress(ImportError, AttributeError):
        from IPython.core.guarded_eval import EVALUATION_POLICIES  # noqa: PLC0415 -- a provisional part of IPython

        # Without it `net.conv1.` and `runs.latest.` have no completions: the `__getattr__` of networks, and properties,
        # are trusted only where named.
        limited: Any = EVALUATION_POLICIES["limited"]
        config.IPCompleter.policy_overrides = {
            "allowed_getattr_external": limited.allowed_getattr_external | {("torch", "nn")},
            "allowed_getattr": limited.allowed_getattr | {RunList},
        }
    return config


def _show_in_a_line(shell: Any, kind: type[UserError], error: UserError, *_: Any, **__: Any) -> list[str]:
    """What a person can mend needs no traceback of ours."""
    line = f"\x1b[31m{kind.__name__}\x1b[0m: {error}"
    shell._showtraceback(kind, error, [line])  # noqa: SLF001 -- what IPython's own handlers end with
    return [line]


def _complete_what_comes(kernel: Any, at_hand: Preloader) -> None:
    """`torch.` typed in the first seconds is completed as soon as torch is there."""
    complete = kernel.do_complete

    def do_complete(code: str, cursor_pos: int) -> Any:
        at_hand.wait_to_complete(code, kernel.shell.user_ns)
        return complete(code, cursor_pos)

    kernel.do_complete = do_complete


def _die_with_parent() -> None:
    """As ipykernel sees to itself once a second, but not while C code holds the interpreter. Linux does even then."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(os.environ.get("JPY_PARENT_PID", os.getppid())):
            sys.exit("the UI is gone")


def _offer_to_oom_killer() -> None:
    with contextlib.suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE))


def _wake_on_signals() -> None:
    """A cell that awaits something is cancelled from a signal's handler, which by itself doesn't wake the loop."""

    def empty(reader: socket.socket, _events: int) -> None:
        reader.recv(4_096)

    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    IOLoop.current().add_handler(reader, empty, IOLoop.READ)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)


def _stop_echo() -> None:
    """What is written to the file descriptors goes to the UI; ipykernel copies it to where they led before, our log."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.dup2(null, sys.stderr.fileno())
        os.close(null)


if __name__ == "__main__":
    main()
