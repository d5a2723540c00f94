"""Trainers that are gone when a test ends, and the table of what the fault tests found."""

from collections.abc import Callable, Iterator

import pytest

from fashion_tui.runs.run import Run

from .faults import Fault, RecordFault, encode, table
from .forked import ForkedTrainer
from .trainers import Trainer


@pytest.fixture
def train() -> Iterator[Callable[..., Trainer]]:
    """Starts a trainer on a run."""
    started: list[Trainer] = []

    def start(run: Run, *arguments: str, before: Callable[[], None] | None = None) -> Trainer:
        started.append(Trainer(run, *arguments, before=before))
        return started[-1]

    yield start
    for trainer in started:
        if not trainer.has_ended:
            trainer.kill()


@pytest.fixture
def fork() -> Iterator[Callable[..., ForkedTrainer]]:
    """The same, in a tenth of the time; see `forked`."""
    started: list[ForkedTrainer] = []

    def start(run: Run, *, dies: tuple[str, int] | None = None) -> ForkedTrainer:
        started.append(ForkedTrainer(run, dies=dies))
        return started[-1]

    yield start
    for trainer in started:
        if not trainer.has_ended:
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
