"""Fixtures for tests of the app."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.apps import AppLauncher


@pytest.fixture(autouse=True)
def _no_drafts(state_home: Path) -> None:
    """Removes the drafts of apps that ran in this process, so that the next app doesn't offer to restore them."""
    shutil.rmtree(state_home / "fashion-tui" / "drafts", ignore_errors=True)


@pytest.fixture
def app_terminal(tmp_path: Path) -> Iterator[AppLauncher]:
    """Starts apps on terminals in an isolated environment, and kills all their processes at the end."""
    launcher = AppLauncher(tmp_path / "app")
    yield launcher
    launcher.end()
