"""What the tests print at the end: how to repeat a random order, and which tests passed only when they ran again."""

import pytest
from random_order.config import Config as RandomOrder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    order = RandomOrder(config)
    if order.is_enabled:
        terminalreporter.write_line(f"The order was random. To repeat it: --random-order-seed={order.seed}")
    reports: list[pytest.TestReport] = terminalreporter.stats.get("rerun", [])
    if not reports:
        return
    terminalreporter.section("first failures of the tests that needed a rerun")
    for report in reports:
        terminalreporter.write_sep("_", report.nodeid)
        terminalreporter.write_line(report.longreprtext)
    terminalreporter.write_sep("=", "tests that needed a rerun")
    for report in reports:
        terminalreporter.write_line(f"RERUN {report.nodeid} - {_message(report)}")
    count = len({report.nodeid for report in reports})
    each = "1 test needed a rerun: it is" if count == 1 else f"{count} tests needed a rerun: each is"
    terminalreporter.write_line(f"{each} a defect")


def _message(report: pytest.TestReport) -> str:
    """Return the first line of the failure's message."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = (report.longreprtext if crash is None else crash.message).splitlines()
    return lines[0] if lines else ""
