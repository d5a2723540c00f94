"""Files in the working directory, other users and the umask don't affect the app and its processes."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from fashion_tui.machine.compiler_caches import VARIABLES
from tests.terminal import Terminal
from tests.tui.apps import AppLauncher

pytestmark = pytest.mark.executed  # forked processes have the environment and modules of the fork server

SHADOWING = ("torch", "numpy", "json", "csv", "ipykernel", "psutil", "msgspec", "tabnanny")
"""Installed modules that are shadowed by files in the working directory. They are imported early, late or never."""

ROLES = ("fashion_tui.kernel", "fashion_tui.engine", "fashion_tui.trainer")


@dataclass(frozen=True)
class Observed:
    """The processes of an app that has done something in all panes, and its folder."""

    terminal: Terminal
    processes: list[psutil.Process]
    folder: Path
    mark: Path
    """A file that modules in the working directory create when they are imported."""


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """Start the app with umask 000 in a folder of files that shadow modules; run a cell, and start a run."""
    folder = tmp_path_factory.mktemp("isolation")
    working_directory, mark = folder / "work", folder / "mark"
    working_directory.mkdir()
    for name in SHADOWING:
        (working_directory / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write(__name__ + ' ')\n")
    (working_directory / "mine.py").write_text("VALUE = 'imported'\n")
    launcher = AppLauncher(folder / "app")
    umask, directory = os.umask(0), Path.cwd()
    os.chdir(working_directory)
    try:
        terminal = launcher()
    finally:
        os.umask(umask)
        os.chdir(directory)
    try:
        terminal.wait_for("synthetic garments")
        terminal.type("import mine, csv, tabnanny; mine.VALUE + 'x' + torch.__name__")
        terminal.press("enter")
        terminal.wait_for("importedxtorch")
        terminal.press("f3")
        terminal.wait_for("T-shirt/top")
        terminal.press("f4")
        terminal.wait_for("max_pool2d")
        terminal.press("i")
        terminal.wait_for("class ")
        terminal.press("f5")
        terminal.wait_for("No runs yet")
        terminal.press("n")
        terminal.wait_for("batch size")
        terminal.type("90")  # epochs
        terminal.press("enter")
        terminal.wait_for("img/s")
        yield Observed(terminal, launcher.processes(), folder, mark)
    finally:
        launcher.end()


def commands(processes: list[psutil.Process]) -> list[str]:
    return [" ".join(process.cmdline()) for process in processes]


def test_files_in_the_working_directory_shadow_no_module(observed: Observed) -> None:
    assert not observed.mark.exists(), observed.mark.read_text()


def test_no_process_listens_on_a_port(observed: Observed) -> None:
    """Every user of the machine could connect to such a port."""
    for role in ROLES:
        assert any(role in command for command in commands(observed.processes)), role
    open_ports = {
        (" ".join(process.cmdline()), connection.laddr)
        for process in observed.processes
        for connection in process.net_connections(kind="inet")
    }
    assert open_ports == set()


def test_every_process_has_private_caches_of_compiled_networks(observed: Observed) -> None:
    folder = observed.folder / "app" / "cache" / "fashion-tui" / "compiled"
    roles = zip(commands(observed.processes), observed.processes, strict=True)
    for process in [process for command, process in roles if any(role in command for role in ROLES)]:
        environ = process.environ()
        assert {Path(environ[name]).parent for name in VARIABLES} == {folder}, process.cmdline()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_only_the_user_can_enter_the_folders(observed: Observed) -> None:
    """With umask 000, a folder that is created without a mode is writable by everyone."""
    app = observed.folder / "app"
    of_others = (app / "home", app / "cache" / "fashion-tui" / "compiled" / "inductor")  # folders of IPython and torch
    created = [path for path in app.rglob("*") if path.is_dir() and not any(map(path.is_relative_to, of_others))]
    assert {"state", "fashion-tui", "runs", "checkpoints", "control"} <= {path.name for path in created}
    open_to_others = [str(path) for path in created if stat.S_IMODE(path.stat().st_mode) != 0o700]
    assert open_to_others == []
