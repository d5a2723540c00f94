"""A machine with no data and no network."""

import socket
from collections.abc import Iterator

import pytest

from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from tests.tui.apps import CONTENTS, KEYS, Apps


@pytest.fixture
def no_network() -> Iterator[dict[str, str]]:
    """An environment in which every connection is refused at once."""
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{nobody_listens.getsockname()[1]}"
        names = ("http_proxy", "https_proxy", "all_proxy")
        yield {name: proxy for upper in names for name in (upper, upper.upper())} | {"no_proxy": "", "NO_PROXY": ""}


def test_the_app_opens_on_drawn_garments_and_says_so_on_every_pane(
    app_terminal: Apps, no_network: dict[str, str]
) -> None:
    terminal = app_terminal(dataset=None, environ={**no_network})
    terminal.wait_for("FASHION_TUI_DATA")  # why that is, and how to mend it
    for pane, key in KEYS.items():
        terminal.press(key)
        terminal.wait_for(CONTENTS[pane])
        terminal.wait_for(SYNTHETIC_NOTICE)


def test_train_says_in_one_line_the_three_ways_out(app_terminal: Apps, no_network: dict[str, str]) -> None:
    done = app_terminal.command("train", environ=no_network)
    assert done.returncode == 1
    assert done.stdout == ""
    last_line = done.stderr.strip().splitlines()[-1]
    assert last_line.startswith("fashion-tui: ")
    for way_out in ("--data", "FASHION_TUI_DATA", "--dataset synthetic"):
        assert way_out in last_line
    assert "Traceback" not in done.stderr
    assert not app_terminal.runs.exists() or list(app_terminal.runs.iterdir()) == []
