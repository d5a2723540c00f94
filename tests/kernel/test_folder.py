"""Where a kernel's sockets lie: for their owner's eyes alone, and gone with the owner."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fashion_tui.kernel.folder import MAX_SOCKET_PATH, PrivateFolder


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime directory with a short path."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


def test_it_is_private_short_and_removed(place: Path) -> None:
    folder = PrivateFolder()
    assert folder.path.parent == place
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert len(os.fsencode(folder.path / "99-5")) <= MAX_SOCKET_PATH
    folder.remove()
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("unfit", ["/nowhere", "/tmp/" + "long" * 30])
def test_a_place_that_is_gone_or_too_deep_is_passed_over(monkeypatch: pytest.MonkeyPatch, unfit: str) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", unfit)
    folder = PrivateFolder()
    try:
        assert folder.path.parent == Path("/tmp")
    finally:
        folder.remove()


def test_what_a_killed_owner_left_goes_and_what_a_living_one_has_stays(place: Path) -> None:
    living = PrivateFolder()
    code = "import os; from fashion_tui.kernel.folder import PrivateFolder; PrivateFolder(); os._exit(1)"
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(place.iterdir())) == 2
    another = PrivateFolder()
    assert sorted(place.iterdir()) == sorted([living.path, another.path])
    living.remove()
    another.remove()
