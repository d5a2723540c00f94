"""`python -m tests.forking.server FD PADDING`: load everything, then fork a process for each request on socket FD.

The client must be the parent of this process and a child subreaper (PR_SET_CHILD_SUBREAPER) during each request: each
process is forked by a process that exits at once, so that Linux makes the client the parent. PADDING is replaced by the
command lines of forked processes.
"""

import importlib
import os
import pickle
import pkgutil
import socket
import sys

import torch
import tqdm.auto  # noqa: F401 - after ipykernel, importing it prints a warning about missing widgets

import fashion_tui
import fashion_tui.kernel.__main__
from fashion_tui.lab.data import datasets, synthetic
from fashion_tui.schema.dataset import DatasetRef

from .popen import fork_here, replace_starts
from .process import HEADER_BYTES, PATH, ForkedProcess, fixed_values

LATE_IMPORTS = ("jupyter_client.asynchronous.client", "torch._dynamo", "torchvision", "zmq.asyncio")
"""Modules that processes import only when they use them."""

MAX_DESCRIPTORS = 16


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    _load_in_advance()
    control.sendall(b"ready")
    while True:
        header, given, _, _ = socket.recv_fds(control, HEADER_BYTES, MAX_DESCRIPTORS)
        if not header:
            return
        body = control.recv(int.from_bytes(header), socket.MSG_WAITALL)
        process: ForkedProcess = pickle.loads(body)  # noqa: S301 - sent by our parent
        control.sendall(_fork(process, tuple(given)).to_bytes(HEADER_BYTES))
        for descriptor in given:
            os.close(descriptor)


def _load_in_advance() -> None:
    PATH[:] = sys.path[1:]  # without the project's folder
    sys.modules.pop("fashion_tui.kernel.__main__")  # imported for what it imports; `runpy` runs it again
    ours = (module.name for module in pkgutil.walk_packages(fashion_tui.__path__, "fashion_tui."))
    for name in (*LATE_IMPORTS, *ours):
        if not name.endswith(".__main__"):
            importlib.import_module(name)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a forked process doesn't have the threads of its parent
    drawn: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = {}
    draw = synthetic.draw

    def draw_once(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        if (count, seed) not in drawn:
            drawn[count, seed] = draw(count, seed=seed)
        return drawn[count, seed]

    vars(datasets)["draw"] = draw_once
    datasets.load(DatasetRef(name="synthetic", directory="", sha256=""))
    torch.set_num_threads(threads)
    for name, module in sys.modules.items():
        if name.startswith("fashion_tui."):
            for value in vars(module).values():
                if callable(clear := getattr(value, "cache_clear", None)):
                    clear()  # a forked process has another environment


def _fork(process: ForkedProcess, given: tuple[int, ...]) -> int:
    """Fork a process that is a child of the client, and return its id."""
    id_reader, id_writer = os.pipe()
    start_reader, start_writer = os.pipe()
    intermediate = os.fork()
    if intermediate == 0:
        child = os.fork()
        if child != 0:
            os.write(id_writer, child.to_bytes(HEADER_BYTES))
            os._exit(0)
        os.read(start_reader, 1)  # wait until the client is the parent
        process.start_session()
        os.write(id_writer, b"s")
        replace_starts(fork_here, fixed_values(process.environ))
        process.run(given)
    os.close(id_writer)
    os.waitpid(intermediate, 0)
    child = int.from_bytes(os.read(id_reader, HEADER_BYTES))
    os.write(start_writer, b"s")
    os.read(id_reader, 1)  # wait until the process is in its session
    for descriptor in (id_reader, start_reader, start_writer):
        os.close(descriptor)
    return child


if __name__ == "__main__":
    main()
