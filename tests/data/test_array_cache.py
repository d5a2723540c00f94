"""Arrays cached in files: removal of the least recently read ones, damaged files, and folders that can't be used."""

import os
from pathlib import Path

import numpy as np

from fashion_tui.data.array_cache import ArrayCache


def ones(count: int) -> "np.typing.NDArray[np.float32]":
    return np.ones(count, np.float32)


def test_an_array_is_read_back_without_affecting_the_file(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path / "some" / "cache", 10_000)
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert cache.get("key") is None
    cache.put("key", array)
    found = ArrayCache(tmp_path / "some" / "cache", 10_000).get("key")
    assert found is not None
    assert found.dtype == np.float32
    assert (found == array).all()
    found[:] = 0
    again = cache.get("key")
    assert again is not None
    assert (again == array).all()
    assert cache.get("other") is None
    assert (tmp_path / "some" / "cache").stat().st_mode & 0o777 == 0o700


def test_the_arrays_that_were_read_least_recently_are_removed(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path, 3 * 4_200)
    times = iter(range(1, 100))
    for key in "abc":
        cache.put(key, ones(1000))
        newest = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (1, next(times)))
    assert cache.get("a") is not None
    cache.put("d", ones(1000))
    assert [cache.get(key) is not None for key in "abcd"] == [True, False, True, True]
    cache.put("large", ones(10_000))
    assert [cache.get(key) is not None for key in ("a", "c", "d", "large")] == [True, True, True, False]


def test_files_of_killed_processes_count(tmp_path: Path) -> None:
    left = tmp_path / ".x.npy.0123.tmp"
    left.write_bytes(bytes(5_000))
    os.utime(left, (1, 1))
    ArrayCache(tmp_path, 8_000).put("key", ones(1000))
    assert not left.exists()


def test_a_damaged_file_counts_as_missing(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path, 10_000)
    for content in (b"", b"nonsense", None):
        cache.put("key", ones(1000))
        (path,) = tmp_path.iterdir()
        path.write_bytes(path.read_bytes()[:-1] if content is None else content)
        assert cache.get("key") is None
    cache.put("key", ones(1000))
    assert cache.get("key") is not None


def test_nothing_is_cached_in_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = ArrayCache(tmp_path / "file" / "cache", 10_000)
    cache.put("key", ones(1))
    assert cache.get("key") is None
