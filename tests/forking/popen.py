"""Make `subprocess.Popen`, and everything that uses it, fork processes instead of executing Python."""

import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .process import ForkedProcess, fixed_values, parse_command

Fork = Callable[[ForkedProcess, tuple[int, ...]], int]
"""Starts a process with these descriptors, and returns its id. The process is a child of the current one."""

NONE = -1
"""What Popen passes for a pipe that it doesn't need."""

_replacement: list[tuple[Fork, Mapping[str, str]]] = []
"""The arguments of `replace_starts`, or empty if starts aren't replaced."""

_execute = subprocess.Popen._execute_child  # type: ignore[attr-defined]
_signature = inspect.signature(_execute)


def replace_starts(fork: Fork, fixed: Mapping[str, str]) -> Callable[[], None]:
    """Start processes with `fork` if possible. Return a function that undoes this.

    `fixed` are the `fixed_values` of the process that forks.
    """

    _replacement[:] = [(fork, fixed)]
    subprocess.Popen._execute_child = _start  # type: ignore[attr-defined]

    def undo() -> None:
        _replacement.clear()
        subprocess.Popen._execute_child = _execute  # type: ignore[attr-defined]

    return undo


def fork_on_terminal(command: Sequence[str], environ: Mapping[str, str], terminal: int) -> int | None:
    """Start a program that controls the terminal, a descriptor. Return its id, or None if it has to be executed."""
    process = _forkable(command, environ, new_session=True, on_terminal=True)
    return None if process is None else _replacement[0][0](process, (terminal, terminal, terminal))


def _start(popen: "subprocess.Popen[Any]", *arguments: Any) -> None:
    """Replaces `Popen._execute_child`."""
    call = _signature.bind(popen, *arguments).arguments
    command = call["args"]
    process = None
    if not (isinstance(command, str | bytes | os.PathLike) or call["preexec_fn"] or call["shell"]):
        process = _forkable(
            [os.fsdecode(argument) for argument in command],
            os.environ if call["env"] is None else call["env"],
            directory=call["cwd"],
            pass_fds=sorted(call["pass_fds"]),
            new_session=call["start_new_session"],
        )
    if process is None:
        _execute(popen, *arguments)
        return
    given = tuple(
        number if pipe == NONE else pipe
        for number, pipe in enumerate((call["p2cread"], call["c2pwrite"], call["errwrite"]))
    )
    popen.pid = _replacement[0][0](process, (*given, *process.descriptors[3:]))
    popen._child_created = True  # type: ignore[attr-defined]
    pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
    popen._close_pipe_fds(*(call[name] for name in pipes))  # type: ignore[attr-defined]


def fork_here(process: ForkedProcess, given: tuple[int, ...]) -> int:
    """Fork a process from the current one, which must have been forked itself and have loaded everything."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        process.start_session()
        os.close(writer)
        process.run(given)
    os.close(writer)
    os.read(reader, 1)  # wait until the process is in its session
    os.close(reader)
    return child


def _forkable(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    directory: str | bytes | os.PathLike[str] | None = None,
    pass_fds: Sequence[int] = (),
    new_session: bool,
    on_terminal: bool = False,
) -> ForkedProcess | None:
    """Return the process that the command starts, or None if it has to be executed."""
    parsed = parse_command(command)
    if parsed is None or not _replacement or fixed_values(environ) != _replacement[0][1]:
        return None
    module, options, arguments = parsed
    umask = os.umask(0)
    os.umask(umask)
    return ForkedProcess(
        module=module,
        options=options,
        arguments=arguments,
        environ=dict(environ),
        directory=os.fsdecode(directory or os.getcwd()),  # noqa: PTH109
        descriptors=(0, 1, 2, *pass_fds),
        new_session=new_session,
        on_terminal=on_terminal,
        umask=umask,
    )
