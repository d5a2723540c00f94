"""A trainer that waits with torch imported and the data read, so that the next run starts at once."""

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import msgspec

from fashion_tui.schema.dataset import DatasetRef

from .environment import trainer_environment

WAITING_TRAINER = (sys.executable, "-P", "-u", "-m", "fashion_tui.trainer", "--stand-by")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The line that a waiting trainer reads from its stdin: which run to train."""

    run: str
    """The path of its directory."""
    epochs: int | None


class StandBy:
    """At most one waiting trainer. From the start it has a session of its own and no terminal, as one started for a run
    has; it ends by itself when this process does, unless it was given a run. For several threads.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._dataset: DatasetRef | None = None
        self._changing = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Of the trainer that waits; None where none does."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def prepare(self, dataset: DatasetRef) -> None:
        """Let one wait that has read this data; does nothing where it does already. Where it fails runs start cold."""
        with self._changing:
            if self.pid is not None and self._dataset == dataset:
                return
            self._dismiss()
            with suppress(OSError):
                self._process = subprocess.Popen(
                    [*WAITING_TRAINER, msgspec.json.encode(dataset).decode()],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    cwd="/",
                    env=trainer_environment(),
                )
                self._dataset = dataset

    def hand_over(self, run_path: Path, epochs: int | None) -> subprocess.Popen[bytes] | None:
        """The waiting trainer, which trains that run from now on; None where none waits."""
        with self._changing:
            process, self._process = self._process, None
        if process is None or process.stdin is None:
            return None
        try:
            with process.stdin as stdin:
                stdin.write(msgspec.json.encode(Order(run=str(run_path), epochs=epochs)) + b"\n")
        except OSError:  # it has ended
            return None
        return process if process.poll() is None else None

    def close(self) -> None:
        """Nobody waits any more."""
        with self._changing:
            self._dismiss()

    def _dismiss(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
            threading.Thread(target=process.wait, name=f"wait for {process.pid}", daemon=True).start()
