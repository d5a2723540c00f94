"""Trainers that are forked from a process with PyTorch and a small data set: many can be killed in little time."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

from fashion_tui.runs.run import Run

from .dying import die_at
from .trainers import PATIENCE, Trainer

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.trainer.small_set"])


class ForkedTrainer(Trainer):
    """The real trainer's `main` in a process of its own, which loads nothing but its run."""

    def __init__(self, run: Run, *, dies: tuple[str, int] | None = None) -> None:
        """`dies`: where it is to be killed, and the how manieth time that it comes there (`dying.INSTANTS`)."""
        self.follow(run)
        self._fork = _forks.Process(target=_train, args=(str(run.path), dies))
        self._fork.start()

    @property
    def has_ended(self) -> bool:
        return self._fork.exitcode is not None

    def kill(self) -> None:
        self._fork.kill()
        self._fork.join()

    def wait(self, seconds: float) -> None:
        """So long, or until it has ended by itself."""
        self._fork.join(seconds)

    def end(self) -> int:
        self.wait(PATIENCE)
        assert self._fork.exitcode is not None, "it goes on and on"
        return self._fork.exitcode

    def output(self) -> str:
        return (self.run.path / "trainer.log").read_text()


def _train(run_path: str, dies: tuple[str, int] | None) -> None:
    """The child's part."""
    from fashion_tui.trainer.__main__ import main  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(Path(run_path, "trainer.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if dies is not None:
        die_at(*dies)
    sys.argv = ["trainer", run_path]
    sys.exit(main())
