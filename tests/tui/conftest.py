"""What tests of the app share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.apps import Apps


@pytest.fixture
def app_terminal(tmp_path: Path) -> Iterator[Apps]:
    """Starts the app on terminals, in a world of the test's own, and ends all that it started."""
    apps = Apps(tmp_path / "world")
    yield apps
    apps.end()
