"""The directory for a kernel's sockets is private, and is removed after its app has ended."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fashion_tui.kernel.runtime_directory import MAX_SOCKET_PATH, RuntimeDirectory, console_command, open_kernels


@pytest.fixture
def runtime_parent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty `$XDG_RUNTIME_DIR` with a short path."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        yield Path(directory)


def test_the_directory_is_private_has_a_short_path_and_can_be_removed(runtime_parent: Path) -> None:
    directory = RuntimeDirectory()
    assert directory.path.parent == runtime_parent
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    assert len(os.fsencode(directory.path / "99-5")) <= MAX_SOCKET_PATH
    directory.remove()
    assert list(runtime_parent.iterdir()) == []


@pytest.mark.parametrize("parent", ["/nowhere", "/tmp/" + "long" * 30])
def test_a_parent_that_is_missing_or_too_long_is_skipped(monkeypatch: pytest.MonkeyPatch, parent: str) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", parent)
    directory = RuntimeDirectory()
    try:
        assert directory.path.parent == Path("/tmp")
    finally:
        directory.remove()


def leave_a_directory() -> Path:
    """Return the directory that an app leaves behind if it is killed while its kernel runs."""
    code = (
        "import os; from fashion_tui.kernel.runtime_directory import RuntimeDirectory\n"
        "path = RuntimeDirectory().path; (path / '1.json').touch(); print(path, flush=True); os._exit(1)"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.PIPE, text=True)
    return Path(killed.stdout.strip())


def test_the_directory_of_a_killed_app_is_removed_and_that_of_a_running_app_kept(runtime_parent: Path) -> None:
    running = RuntimeDirectory()
    leave_a_directory()
    assert len(list(runtime_parent.iterdir())) == 2
    another = RuntimeDirectory()
    assert sorted(runtime_parent.iterdir()) == sorted([running.path, another.path])
    running.remove()
    another.remove()


def test_open_kernels_returns_the_newest_kernel_of_each_open_app(runtime_parent: Path) -> None:
    assert (leave_a_directory() / "1.json").exists()
    apps = [RuntimeDirectory(), RuntimeDirectory(), RuntimeDirectory()]
    expected: list[str] = []
    for number, app in enumerate(apps[:2]):  # the third app has no kernel
        for name in ("9", "10"):
            file = app.path / f"{name}.json"
            file.touch()
            os.utime(file, (number, 100 + 10 * number + int(name)))
        expected.insert(0, str(file))
    kernels = [kernel for kernel in open_kernels() if kernel.connection_file.startswith(str(runtime_parent))]
    assert [kernel.connection_file for kernel in kernels] == expected
    assert {kernel.app_pid for kernel in kernels} == {os.getpid()}
    assert [kernel.started for kernel in kernels] == [120, 110]
    for app in apps:
        app.remove()


def test_the_console_command_is_quoted_for_a_shell() -> None:
    assert console_command(Path("/run/x/1.json")) == "jupyter console --existing /run/x/1.json"
    assert console_command(Path("/my files/1.json")) == "jupyter console --existing '/my files/1.json'"
