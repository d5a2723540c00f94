"""Where a kernel's sockets lie: for their owner's eyes alone, and gone with the owner."""

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
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime directory with a short path."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


def test_it_is_private_short_and_removed(place: Path) -> None:
    folder = RuntimeDirectory()
    assert folder.path.parent == place
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert len(os.fsencode(folder.path / "99-5")) <= MAX_SOCKET_PATH
    folder.remove()
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("unfit", ["/nowhere", "/tmp/" + "long" * 30])
def test_a_place_that_is_gone_or_too_deep_is_passed_over(monkeypatch: pytest.MonkeyPatch, unfit: str) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", unfit)
    folder = RuntimeDirectory()
    try:
        assert folder.path.parent == Path("/tmp")
    finally:
        folder.remove()


def leave_a_folder() -> Path:
    """Of an app that was killed while its kernel ran."""
    code = (
        "import os; from fashion_tui.kernel.runtime_directory import RuntimeDirectory\n"
        "path = RuntimeDirectory().path; (path / '1.json').touch(); print(path, flush=True); os._exit(1)"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.PIPE, text=True)
    return Path(killed.stdout.strip())


def test_what_a_killed_owner_left_goes_and_what_a_living_one_has_stays(place: Path) -> None:
    living = RuntimeDirectory()
    leave_a_folder()
    assert len(list(place.iterdir())) == 2
    another = RuntimeDirectory()
    assert sorted(place.iterdir()) == sorted([living.path, another.path])
    living.remove()
    another.remove()


def test_the_newest_kernel_of_each_open_app_is_found_from_outside(place: Path) -> None:
    assert (leave_a_folder() / "1.json").exists()
    apps = [RuntimeDirectory(), RuntimeDirectory(), RuntimeDirectory()]
    expected: list[str] = []
    for number, app in enumerate(apps[:2]):  # the third has no kernel
        for name in ("9", "10"):
            file = app.path / f"{name}.json"
            file.touch()
            os.utime(file, (number, 100 + 10 * number + int(name)))
        expected.insert(0, str(file))
    found = [kernel for kernel in open_kernels() if kernel.connection_file.startswith(str(place))]
    assert [kernel.connection_file for kernel in found] == expected
    assert {kernel.app_pid for kernel in found} == {os.getpid()}
    assert [kernel.started for kernel in found] == [120, 110]
    for app in apps:
        app.remove()


def test_the_command_for_it_can_be_pasted_into_a_shell() -> None:
    assert console_command(Path("/run/x/1.json")) == "jupyter console --existing /run/x/1.json"
    assert console_command(Path("/my files/1.json")) == "jupyter console --existing '/my files/1.json'"
