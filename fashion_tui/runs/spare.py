"""Spare trainers, started in advance. They load torch and the data set, so that a new run starts without delay."""

import os
import subprocess
import sys
import threading
from contextlib import suppress

import msgspec

from fashion_tui.machine.compiler_caches import with_private_caches
from fashion_tui.schema.dataset import DatasetRef

from .run import Run

SPARE_COMMAND = (sys.executable, "-P", "-u", "-m", "fashion_tui.trainer", "--spare")


class SpareOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The run that a spare trainer should train, sent as one line to the trainer's stdin."""

    run: str
    """Path of the run's directory."""
    epochs: int | None
    queue: bool
    """Whether to wait until no other run uses the device."""


class SpareTrainer:
    """Starts spare trainers and gives runs to them. Thread-safe.

    There is at most one spare trainer. It has its own session and no terminal. If it hasn't been given a run, it exits
    when this process exits.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._dataset: DatasetRef | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Process id of the spare trainer, or None if there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def prepare(self, dataset: DatasetRef) -> None:
        """Start a spare trainer for this data set, replacing any spare trainer for another data set.

        If it can't be started, no error is raised, and the next run starts without one.
        """
        with self._lock:
            if self.pid is not None and self._dataset == dataset:
                return
            self._dismiss()
            with suppress(OSError):
                self._process = subprocess.Popen(
                    [*SPARE_COMMAND, msgspec.json.encode(dataset).decode()],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    cwd="/",
                    env=trainer_environment(),
                )
                self._dataset = dataset

    def train(self, run: Run, epochs: int | None, *, queue: bool = False) -> subprocess.Popen[bytes] | None:
        """Give the run to the spare trainer. Return the trainer's process, or None if no trainer is waiting."""
        with self._lock:
            process, self._process = self._process, None
        if process is None or process.stdin is None:
            return None
        try:
            with process.stdin as stdin:
                stdin.write(msgspec.json.encode(SpareOrder(run=str(run.path), epochs=epochs, queue=queue)) + b"\n")
        except OSError:  # it has exited
            return None
        return process if process.poll() is None else None

    def close(self) -> None:
        """End the spare trainer."""
        with self._lock:
            self._dismiss()

    def _dismiss(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
            threading.Thread(target=process.wait, name=f"wait for {process.pid}", daemon=True).start()


def trainer_environment() -> dict[str, str]:
    """Return this process's environment, with private caches for torch.compile and absolute paths in PYTHONPATH.

    A trainer's working directory is the run's directory. With relative paths, the trainer could import modules that
    someone else put there.
    """
    environ = with_private_caches(os.environ)
    if folders := environ.get("PYTHONPATH"):
        absolute = (os.path.abspath(folder) for folder in folders.split(os.pathsep))  # noqa: PTH100 - "" means this folder
        environ["PYTHONPATH"] = os.pathsep.join(absolute)
    return environ
