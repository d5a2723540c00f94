"""A pytest plugin that measures which lines and how much time each test takes, or orders the tests of a mutant.

Pass `-p tests.mutation.plugin`. Environment variables choose what it does.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path

import coverage
import pytest

DURATIONS_VARIABLE = "MUTATION_DURATIONS"
"""Names the JSON file to which the duration of each test that passes is written, in seconds."""

ORDER_VARIABLE = "MUTATION_ORDER"
"""Names a file with the ids of the tests in the order in which to run them, one on each line."""

_durations: dict[str, float] = {}
_failed: set[str] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Record the lines of this process as lines of the test."""
    if (current := coverage.Coverage.current()) is not None:
        current.switch_context(item.nodeid)
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _durations[report.nodeid] = _durations.get(report.nodeid, 0.0) + report.duration
    if not report.passed:
        _failed.add(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if file := os.environ.get(ORDER_VARIABLE):
        order = {test: index for index, test in enumerate(Path(file).read_text(encoding="utf-8").splitlines())}
        items.sort(key=lambda item: order.get(item.nodeid, len(order)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (file := os.environ.get(DURATIONS_VARIABLE)) and not hasattr(session.config, "workerinput"):
        passed = {test: seconds for test, seconds in _durations.items() if test not in _failed}
        Path(file).write_text(json.dumps(passed), encoding="utf-8")
