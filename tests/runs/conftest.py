"""A runs folder, and toy trainers that are killed when a test ends."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fashion_tui.runs import launch
from fashion_tui.runs.run import Run

from .parts import PROJECT, TOY_TRAINER, make_run, wait_until


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def run(runs_dir: Path) -> Iterator[Run]:
    with make_run(runs_dir) as run:
        yield run


@pytest.fixture
def toy(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A run whose trainer is the toy trainer."""
    monkeypatch.setattr(launch, "TRAINER", TOY_TRAINER)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    with make_run(runs_dir) as run:
        yield run
        process = run.lock_holder()
        if process and run.is_locked():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            wait_until(lambda: not run.is_locked())
