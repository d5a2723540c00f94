"""Make `subprocess.Popen`, and everything that uses it, fork processes instead of executing Python."""

import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .process import ForkedProcess, fixed_variables, parse_command

Fork = Callable[[ForkedProcess, tuple[int, ...]], int]
"""Starts a process with these descriptors, and returns its id. The process is a child of the current one."""

NONE = -1
"""What Popen passes for a pipe that it doesn't need."""

_execute = subprocess.Popen._execute_child  # type: ignore[attr-defined]
_signature = inspect.signature(_execute)


def replace_starts(fork: Fork, variables: Mapping[str, str]) -> Callable[[], None]:
    """Start processes with `fork` if possible. Return a function that undoes this.

    `variables` are the environment variables that a forked process can't change; see `fixed_variables`.
    """

    def start(popen: "subprocess.Popen[Any]", *arguments: Any) -> None:
        call = _signature.bind(popen, *arguments).arguments
        process = _forkable(call)
        if process is None or fixed_variables(process.environ) != variables:
            _execute(popen, *arguments)
            return
        given = tuple(
            number if pipe == NONE else pipe
            for number, pipe in enumerate((call["p2cread"], call["c2pwrite"], call["errwrite"]))
        )
        popen.pid = fork(process, (*given, *process.descriptors[3:]))
        popen._child_created = True  # type: ignore[attr-defined]
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        popen._close_pipe_fds(*(call[name] for name in pipes))  # type: ignore[attr-defined]

    subprocess.Popen._execute_child = start  # type: ignore[attr-defined]

    def undo() -> None:
        subprocess.Popen._execute_child = _execute  # type: ignore[attr-defined]

    return undo


def fork_here(process: ForkedProcess, given: tuple[int, ...]) -> int:
    """Fork a process from the current one, which must have been forked itself and have loaded everything."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    child = os.fork()
    if child == 0:
        process.run(given)
    return child


def _forkable(call: dict[str, Any]) -> ForkedProcess | None:
    """Return the process that Popen was asked to start, or None if it has to be executed."""
    arguments, environ = call["args"], call["env"]
    if isinstance(arguments, str | bytes | os.PathLike) or call["preexec_fn"] is not None or call["shell"]:
        return None
    command = parse_command([os.fsdecode(argument) for argument in arguments])
    if command is None:
        return None
    module, options, rest = command
    return ForkedProcess(
        module=module,
        options=options,
        arguments=rest,
        environ=dict(os.environ if environ is None else environ),
        directory=os.fsdecode(call["cwd"] or os.getcwd()),  # noqa: PTH109
        descriptors=(0, 1, 2, *sorted(call["pass_fds"])),
        new_session=call["start_new_session"],
    )
