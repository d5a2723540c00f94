"""Fixtures that start trainers and kill any still running after the test, and the summary table of the fault tests."""

from collections.abc import Callable, Iterator

import pytest

from fashion_tui.runs.run import Run

from .fault_table import Fault, RecordFault, encode, table
from .forked import ForkedTrainer
from .trainers import Trainer


@pytest.fixture
def train() -> Iterator[Callable[..., Trainer]]:
    """A function that starts a trainer for a run. The trainer is killed when the test ends."""
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
    """Like `train`, but the trainer is forked, which takes a tenth of the time; see `forked`."""
    started: list[ForkedTrainer] = []

    def start(run: Run, *arguments: str, before: Callable[[], object] | None = None) -> ForkedTrainer:
        started.append(ForkedTrainer(run, *arguments, before=before))
        return started[-1]

    yield start
    for trainer in started:
        if not trainer.has_ended:
            trainer.kill()


@pytest.fixture
def record_fault(record_property: Callable[[str, object], None]) -> RecordFault:
    """A function that adds a row to the table that is printed after all tests."""
    return lambda fault: record_property("fault", encode(fault))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of faults. Its rows are in the test reports, even of parallel test processes."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    faults = [Fault(**dict(value)) for report in reports for name, value in report.user_properties if name == "fault"]
    if len(faults) > 1:
        terminalreporter.section("faults")
        for line in table(faults):
            terminalreporter.line(line)
