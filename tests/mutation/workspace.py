"""A copy of the project in which files are changed and tests run, so that the project itself never changes."""

import os
import shutil
import site
import subprocess
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

COPIED = ("fashion_tui", "tests", "assets", "pyproject.toml", "README.md", "LICENSE", "Makefile")

TESTS_FAILED, INTERRUPTED = 1, 2
"""Exit statuses of pytest. An error during collection, such as a failed import, interrupts it."""

COLLECTION_ERRORS = ("found no collectors", "ImportError while loading conftest")
"""Messages with which pytest reports a failed import if it was called with the ids of tests."""


class Workspace:
    """The copy. It has a virtual environment of its own, because child processes of tests must import the copy too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / ".venv" / "bin" / "python"
        self._time = 1_000_000_000
        """Modification time of the last change. Each change has another one, so that Python never uses an old .pyc."""

    @classmethod
    @contextmanager
    def copy_of(cls, project: Path) -> Iterator["Workspace"]:
        """Copy the project to a temporary folder, which is removed at the end together with all of its processes."""
        with TemporaryDirectory(prefix="mutation-") as path:
            workspace = cls(Path(path).resolve() / "project")
            workspace.folder.mkdir()
            for source in (project / name for name in COPIED):
                if source.is_dir():
                    shutil.copytree(
                        source, workspace.folder / source.name, ignore=shutil.ignore_patterns("__pycache__")
                    )
                elif source.exists():
                    shutil.copy(source, workspace.folder)
            workspace.create_environment()
            try:
                yield workspace
            finally:
                workspace.kill_processes()

    def create_environment(self) -> None:
        """Create a virtual environment that imports the copy, and everything else from the current environment."""
        venv.create(self.folder / ".venv", symlinks=True)
        (packages,) = (self.folder / ".venv").glob("lib/python*/site-packages")
        paths = [str(self.folder), *(f"import site; site.addsitedir({path!r})" for path in site.getsitepackages())]
        (packages / "mutation.pth").write_text("\n".join(paths), encoding="utf-8")

    @contextmanager
    def changed(self, file: str, code: str) -> Iterator[None]:
        """Replace the content of a file within a `with` block."""
        original = (self.folder / file).read_text(encoding="utf-8")
        try:
            self._write(file, code)
            yield
        finally:
            self._write(file, original)

    def _write(self, file: str, code: str) -> None:
        (self.folder / file).write_text(code, encoding="utf-8")
        self._time += 1
        os.utime(self.folder / file, (self._time, self._time))

    def pytest(
        self, *arguments: str, environ: Mapping[str, str], seconds: float | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run pytest with the plugin. Raises TimeoutExpired after `seconds`. No process is left over in any case."""
        temporary = self.folder.parent / "tmp"
        temporary.mkdir(exist_ok=True)
        command: Sequence[str] = [
            str(self.python), "-m", "pytest", "-p", "no:cacheprovider", "-p", "tests.mutation.plugin", *arguments,
        ]  # fmt: skip
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        log = self.folder.parent / "pytest.log"
        with log.open("w", encoding="utf-8") as output, subprocess.Popen(
            command, cwd=self.folder, env={**inherited, "TMPDIR": str(temporary), **environ},
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                process.wait(seconds)
            finally:
                self.kill_processes()
                shutil.rmtree(temporary, ignore_errors=True)
        return subprocess.CompletedProcess(
            command, process.returncode, log.read_text(encoding="utf-8", errors="replace")
        )

    def kill_processes(self) -> None:
        """Kill all processes that run the copy's Python, including trainers, which have sessions of their own."""
        while processes := [process for process in psutil.process_iter() if self._runs(process)]:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes, timeout=10)

    def _runs(self, process: psutil.Process) -> bool:
        try:
            return process.cmdline()[:1] == [str(self.python)]
        except psutil.Error:
            return False
