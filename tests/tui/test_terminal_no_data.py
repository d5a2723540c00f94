"""The app and `train` without data and without a network."""

import socket
from collections.abc import Iterator

import pytest

from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from tests.tui.apps import CONTENTS, KEYS, AppLauncher


@pytest.fixture
def no_network() -> Iterator[dict[str, str]]:
    """Environment variables with which every connection is refused immediately."""
    with socket.socket() as closed_port:
        closed_port.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{closed_port.getsockname()[1]}"
        names = ("http_proxy", "https_proxy", "all_proxy")
        yield {name: proxy for upper in names for name in (upper, upper.upper())} | {"no_proxy": "", "NO_PROXY": ""}


def test_app_falls_back_to_synthetic_data_and_every_pane_shows_it(
    app_terminal: AppLauncher, no_network: dict[str, str]
) -> None:
    terminal = app_terminal(dataset=None, environ={**no_network})
    terminal.wait_for("FASHION_TUI_DATA")  # part of the message that says what to do
    for pane, key in KEYS.items():
        terminal.press(key)
        terminal.wait_for(CONTENTS[pane])
        terminal.wait_for(SYNTHETIC_NOTICE)


def test_train_fails_with_one_line_that_names_the_options(
    app_terminal: AppLauncher, no_network: dict[str, str]
) -> None:
    done = app_terminal.command("train", environ=no_network)
    assert done.returncode == 1
    assert done.stdout == ""
    last_line = done.stderr.strip().splitlines()[-1]
    assert last_line.startswith("fashion-tui: ")
    for option in ("--data", "FASHION_TUI_DATA", "--dataset synthetic"):
        assert option in last_line
    assert "Traceback" not in done.stderr
    assert not app_terminal.runs.exists() or list(app_terminal.runs.iterdir()) == []
