"""The kernel's process: `python -P -m fashion_tui.kernel SETUP -f CONNECTION_FILE`.

The process runs ipykernel. It also limits the size of outputs, exits when the UI exits, and loads torch and the data
into the user's namespace. SETUP is a `KernelSetup` in JSON.
"""

import contextlib
import ctypes
import os
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import zmq
from ipykernel import kernelapp
from IPython.core.autocall import ZMQExitAutocall
from jupyter_client.session import Session, json_packer
from tornado.ioloop import IOLoop
from traitlets.config import Config

from fashion_tui.machine.threads import use_passive_waiting
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.kernel import KernelSetup
from fashion_tui.schema.plots import MIME_TYPE, plot_in
from fashion_tui.schema.text import encodable_strings
from fashion_tui.settings import user_settings

from .debugger import use_debugger
from .errors import describe_error
from .forked_output import unix_socket_thread
from .interrupts import protect_from_interrupts
from .limits import keep_newest, truncate
from .preload import Preloader
from .print_width import PrintWidth
from .probes import ProbeHandler
from .run_list import RunList
from .show import attach_plots_to_results
from .streams import CapturedStream, protect_streams

_PR_SET_PDEATHSIG = 1
_OOM_SCORE_ADJ = 1_000
"""The highest possible OOM score. If memory runs out, Linux kills the kernel before any training process."""


class BoundedSession(Session):
    """A Jupyter session that limits the size of outputs."""

    def send(self, stream: Any, msg_or_type: Any, content: Any = None, *arguments: Any, **options: Any) -> Any:
        is_message = isinstance(msg_or_type, dict)
        kind = msg_or_type["msg_type"] if is_message else msg_or_type
        to_send = msg_or_type["content"] if is_message else content
        if kind == "stream":
            text, lines, characters = keep_newest(to_send["text"])
            to_send.update(text=text, dropped_lines=lines, dropped_characters=characters)
        elif kind in {"execute_result", "display_data", "update_display_data"}:
            to_send["data"] = _bounded(to_send["data"])
        elif kind in {"error", "execute_reply"} and "evalue" in to_send:
            to_send["evalue"] = truncate(to_send["evalue"])
            to_send["traceback"] = [truncate(part) for part in to_send["traceback"]]
            if kind == "error":
                to_send.update(describe_error(sys.exception(), to_send["traceback"]))
        return super().send(stream, msg_or_type, content, *arguments, **options)


