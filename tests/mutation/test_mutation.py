"""Mutation testing of a small project: which changes are noticed, also in a child process, and that nothing is left."""

import shutil
from pathlib import Path

import psutil
import pytest

from .__main__ import run_mutant
from .coverage_map import measure
from .mutants import Mutant, sample_mutants
from .results import MutationResults, to_markdown
from .workspace import Workspace

CODE = """
def area(width, height):
    return width * height

def length(width, height):
    return width + height

def opposite(x):
    return -x

def unused(x):
    return not x

Number = int | float
"""

TESTS = """
import subprocess, sys, time
from fashion_tui.lab.code import area, length

def test_slow():
    time.sleep(0.5)
    assert area(2, 3) == 6

def test_area():
    assert area(2, 3) == 6

def test_length():
    assert length(2, 0) == 2  # as is 2 - 0

def test_a_child():
    command = [sys.executable, "-c", "from fashion_tui.lab.code import opposite; print(opposite(5))"]
    assert subprocess.check_output(command) == b"-5\\n"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for package in ("fashion_tui", "fashion_tui/lab", "tests", "tests/mutation"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "fashion_tui" / "lab" / "code.py").write_text(CODE)
    (tmp_path / "tests" / "test_code.py").write_text(TESTS)
    shutil.copy(Path(__file__).with_name("plugin.py"), tmp_path / "tests" / "mutation")
    return tmp_path


def change(mutant: Mutant) -> str:
    """Return the changed line."""
    return next(line[1:].strip() for line in mutant.diff.splitlines() if line.startswith("+"))


def test_the_tests_that_run_a_line_notice_its_change(project: Path) -> None:
    coverage = measure(project, ["-n", "0"])
    mutants = sample_mutants(project, ["lab"], 100, seed=0)
    outcomes = {}
    with Workspace.copy_of(project) as workspace:
        for mutant in mutants:
            tests = coverage.tests_of(mutant.file, mutant.statement)
            outcomes[change(mutant)] = run_mutant(workspace, mutant, tests, seconds=90)
        copy = workspace.folder
        assert (copy / "fashion_tui" / "lab" / "code.py").read_text() == CODE
    assert {changed: (result.outcome, result.failed_test, result.tests) for changed, result in outcomes.items()} == {
        "return width / height": ("noticed", "tests/test_code.py::test_area", 2),
        "return width - height": ("survived", None, 1),
        "return +x": ("noticed", "tests/test_code.py::test_a_child", 4),
        "return x": ("not run by any test", None, 0),
        "Number = int & float": ("noticed", "tests/test_code.py", 4),
        "Number = None": ("survived", None, 4),
    }
    table = to_markdown(MutationResults(seed=0, planned=6, seconds_per_mutant=90, results=list(outcomes.values())))
    assert "code.py:6 (survived, 1 tests)" in table
    assert not copy.exists()
    assert (project / "fashion_tui" / "lab" / "code.py").read_text() == CODE
    assert not [process for process in psutil.process_iter(["cmdline"]) if str(copy) in str(process.info["cmdline"])]
