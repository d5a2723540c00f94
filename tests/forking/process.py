"""A process to fork: what `subprocess.Popen` was asked to execute, and how a forked process turns into it."""

import asyncio
import atexit
import codecs
import contextvars
import ctypes
import fcntl
import gc
import io
import os
import runpy
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

MODULES = {
    "fashion_tui",
    "fashion_tui.bench",
    "fashion_tui.engine",
    "fashion_tui.kernel",
    "fashion_tui.trainer",
    "tests.forking.description",
}
"""Modules that forked processes can run."""

FIXED_PREFIXES = ("COV", "ESCDELAY", "KMP_", "LD_", "MKL_", "OMP_", "PYTHON", "TEXTUAL")
"""Prefixes of variables that are read when a process starts or imports its modules."""

ADAPTABLE = {"OMP_NUM_THREADS", "PYTHONIOENCODING"}
"""Variables with such a prefix that a forked process can nevertheless obey."""

PATH: list[str] = []
"""`sys.path` of the server, without a working directory."""

HEADER_BYTES = 4
"""Number of bytes of each integer in the messages between client and server."""

FAILED_FLUSH = 120
"""Exit status of Python if it can't write the rest of its output at the end."""

FIRST_SPARE = 256
"""Descriptors from this number on are used only while a forked process renumbers its descriptors."""


@dataclass(frozen=True)
class ForkedProcess:
    module: str
    options: tuple[str, ...]
    """Options of the interpreter."""
    arguments: tuple[str, ...]
    environ: dict[str, str]
    directory: str
    """The working directory."""
    descriptors: tuple[int, ...]
    """Numbers of the descriptors that the process keeps, beginning with 0, 1 and 2."""
    new_session: bool
    on_terminal: bool
    """Whether descriptor 0 is a terminal that the process, which leads a new session, controls."""
    umask: int

    def start_session(self) -> None:
        """Start a new session if the process leads one.

        Call this before the id of the process is returned, because the caller may kill the process group at once.
        """
        if self.new_session:
            os.setsid()

    def run(self, given: tuple[int, ...]) -> NoReturn:
        """Turn the current process, which has just been forked, into this process, and exit at its end.

        `given` are the descriptors that become `self.descriptors`, in the same order.
        """
        gc.freeze()  # objects of the forking process must not close descriptors that have the same number as theirs
        atexit._clear()
        asyncio.set_event_loop_policy(None)  # discard the event loop of the forking process
        _renumber_descriptors(given, self.descriptors)
        if self.on_terminal:
            # the first terminal that a session leader opens becomes its controlling terminal
            os.close(os.open(os.ttyname(0), os.O_RDWR))
        unbuffered = "-u" in self.options or bool(self.environ.get("PYTHONUNBUFFERED"))
        _open_standard_streams(self.environ.get("PYTHONIOENCODING", ""), unbuffered=unbuffered)
        os.environ.clear()
        os.environ.update(self.environ)
        os.chdir(self.directory)
        os.umask(self.umask)
        sys.path[:] = [*([] if "-P" in self.options else [self.directory]), *PATH]
        sys.argv = [self.module, *self.arguments]
        sys.orig_argv = [sys.executable, *self.options, "-m", self.module, *self.arguments]
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        _set_thread_count(self.environ)
        _set_command_line(sys.orig_argv)
        status = contextvars.Context().run(_run_module, self.module)
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        try:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
        except OSError:
            status = FAILED_FLUSH
        os._exit(status)


def parse_command(arguments: Sequence[str]) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
    """Return the module, the interpreter's options and the arguments of a command, or None if it can't be forked."""
    if arguments[0] != sys.executable or "-m" not in arguments:
        return None
    split = arguments.index("-m")
    options, module = tuple(arguments[1:split]), arguments[split + 1]
    if module not in MODULES or not set(options) <= {"-P", "-u", "-X", "frozen_modules=off"}:
        return None
    return module, options, tuple(arguments[split + 2 :])


def fixed_values(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a forked process can't read from its environment. It must be the same in the process that forks.

    It consists of environment variables, whether the locale uses UTF-8, and the settings of fashion_tui.
    """
    values = {
        name: value for name, value in environ.items() if name.startswith(FIXED_PREFIXES) and name not in ADAPTABLE
    }
    locale = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "C")
    is_utf8 = locale.lower().endswith((".utf-8", ".utf8"))
    folder = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME')}/.config"
    settings = Path(folder, "fashion-tui", "settings.toml")
    return values | {
        "locale": "UTF-8" if is_utf8 else locale,
        "settings": settings.read_text() if settings.exists() else "",
    }


def _renumber_descriptors(given: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Give each descriptor its number, and close all others."""
    spare = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, FIRST_SPARE) for descriptor in given]
    os.closerange(0, FIRST_SPARE)
    for descriptor, number in zip(spare, wanted, strict=True):
        os.dup2(descriptor, number, inheritable=True)
    os.closerange(max(FIRST_SPARE, *(number + 1 for number in wanted)), max(spare) + 1)


def _open_standard_streams(configured: str, *, unbuffered: bool) -> None:
    """Open the streams as Python does. `configured` is the value of PYTHONIOENCODING."""
    encoding, _, errors = configured.partition(":")
    encoding = codecs.lookup(encoding or "utf-8").name
    sys.stdin = sys.__stdin__ = open(0, encoding=encoding, errors=errors or None, closefd=False)  # type: ignore[misc]  # noqa: SIM115
    for number, name in ((1, "stdout"), (2, "stderr")):
        raw = open(number, "wb", buffering=0 if unbuffered else -1, closefd=False)  # noqa: SIM115
        stream = io.TextIOWrapper(
            raw,
            encoding,
            "backslashreplace" if name == "stderr" else errors or None,
            line_buffering=name == "stderr" or os.isatty(number),
            write_through=unbuffered,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _set_command_line(arguments: list[str]) -> None:
    """Replace what other processes see as the command line of this process."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    line = b"".join(os.fsencode(argument) + b"\0" for argument in arguments)
    ctypes.memmove(start, line[: end - start - 1].ljust(end - start, b"\0"), end - start)


def _set_thread_count(environ: Mapping[str, str]) -> None:
    """Let torch use as many threads as in a process that was executed."""
    import torch  # noqa: PLC0415

    count = environ.get("OMP_NUM_THREADS")
    if count is not None:
        torch.set_num_threads(int(count))


def _run_module(module: str) -> int:
    """Run a module as `python -m` does, and return the exit status."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        return 1
    except BaseException:  # noqa: BLE001
        sys.excepthook(*sys.exc_info())
        return 1
    return 0
