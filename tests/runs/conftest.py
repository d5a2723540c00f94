"""A folder for runs, and toy trainers that are gone when a test ends."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fashion_tui.runs import launch
from fashion_tui.runs.lock import holder, is_held

from .parts import PROJECT, TOY_TRAINER, make_run, wait_until


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def run_path(runs_dir: Path) -> Path:
    return make_run(runs_dir)


@pytest.fixture
def toy(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run whose launches start the toy trainer."""
    monkeypatch.setattr(launch, "TRAINER", TOY_TRAINER)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    path = make_run(runs_dir)
    yield path
    who = holder(path)
    if who and is_held(path):
        with suppress(ProcessLookupError):
            os.kill(who.pid, signal.SIGKILL)
        wait_until(lambda: not is_held(path))
