"""Fixtures for tests of the app."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.apps import AppLauncher


@pytest.fixture
def app_terminal(tmp_path: Path) -> Iterator[AppLauncher]:
    """Starts apps on terminals in an isolated environment, and kills all their processes at the end."""
    launcher = AppLauncher(tmp_path / "app")
    yield launcher
    launcher.end()
