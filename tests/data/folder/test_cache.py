"""What is decoded again when a folder is opened again, and what remains after an import that didn't finish."""

import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fashion_tui.data import datasets
from fashion_tui.data.files import DamagedData
from fashion_tui.data.folder import import_folder, open_imported, verify_imported
from fashion_tui.data.folder.cache import FolderCache
from fashion_tui.data.stored import Cancelled, StoredDataset
from fashion_tui.data.verification import verify_again
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError

from .conftest import Import, fill, picture, reference, same, write


def nothing(_done: int, _total: int) -> None:
    pass


def cached(ref: DatasetRef) -> list[str]:
    """Return the names of the files and folders in the cache of a folder, except its lock."""
    return sorted(path.name for path in FolderCache(ref).conversions.directory.iterdir() if path.name != "lock")


def fresh_import(folder: Path) -> StoredDataset:
    """Import a folder whose images aren't in the cache."""
    shutil.rmtree(FolderCache(reference(folder)).conversions.directory)
    return Import(folder)()


def test_nothing_is_decoded_if_nothing_has_changed(folder: Path) -> None:
    load = Import(folder)
    first = load()
    assert load.reports[-1] == (24, 24)
    assert same(load(), first)
    assert load.reports == []
    opened = open_imported(load.ref)
    assert opened is not None
    assert same(opened, first)
    assert opened.info == first.info


def test_a_folder_that_was_not_imported_is_not_opened(folder: Path) -> None:
    assert open_imported(reference(folder)) is None


@pytest.mark.parametrize("colour", [False, True])
def test_only_changed_and_new_files_are_decoded(folder: Path, *, colour: bool) -> None:
    load = Import(folder)
    first = load()
    write(folder / "cat" / "3.png", picture(77, colour=colour))
    os.utime(folder / "cat" / "3.png", ns=(0, 1))
    write(folder / "dog" / "new.png", picture(78))
    (folder / "dog" / "5.png").unlink()
    assert open_imported(load.ref) is None
    changed = load()
    assert load.reports[-1] == (2, 2)
    assert len(changed.train) + len(changed.test) == 24
    assert not same(changed, first)
    assert same(changed, fresh_import(folder))


def test_a_set_is_grey_again_when_its_last_image_with_colours_is_gone(folder: Path) -> None:
    load = Import(folder)
    grey = load()
    write(folder / "cat" / "colour.png", picture(77, colour=True))
    assert load().info.image_shape[0] == 3
    (folder / "cat" / "colour.png").unlink()
    assert same(load(), grey)
    assert load.decoded == 0


def test_a_file_with_a_new_class_is_decoded_and_moves_no_other(folder: Path) -> None:
    load = Import(folder)
    load()
    write(folder / "bat" / "0.png", picture(5))
    dataset = load()
    assert (load.decoded, dataset.info.classes) == (1, ("bat", "cat", "dog"))
    assert same(dataset, fresh_import(folder))


def test_images_stay_mapped_when_the_folder_changes(folder: Path) -> None:
    load = Import(folder)
    first = load()
    before = np.array(first.train.pixels)
    for path in folder.rglob("*.png"):
        write(path, picture(int(path.stem) + 500))
        os.utime(path, ns=(0, 1))
    load()
    np.testing.assert_array_equal(first.train.pixels, before)
    assert len(cached(load.ref)) == 1


def test_each_size_and_fit_has_its_own_images(folder: Path) -> None:
    load = Import(folder)
    load()
    load.ref = reference(folder, "crop")
    load()
    assert load.decoded == 24
    load.ref = reference(folder, "pad")
    load()
    assert load.decoded == 0


