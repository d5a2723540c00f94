"""Fixtures of the tests that need a GPU, and a table of their measurements. `make test-gpu` runs the tests.

Without a usable GPU, they are skipped, and the reason is shown. Speeds are reported next to the expected values, but
only wrong results fail a test.
"""

import os
from collections.abc import Callable

import psutil
import pytest
import torch

from fashion_tui.lab.devices import choose_device, describe_device, unused_gpu_problem
from fashion_tui.lab.gpus import why_no_gpu

os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS reads it once per process; needed for deterministic steps

Record = Callable[[str, str, str], None]
"""Adds a row to the table: what was measured, the result, and what is expected."""


@pytest.fixture(autouse=True)
def device() -> torch.device:
    """The GPU. Skips the test if there is none."""
    device = choose_device("auto")
    if device.type != "cuda":
        pytest.skip(f"needs a GPU: {unused_gpu_problem() or why_no_gpu()}")
    return device


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Record:
    return lambda what, result, expected: record_property("measured", (what, result, expected))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the results as a Markdown table."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    rows = [value for report in reports for name, value in report.user_properties if name == "measured"]
    if rows:
        build = f"CUDA {torch.version.cuda}" if torch.version.hip is None else f"ROCm {torch.version.hip}"
        name = describe_device(choose_device("auto"))
        terminalreporter.section("results")
        terminalreporter.line(f"{name}, torch {torch.__version__}, {build}, {psutil.cpu_count()} CPUs\n")
        for row in (("measured", "result", "expected"), ("---",) * 3, *rows):
            terminalreporter.line(f"| {' | '.join(row)} |")
