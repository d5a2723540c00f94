"""The app in tmux, as shown by the terminal in which tmux runs."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.terminal import Terminal
from tests.tui.apps import APP, KEYS, AppLauncher

TMUX = shutil.which("tmux")

pytestmark = pytest.mark.skipif(TMUX is None, reason="needs tmux")


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppLauncher]:
    """Start apps in an environment with one finished run."""
    launcher = AppLauncher(tmp_path_factory.mktemp("tmux") / "app")
    try:
        launcher.finished_run("--dataset", "synthetic")
        yield launcher
    finally:
        launcher.end()


@contextmanager
def app_in_tmux(launcher: AppLauncher, *options: str) -> Iterator[Terminal]:
    """Run the app in a new tmux server whose client has no locale, as after a login by SSH that passes no LANG."""
    assert TMUX is not None
    folder = Path(tempfile.mkdtemp(prefix="tmux"))  # the path of a socket must be short
    server = (TMUX, "-S", str(folder / "socket"), "-f", "/dev/null")
    try:
        with launcher(
            *("--dataset", "synthetic"),
            dataset=None,
            command=(*server, *options, "new-session", *APP),
            environ={"LANG": None, "TMUX": None, "TMUX_PANE": None},
        ) as terminal:
            yield terminal
    finally:
        subprocess.run([*server, "kill-server"], check=False, capture_output=True)
        shutil.rmtree(folder)


def test_without_utf8_the_client_paints_ascii(launcher: AppLauncher) -> None:
    with app_in_tmux(launcher) as terminal:
        terminal.wait_for("ASCII only: tmux -u")
        terminal.press(KEYS["model"])
        terminal.wait_for("12x28x28")
        assert "_28" not in terminal.text()
        terminal.press(KEYS["evaluate"])
        terminal.wait_for("95 % interval")
        terminal.wait_for('#"')  # the large number
        terminal.wait_for("===")  # the bars
        assert terminal.settle().isascii()
        terminal.press("q")
        terminal.wait_for("[exited]")


def test_with_utf8_the_client_paints_unicode(launcher: AppLauncher) -> None:
    with app_in_tmux(launcher, "-u") as terminal:
        terminal.wait_for("synthetic garments")
        terminal.press(KEYS["model"])
        terminal.wait_for("12×28×28")
        assert "ASCII" not in terminal.text()
        terminal.press("q")
        terminal.wait_for("[exited]")
