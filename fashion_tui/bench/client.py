"""The measuring process, as the command sees it. Imports no torch."""

import subprocess
import sys
import tempfile
from collections.abc import Callable

import msgspec

from fashion_tui.schema.bench import BenchRequest, Measured
from fashion_tui.schema.errors import UsageError, UserError

COMMAND = (sys.executable, "-P", "-m", "fashion_tui.bench")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the measuring process: what it does, or how it ended."""

    doing: str = ""
    done: int = 0
    total: int = 0
    measured: Measured | None = None
    problem: str = ""
    is_usage: bool = False
    """The problem: whether it lies in what was asked for."""


def measured(request: BenchRequest, progress: Callable[[str, int, int], None]) -> Measured:
    """What the process measures. `progress` is told what it does, and how much of how much is over.

    UserError where it says what is wrong, or ends without an answer.
    """
    with tempfile.TemporaryFile() as words, _process(request, words.fileno()) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - for the type checker
            for line in process.stdout:
                told = msgspec.json.decode(line, type=Told)
                if told.measured is not None:
                    return told.measured
                if told.problem:
                    raise (UsageError if told.is_usage else UserError)(told.problem)
                progress(told.doing, told.done, told.total)
        finally:
            process.kill()
        words.seek(0)
        last = words.read().decode(errors="replace").strip().splitlines()
        raise UserError(f"the measuring process ended without an answer: {last[-1] if last else 'it was killed'}")


def _process(request: BenchRequest, words: int) -> subprocess.Popen[bytes]:
    command = [*COMMAND, msgspec.json.encode(request).decode()]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words)
