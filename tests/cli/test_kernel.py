"""`fashion-tui kernel`: connecting another terminal to the Playground's kernel."""

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from fashion_tui.cli.main import run
from fashion_tui.kernel import runtime_directory
from tests.terminal import TIMEOUT
from tests.tui.apps import AppLauncher


@pytest.fixture
def apps(tmp_path: Path) -> Iterator[AppLauncher]:
    apps = AppLauncher(tmp_path / "apps")
    yield apps
    apps.end()


@pytest.mark.covers("kernel --json")
def test_the_printed_command_connects_to_the_kernel_of_the_open_app(apps: AppLauncher) -> None:
    terminal = apps(size=(100, 30))
    terminal.wait_for("In [1]")
    terminal.type("word = 'it'; word")
    terminal.press("enter")
    terminal.wait_for("Out[1]: 'it'")

    kernels = json.loads(apps.command("kernel", "--json").stdout)
    (kernel,) = [kernel for kernel in kernels if kernel["app_pid"] == terminal.pid]
    assert kernel["command"] == f"jupyter console --existing {kernel['connection_file']}"
    printed = apps.command("kernel")
    assert kernel["command"] in printed.stdout.splitlines()
    assert str(terminal.pid) in printed.stderr
    assert len(printed.stdout.splitlines()) >= 1

    *_, connection_file = shlex.split(kernel["command"])
    second = BlockingKernelClient(connection_file=connection_file)
    second.load_connection_file()
    second.start_channels()
    try:
        second.wait_for_ready(timeout=TIMEOUT)
        second.execute_interactive("print(word * 3)", timeout=TIMEOUT, output_hook=lambda _: None)
    finally:
        second.stop_channels()
    terminal.wait_for("ititit")
    terminal.wait_for("In [3]")
    terminal.press("ctrl+q")
    terminal.wait_for("holds word")
    terminal.press("ctrl+q")
    assert terminal.exit_status() == 0
    assert not Path(connection_file).exists()


def test_the_error_without_an_open_app_says_how_to_open_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # An empty directory, so that the apps of other tests aren't found.
    monkeypatch.setattr(runtime_directory, "_parents", lambda: [os.fspath(tmp_path)])
    assert run(["kernel"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "another terminal: fashion-tui" in err
