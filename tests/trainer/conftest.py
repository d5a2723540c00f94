"""Trainers that are gone when a test ends."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .trainers import Trainer


@pytest.fixture
def train() -> Iterator[Callable[..., Trainer]]:
    """Starts a trainer on a run."""
    started: list[Trainer] = []

    def start(run_path: Path, *arguments: str, before: Callable[[], None] | None = None) -> Trainer:
        started.append(Trainer(run_path, *arguments, before=before))
        return started[-1]

    yield start
    for trainer in started:
        if trainer.process.poll() is None:
            trainer.kill()