def _bounded(data: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of an output that the UI shows: the text, and the plot if it is valid."""
    text = truncate(str(data.get("text/plain", "")))
    try:
        plot = plot_in(data)
    except ValueError as error:
        return {"text/plain": f"{text}\n{error}".lstrip("\n")}
    return {"text/plain": text} | ({} if plot is None else {MIME_TYPE: data[MIME_TYPE]})


def _pack(content: Any) -> bytes:
    """Encode the content of a message as JSON, even if it contains strings that can't be encoded in UTF-8.

    jupyter_client either fails on such strings or sends bytes that front ends can't decode.
    """
    try:
        packed: bytes = json_packer(content)
        packed.decode()
    except UnicodeError:
        return json_packer(encodable_strings(content))
    return packed


def main() -> None:
    _, setup, *arguments = sys.argv
    _die_with_parent()
    _prefer_for_oom_kill()
    use_passive_waiting()
    os.environ.pop("PYTEST_CURRENT_TEST", None)  # ipykernel captures no output if pytest has set this
    kernel_setup = msgspec.json.decode(setup, type=KernelSetup)
    preloader = Preloader(kernel_setup)
    connection_file = Path(arguments[arguments.index("-f") + 1])
    setattr(kernelapp, "IOPubThread", unix_socket_thread(connection_file.with_suffix("")))  # noqa: B010 -- for mypy
    app: Any = kernelapp.IPKernelApp.instance(config=_defaults(), outstream_class=_name_of(CapturedStream))
    app.session = BoundedSession(parent=app)
    app.session.pack = _pack
    app.initialize(arguments)
    # Block when the UI's queue is full; by default, ZeroMQ drops the newest messages.
    app.iopub_thread.schedule(partial(app.iopub_thread.socket.setsockopt, zmq.XPUB_NODROP, 1))
    _wake_loop_on_signals()
    protect_from_interrupts(app.kernel)
    _stop_echo()
    sys.path.append("")  # at the end, so that files in the working directory don't shadow installed modules
    shell = app.shell
    protect_streams(shell)
    sys.breakpointhook = sys.__breakpointhook__  # ipykernel imports debugpy, which replaces the hook
    use_debugger()
    _let_exit_end_cells(shell, kernel_setup.client)
    attach_plots_to_results(shell)
    shell.display_formatter.active_types = ["text/plain", MIME_TYPE]
    shell.set_custom_exc((UserError,), _show_in_one_line)
    warnings.filterwarnings("ignore", message="To exit: use", category=UserWarning)
    preloader.start(shell)
    _delay_requests(app.kernel, preloader)
    PrintWidth(app.kernel, kernel_setup.columns)
    ProbeHandler(app.kernel, preloader.has_tried_torch)
    app.start()


class Exit(ZMQExitAutocall):
    """`exit` and `quit`, with or without parentheses.

    In a cell of the UI, they end the kernel at once, as `sys.exit` does. In a console, they only close the console.
    """

    def __init__(self, shell: Any, client: str) -> None:
        super().__init__(shell)  # type: ignore[no-untyped-call]
        self._client = client

    def __call__(self, *code: object) -> None:
        shell: Any = self._ip
        if shell.get_parent()["header"]["session"] == self._client:
            raise SystemExit(*code)
        super().__call__(keep_kernel=True)  # type: ignore[no-untyped-call]


def _let_exit_end_cells(shell: Any, client: str) -> None:
    """Replace `exit` and `quit` with an `Exit` object. `client` is the id of the UI's Jupyter client."""
    shell.exiter = Exit(shell, client)
    shell.push({"exit": shell.exiter, "quit": shell.exiter}, interactive=False)


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _defaults() -> Config:
    """Return the configuration defaults that differ from ipykernel's.

    The user's `ipython_kernel_config.py` overrides them.
    """
    config = Config()
    config.IPKernelApp.ignore_cwd = True  # `main` adds the working directory to `sys.path`
    config.HistoryManager.hist_file = ":memory:"  # the UI's prompt saves the history
    config.InteractiveShell.colors = "lightbg" if user_settings().theme == "light" else "linux"
    config.IPCompleter.use_jedi = False  # Jedi takes seconds to complete `torch.`
    with contextlib.suppress(ImportError, AttributeError):
        from IPython.core.guarded_eval import EVALUATION_POLICIES  # noqa: PLC0415 -- not a stable API of IPython

        # To complete `net.conv1.` and `runs.latest.`, IPython must evaluate properties and `__getattr__`.
        # By default, IPython doesn't call `__getattr__` of `RunList` or of classes in `torch.nn`.
        limited: Any = EVALUATION_POLICIES["limited"]
        config.IPCompleter.policy_overrides = {
            "allowed_getattr_external": limited.allowed_getattr_external | {("torch", "nn")},
            "allowed_getattr": limited.allowed_getattr | {RunList},
        }
    return config


def _show_in_one_line(shell: Any, kind: type[UserError], error: UserError, *_: Any, **__: Any) -> list[str]:
    """Show a UserError without its traceback, which contains only our own code."""
    line = f"\x1b[31m{kind.__name__}\x1b[0m: {error}"
    shell._showtraceback(kind, error, [line])  # noqa: SLF001 -- IPython's own handlers call it too
    return [line]


def _delay_requests(kernel: Any, preloader: Preloader) -> None:
    """Delay completions and documentation until all preloaded names that the code uses are loaded."""

    def delayed(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(code: str, *arguments: Any, **options: Any) -> Any:
            preloader.wait_for_names(code, kernel.shell.user_ns)
            return method(code, *arguments, **options)

        return call

    kernel.do_complete, kernel.do_inspect = delayed(kernel.do_complete), delayed(kernel.do_inspect)


def _die_with_parent() -> None:
    """Make Linux kill this process when the UI ends.

    ipykernel also checks once a second whether the UI is running, but it can't check while C code holds the GIL.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(os.environ.get("JPY_PARENT_PID", os.getppid())):
            sys.exit("the UI has ended")


def _prefer_for_oom_kill() -> None:
    with contextlib.suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE_ADJ))


def _wake_loop_on_signals() -> None:
    """Wake the event loop on every signal, so that an interrupt also cancels a cell that awaits something."""

    def drain(reader: socket.socket, _events: int) -> None:
        reader.recv(4_096)

    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    IOLoop.current().add_handler(reader, drain, IOLoop.READ)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)


def _stop_echo() -> None:
    """Prevent ipykernel from copying captured output (file descriptors 1 and 2) to the kernel's log."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.dup2(null, sys.stderr.fileno())
        os.close(null)


if __name__ == "__main__":
    main()
