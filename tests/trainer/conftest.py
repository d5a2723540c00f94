"""Trainers that are gone when a test ends, and the table of what the fault tests found."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .faults import Fault, RecordFault, encode, table
from .trainers import Trainer


@pytest.fixture
def train() -> Iterator[Callable[..., Trainer]]:
    """Starts a trainer on a run."""
    started: list[Trainer] = []

    def start(run_path: Path, *arguments: str, **options: Any) -> Trainer:
        started.append(Trainer(run_path, *arguments, **options))
        return started[-1]

    yield start
    for trainer in started:
        if trainer.process.poll() is None:
            trainer.kill()


@pytest.fixture
def record_fault(record_property: Callable[[str, object], None]) -> RecordFault:
    """Puts a line into the table that ends the tests' output."""
    return lambda fault: record_property("fault", encode(fault))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Reports bring the lines here, also from the processes in which tests ran side by side."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    found = [Fault(**dict(value)) for report in reports for name, value in report.user_properties if name == "fault"]
    if len(found) > 1:
        terminalreporter.section("faults")
        for line in table(found):
            terminalreporter.line(line)
