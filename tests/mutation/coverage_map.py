"""Which tests run which lines of the package, and how long each test takes."""

import functools
import hashlib
import re
from collections import Counter
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


class CoverageMap(msgspec.Struct, frozen=True, kw_only=True, dict=True):
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

        Tests of one file follow each other, the fastest first, because they may share an engine or a kernel. Files
        whose tests run the lines in pytest's own process come first, and among them the file with the test that runs
        the fewest lines of the package. Then come the files whose child processes run the lines, those of the same
        package first.
        """
        lines = set(lines)
        tests_at, files_at = self.lines.get(file, {}), self.child_lines.get(file, {})
        indices = set().union(*(tests_at.get(line, ()) for line in lines))
        if not indices and lines & self.import_lines.get(file, set()):
            indices = set().union(*tests_at.values()) or set(range(len(self.tests)))
        direct = self._by_file(indices)
        direct_files = sorted(direct, key=lambda name: min(self._line_counts[index] for index in direct[name]))
        package = Path(file).parts[1]
        child_files = set().union(*(files_at.get(line, ()) for line in lines))
        by_child = self._by_file(index for index, test in enumerate(self.tests) if _file(test) in child_files)
        groups = [direct[name] for name in direct_files]
        groups += [by_child[name] for name in sorted(by_child, key=lambda name: (Path(name).parts[1] != package, name))]
        return [self.tests[index] for index in dict.fromkeys(chain.from_iterable(groups))]

    @functools.cached_property
    def _line_counts(self) -> Counter[int]:
        """The number of lines of the package that each test runs in pytest's own process."""
        return Counter(chain.from_iterable(chain.from_iterable(lines.values()) for lines in self.lines.values()))

    def _by_file(self, indices: Iterable[int]) -> dict[str, list[int]]:
        """Group tests by their files, the fastest test first."""
        groups: dict[str, list[int]] = {}
        for index in sorted(indices):
            groups.setdefault(_file(self.tests[index]), []).append(index)
        return groups


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
    """Return a hash of the package and the tests, except those of mutation testing itself."""
    mutation = project / "tests" / "mutation"
    files = sorted([*(project / "fashion_tui").rglob("*.py"), *(project / "tests").rglob("*.py")])
    files = [file for file in files if mutation not in file.parents]
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
