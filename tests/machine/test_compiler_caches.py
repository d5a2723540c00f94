"""Other users can't plant a cache that torch.compile reads."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fashion_tui.machine import compiler_caches
from fashion_tui.machine.compiler_caches import VARIABLES, with_private_caches


@pytest.fixture
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The user's cache directory, which doesn't exist yet. The test also has its own temporary directory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    compiler_caches._private_folder.cache_clear()
    yield tmp_path / "cache"
    compiler_caches._private_folder.cache_clear()


def folders(environ: dict[str, str]) -> set[Path]:
    """Return the folders that contain the caches. They must be private."""
    found = {Path(environ[name]).parent for name in VARIABLES}
    for folder in found:
        status = folder.stat()
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (os.geteuid(), 0o700)
    return found


def test_the_caches_are_in_a_private_folder(cache_home: Path) -> None:
    before = os.umask(0)
    try:
        environ = with_private_caches({"A": "b"})
    finally:
        os.umask(before)
    assert environ["A"] == "b"
    assert folders(environ) == {cache_home / "fashion-tui" / "compiled"}
    assert with_private_caches({}) == {name: environ[name] for name in VARIABLES}


def test_the_users_own_folders_are_kept(cache_home: Path) -> None:
    own = dict.fromkeys(VARIABLES, "/somewhere")
    assert with_private_caches(own) == own
    assert not cache_home.exists()
    one = with_private_caches({"TRITON_CACHE_DIR": "/somewhere"})
    assert one["TRITON_CACHE_DIR"] == "/somewhere"
    assert Path(one["TORCHINDUCTOR_CACHE_DIR"]).is_relative_to(cache_home)


def test_a_folder_that_others_can_write_is_not_used(cache_home: Path) -> None:
    folder = cache_home / "fashion-tui" / "compiled"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert not any(path.is_relative_to(cache_home) for path in folders(with_private_caches({})))


@pytest.mark.usefixtures("cache_home")
def test_a_folder_is_absolute_even_if_the_home_directory_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert compiler_caches._private_folder(Path("~/.cache/fashion-tui")).is_absolute()
    assert not (tmp_path / "~").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can change the owner of files")
@pytest.mark.parametrize("planted", ["fashion-tui", "fashion-tui/compiled"])
def test_a_folder_of_another_user_is_not_used(cache_home: Path, planted: str) -> None:
    (cache_home / planted).mkdir(parents=True)
    os.chown(cache_home / planted, 12345, 12345)
    assert not any(path.is_relative_to(cache_home) for path in folders(with_private_caches({})))


def test_a_home_that_cannot_be_written_is_not_needed(cache_home: Path) -> None:
    cache_home.write_text("not a folder")
    assert folders(with_private_caches({}))
