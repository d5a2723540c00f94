"""Isolates each test of the Playground."""

from pathlib import Path

import pytest

from fashion_tui.tui.tour import progress


@pytest.fixture(autouse=True)
def isolated_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own history and IPython profile, in which the tour has been offered before."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    progress.save(progress.default_path(), "")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
