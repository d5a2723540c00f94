"""Which tests run which lines of the package, and how long each test takes."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import coverage
import msgspec

from fashion_tui.schema.errors import UserError

from .plugin import DURATIONS_VARIABLE
from .workspace import TESTS_FAILED, Workspace

IN_CHILD = "in a child of "
"""Prefix of the coverage contexts of child processes. The test and its phase follow, from PYTEST_CURRENT_TEST."""

CONFIGURATION = """[run]
source = {folder}/fashion_tui
data_file = {data}/data
parallel = true
core = ctrace
sigterm = true
patch =
    _exit
    fork
context = {in_child}${{PYTEST_CURRENT_TEST-}}
"""
"""Every Python process reads this file when it starts, because the environment names it (COVERAGE_PROCESS_START).

coverage's own `patch = subprocess` passes the parent's context instead of the test that runs at the moment.
"""


class CoverageMap(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a run of all tests."""

    sha256: str
    """Hash of the package and the tests."""
    tests: list[str]
    """All tests that passed, the fastest first."""
    lines: dict[str, dict[int, set[int]]]
    """Indices of the tests that run each line of each file in pytest's own process."""
    child_lines: dict[str, dict[int, set[str]]]
    """Test files during which a child process ran the line. Their tests may share the child process."""
    import_lines: dict[str, set[int]]
    """Lines that run when a module is imported, before any test."""

    def tests_of(self, file: str, lines: Iterable[int]) -> list[str]:
        """Return the tests that run any of these lines of a file.

        If the lines run only when the module is imported, return the tests that run any line of the file, or all tests
        if there are none.

        Tests of one file follow each other, because they may share an engine or a kernel. The file with the fastest
        test comes first, and within a file, the fastest test.
        """
        lines = set(lines)
        tests_at, files_at = self.lines.get(file, {}), self.child_lines.get(file, {})
        indices = set().union(*(tests_at.get(line, ()) for line in lines))
        if not indices and lines & self.import_lines.get(file, set()):
            indices = set().union(*tests_at.values()) or set(range(len(self.tests)))
        files = set().union(*(files_at.get(line, ()) for line in lines))
        by_file: dict[str, list[str]] = {}
        for index, test in enumerate(self.tests):
            if index in indices or _file(test) in files:
                by_file.setdefault(_file(test), []).append(test)
        return list(chain.from_iterable(by_file.values()))


def measure(project: Path, arguments: Sequence[str]) -> CoverageMap:
    """Run the tests with coverage in a copy of the project. `arguments` are pytest's, such as paths of tests."""
    with Workspace.copy_of(project) as workspace:
        data, durations = workspace.folder.parent / "coverage", workspace.folder.parent / "durations.json"
        data.mkdir()
        configuration = workspace.folder.parent / "coveragerc"
        configuration.write_text(CONFIGURATION.format(folder=workspace.folder, data=data, in_child=IN_CHILD))
        environ = {"COVERAGE_PROCESS_START": str(configuration), DURATIONS_VARIABLE: str(durations)}
        result = workspace.pytest("--ignore=tests/mutation", *arguments, environ=environ)
        if result.returncode not in {0, TESTS_FAILED}:
            raise UserError(f"pytest failed:\n{result.stdout[-2_000:]}")
        combined = coverage.Coverage(data_file=data / "data", config_file=False)
        combined.combine([str(data)])
        return _map(combined.get_data(), workspace.folder, msgspec.json.decode(durations.read_bytes()))


def source_hash(project: Path) -> str:
    """Return a hash of the package and the tests."""
    files = sorted([*(project / "fashion_tui").rglob("*.py"), *(project / "tests").rglob("*.py")])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _map(data: coverage.CoverageData, folder: Path, durations: dict[str, float]) -> CoverageMap:
    tests = sorted(durations, key=lambda test: (durations[test], test))
    indices = {test: index for index, test in enumerate(tests)}
    result = CoverageMap(sha256=source_hash(folder), tests=tests, lines={}, child_lines={}, import_lines={})
    for path in data.measured_files():
        file = str(Path(path).relative_to(folder))
        lines, child_lines = result.lines.setdefault(file, {}), result.child_lines.setdefault(file, {})
        for line, contexts in data.contexts_by_lineno(path).items():
            for test, is_child in map(_test_of, contexts):
                if not test:
                    result.import_lines.setdefault(file, set()).add(line)
                elif is_child:
                    child_lines.setdefault(line, set()).add(_file(test))
                elif test in indices:
                    lines.setdefault(line, set()).add(indices[test])
    return result


def _test_of(context: str) -> tuple[str, bool]:
    """Return the test that a context names, and whether the context is that of a child process.

    The test is an empty string if no test was running.
    """
    context = context.removeprefix(IN_CHILD)
    if context.startswith("|"):  # separates the context of pytest's own process from that of the current test
        return context[1:], False
    return re.sub(r" \((setup|call|teardown)\)$", "", context), True


def _file(test: str) -> str:
    return test.partition("::")[0]
