"""Trainers forked from a process that has loaded PyTorch and the data set, so that they start quickly."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from fashion_tui.runs.run import Run

from .trainers import TIMEOUT, Trainer

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.trainer.preloaded"])


class ForkedTrainer(Trainer):
    """A trainer that runs in a forked process and only has to load its run. Its output goes to `trainer.log`."""

    def __init__(self, run: Run, *arguments: str, before: Callable[[], object] | None = None) -> None:
        """Fork a trainer. `before` is called first in its process, and must be picklable, for example a `partial`."""
        self.follow(run)
        self._fork = _forks.Process(target=_train, args=(str(run.path), arguments, before))
        self._fork.start()

    @property
    def pid(self) -> int:
        assert self._fork.pid is not None
        return self._fork.pid

    @property
    def has_ended(self) -> bool:
        return self._fork.exitcode is not None

    def kill(self) -> None:
        self._fork.kill()
        self._fork.join()

    def wait(self, seconds: float) -> None:
        """Wait until the trainer has ended, but at most this many seconds."""
        self._fork.join(seconds)

    def end(self) -> int:
        self.wait(TIMEOUT)
        assert self._fork.exitcode is not None, "the trainer didn't end in time"
        return self._fork.exitcode

    def output(self) -> str:
        return (self.run.path / "trainer.log").read_text()


def _train(run_path: str, arguments: tuple[str, ...], before: Callable[[], object] | None) -> None:
    """Run the trainer in the child process."""
    from fashion_tui.trainer.__main__ import main  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.dont_write_bytecode = True  # `before` may limit the size of files, and a truncated .pyc file can't be imported
    log = os.open(Path(run_path, "trainer.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if before is not None:
        before()
    sys.argv = ["trainer", run_path, *arguments]
    sys.exit(main())