def test_the_hash_depends_on_the_content_alone(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(folder, copy)
    first, second = Import(folder)(), Import(copy)()
    assert first.info.ref.sha256 == second.info.ref.sha256
    (copy / "cat").rename(copy / "fox")
    assert Import(copy)().info.ref.sha256 != first.info.ref.sha256


def test_a_changed_cache_is_noticed_on_request(folder: Path) -> None:
    load = Import(folder)
    verify_imported(load())
    path = next(FolderCache(load.ref).conversions.directory.glob("*/train-images.npy"))
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(DamagedData, match=f"SHA-256.*delete {FolderCache(load.ref).conversions.directory}"):
        verify_imported(load())
    with pytest.raises(DamagedData):
        datasets.read(load.ref)


def test_a_changed_folder_is_noticed_on_request(folder: Path) -> None:
    dataset = Import(folder)()
    verify_again(dataset, nothing, lambda: False)
    next(folder.rglob("*.png")).unlink()
    with pytest.raises(DamagedData, match=f"{folder} have changed"):
        verify_again(dataset, nothing, lambda: False)


@pytest.mark.parametrize("name", ["info.json", "train-images.npy", "test-labels.npy"])
@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_cache_is_replaced(folder: Path, name: str, damage: str) -> None:
    load = Import(folder)
    first = load()
    path = next(FolderCache(load.ref).conversions.directory.glob(f"*/{name}"))
    if damage == "missing":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size // 2)
    assert open_imported(load.ref) is None
    replaced = load()
    verify_imported(replaced)
    assert replaced.info == first.info
    assert load.decoded == 24


def test_a_damaged_index_means_that_all_files_are_decoded(folder: Path) -> None:
    load = Import(folder)
    load()
    next(FolderCache(load.ref).conversions.directory.glob("*/files.json")).write_text("[")
    write(folder / "dog" / "new.png", picture(78))
    load()
    assert load.decoded == 25


def test_a_cancelled_import_leaves_nothing(tmp_path: Path) -> None:
    load = Import(fill(tmp_path, "cat", "dog", count=100))
    reports: list[int] = []
    with pytest.raises(Cancelled):
        import_folder(load.ref, lambda done, _total: reports.append(done), lambda: len(reports) >= 20)
    assert 20 <= len(reports) < 200
    assert cached(load.ref) == []
    load()
    assert load.decoded == 200


def test_a_failed_import_leaves_nothing(folder: Path) -> None:
    load = Import(folder)

    def fail(_done: int, _total: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        import_folder(load.ref, fail, lambda: False)
    assert cached(load.ref) == []


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Make writes beyond the first `size` bytes of a file fail, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_an_error_and_leaves_nothing(folder: Path) -> None:
    load = Import(folder)
    with file_size_limit(500), pytest.raises(UserError, match=r"can't write to the cache .*File too large"):
        load()
    assert cached(load.ref) == []
    load()
    assert load.decoded == 24


def test_two_imports_at_the_same_time_decode_each_file_once(folder: Path) -> None:
    imports = [Import(folder) for _ in range(4)]
    barrier = threading.Barrier(len(imports))

    def start(load: Import) -> StoredDataset:
        barrier.wait()
        return load()

    with ThreadPoolExecutor(len(imports)) as pool:
        first, *others = pool.map(start, imports)
    assert all(same(first, other) for other in others)
    assert sorted(load.decoded for load in imports) == [0, 0, 0, 24]


IMPORT = """
import sys
from fashion_tui.data.folder import import_folder
from fashion_tui.schema.dataset import DatasetRef

def report(done, total):
    if done == 10:
        print("started", flush=True)
        sys.stdin.readline()

ref = DatasetRef(name="folder", directory=sys.argv[1], sha256="", image_size=8, fit="pad")
print(import_folder(ref, report, lambda: False).info.ref.sha256)
"""


@pytest.fixture
def other_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that imports the folder, and waits for a line of input after 10 images."""
    command = [sys.executable, "-c", IMPORT, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process
        process.kill()


def test_an_import_waits_for_another_process_and_uses_its_images(
    folder: Path, other_process: subprocess.Popen[str]
) -> None:
    load = Import(folder)
    calls: list[None] = []

    def should_stop() -> bool:
        calls.append(None)
        return len(calls) > 10

    with pytest.raises(Cancelled):
        import_folder(load.ref, nothing, should_stop)
    output, _ = other_process.communicate("\n", timeout=90)
    assert output.strip() == load().info.ref.sha256
    assert load.decoded == 0


def test_a_killed_import_leaves_nothing_that_looks_complete(folder: Path, other_process: subprocess.Popen[str]) -> None:
    load = Import(folder)
    other_process.kill()
    other_process.wait(90)
    assert len(cached(load.ref)) == 1
    assert open_imported(load.ref) is None
    reports: list[int] = []
    with pytest.raises(Cancelled):
        import_folder(load.ref, lambda done, _total: reports.append(done), lambda: len(reports) > 0)
    assert cached(load.ref) == []
    load()
    assert load.decoded == 24


def test_a_moved_folder_is_found_when_it_has_been_read_where_it_is_now(folder: Path, tmp_path: Path) -> None:
    load = Import(folder)
    ref = load().info.ref
    assert datasets.locate(ref) == ref
    moved = folder.rename(tmp_path / "moved")
    for search in (datasets.locate, datasets.read):
        with pytest.raises(UserError, match=f"{folder} no longer exists.*--image-size 8 --fit pad"):
            search(ref)
    other = fill(tmp_path / "other", "cat", "emu")
    Import(other)()
    with pytest.raises(UserError, match="no longer exists"):
        datasets.locate(ref)
    Import(moved)()
    assert datasets.locate(ref) == msgspec.structs.replace(ref, directory=str(moved))
    assert same(datasets.read(ref), Import(moved)())
    write(moved / "cat" / "3.png", picture(77))
    with pytest.raises(UserError, match="no longer exists"):
        datasets.read(ref)
    moved.rename(folder)
    with pytest.raises(datasets.ChangedData, match=f"{ref.sha256}.*--dataset FOLDER --image-size 8 --fit pad"):
        datasets.read(ref)
