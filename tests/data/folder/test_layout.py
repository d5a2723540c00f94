"""Which files of a folder belong to a data set, and to which class and part."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fashion_tui.data.folder.layout import Layout, natural_order, read_layout
from fashion_tui.data.stored import Cancelled
from fashion_tui.schema.errors import UserError

from .conftest import reasons

NOBODY = 65534


def touch(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def layout_of(folder: Path, *paths: str) -> Layout:
    return read_layout(touch(folder, *paths), lambda: False)


def train_files(layout: Layout) -> dict[str, str]:
    """Return the class of each training file, by path."""
    return {file.path: file.class_name for file in layout.train}


def test_a_folder_of_folders_has_one_class_for_each(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, "cat/1.png", "cat/2.JPEG", "cat/kittens/young/3.webp", "dog/1.tif")
    assert train_files(layout) == {
        "cat/1.png": "cat",
        "cat/2.JPEG": "cat",
        "cat/kittens/young/3.webp": "cat",
        "dog/1.tif": "dog",
    }
    assert (layout.test, layout.skipped) == (None, ())


@pytest.mark.parametrize("test", ["test", "val", "valid", "validation"])
def test_train_and_test_folders_are_the_parts(tmp_path: Path, test: str) -> None:
    layout = layout_of(tmp_path, "train/cat/1.png", "train/dog/1.png", f"{test}/cat/1.png")
    assert train_files(layout) == {"train/cat/1.png": "cat", "train/dog/1.png": "dog"}
    assert [(file.path, file.class_name) for file in layout.test or ()] == [(f"{test}/cat/1.png", "cat")]


def test_other_folders_beside_train_and_test_are_listed(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, "train/cat/1.png", "test/cat/1.png", "val/cat/1.png", "raw/x.png")
    assert reasons(layout.skipped) == dict.fromkeys(("raw", "val"), "not read: the images are in train and test")


def test_a_train_folder_alone_has_no_test_part(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, "train/cat/1.png", "train/dog/1.png")
    assert set(train_files(layout).values()) == {"cat", "dog"}
    assert layout.test is None


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, "train/steam/1.png", "ship/1.png")
    assert train_files(layout) == {"train/steam/1.png": "train", "ship/1.png": "ship"}


def test_hidden_files_are_ignored(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, "cat/1.png", "cat/.2.png", "cat/.x/3.png", ".git/4.png", ".DS_Store")
    assert (list(train_files(layout)), layout.skipped) == (["cat/1.png"], ())


def test_other_files_are_listed_once_for_each_extension(tmp_path: Path) -> None:
    layout = layout_of(
        tmp_path, "cat/1.png", "cat/a.txt", "cat/b.txt", "cat/LICENSE", "cat/c.heic", "README.md", "1.png", "2.png"
    )
    assert reasons(layout.skipped) == {
        "*.png": "2 files: not in the folder of a class",
        "README.md": "not in the folder of a class",
        "cat/*.txt": "2 files: not an image",
        "cat/LICENSE": "not an image",
        "cat/c.heic": "not an image",
    }


def test_a_class_without_images_is_listed(tmp_path: Path) -> None:
    (tmp_path / "dog" / "inner").mkdir(parents=True)
    assert reasons(layout_of(tmp_path, "cat/1.png").skipped) == {"dog": "no images"}


def test_links_are_followed_within_the_folder(tmp_path: Path) -> None:
    outside = touch(tmp_path / "outside", "secret.png", "more/1.png")
    folder = touch(tmp_path / "set", "cat/1.png", "dog/puppies/1.png")
    (folder / "cat" / "same.png").symlink_to(folder / "cat" / "1.png")
    (folder / "cat" / "young").symlink_to(folder / "dog" / "puppies")
    (folder / "cat" / "secret.png").symlink_to(outside / "secret.png")
    (folder / "cat" / "more").symlink_to(outside / "more")
    (folder / "cat" / "relative").symlink_to("../../outside/more")
    (folder / "cat" / "gone.png").symlink_to("nothing.png")
    (folder / "cow").symlink_to(outside)
    layout = layout_of(folder)
    assert set(train_files(layout)) == {
        "cat/1.png", "cat/same.png", "cat/young/1.png", "dog/puppies/1.png",
    }  # fmt: skip
    outside_paths = ("cat/secret.png", "cat/more", "cat/relative", "cow")
    assert reasons(layout.skipped) == {
        **dict.fromkeys(outside_paths, "a link to outside the folder"),
        "cat/gone.png": "No such file or directory",
    }


def test_a_folder_that_contains_a_link_to_itself_is_read_once(tmp_path: Path) -> None:
    touch(tmp_path, "cat/inner/1.png")
    for name in ("cat/inner/up", "cat/inner/here", "all"):
        (tmp_path / name).symlink_to({"cat/inner/up": "..", "cat/inner/here": ".", "all": "."}[name])
    layout = layout_of(tmp_path)
    assert list(train_files(layout)) == ["cat/inner/1.png"]
    assert {"cat/inner/up", "cat/inner/here", "all"} <= set(reasons(layout.skipped))


def test_a_folder_that_starts_with_the_same_name_is_outside(tmp_path: Path) -> None:
    touch(tmp_path, "set/cat/1.png", "set-2/2.png")
    (tmp_path / "set" / "cat" / "2.png").symlink_to(tmp_path / "set-2" / "2.png")
    assert list(train_files(layout_of(tmp_path / "set"))) == ["cat/1.png"]


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    touch(tmp_path / "set", "cat/1.png")
    (tmp_path / "link").symlink_to("set")
    assert list(train_files(layout_of(tmp_path / "link"))) == ["cat/1.png"]


def test_a_pipe_and_a_name_that_is_not_utf8_are_listed(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.png")
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    (tmp_path / "cat" / os.fsdecode(b"\xff.png")).touch()
    assert reasons(layout_of(tmp_path).skipped) == {
        "cat/pipe.png": "not a regular file",
        "cat/\N{REPLACEMENT CHARACTER}.png": "its name isn't UTF-8",
    }


@pytest.fixture
def as_another_user() -> Iterator[Path]:
    """A folder whose parents any user can read. The effective user is one without special permissions."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        is_root = os.geteuid() == 0
        yield folder
        if is_root:
            os.seteuid(0)
        for path in folder.rglob("*"):
            path.chmod(0o700)


def test_files_and_folders_without_permission_are_listed(as_another_user: Path) -> None:
    folder = touch(as_another_user, "cat/1.png", "cat/2.png", "dog/1.png")
    (folder / "cat" / "2.png").chmod(0)
    (folder / "dog").chmod(0)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    layout = layout_of(folder)
    assert list(train_files(layout)) == ["cat/1.png"]
    assert reasons(layout.skipped) == {"cat/2.png": "Permission denied", "dog": "Permission denied"}


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([], "has no training images;"),
        (["1.png", "2.png"], r"\*\.png: 2 files: not in the folder of a class"),
        (["cat/a.txt", "dog/b.txt"], "cat/a.txt: not an image, and 1 more"),
        (["train/1.png", "test/1.png"], "not in the folder of a class"),
        (["train/a.txt", "test/cat/1.png"], "has no training images"),
    ],
)
def test_a_folder_without_training_images_says_what_is_expected(tmp_path: Path, paths: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        layout_of(tmp_path, *paths)
    assert str(tmp_path) in str(caught.value)
    assert "FOLDER/cat/1.png" in str(caught.value)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing.*No such file"):
        layout_of(tmp_path / "missing")


def test_the_scan_can_be_cancelled(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.png", "dog/1.png", "emu/1.png")
    calls: list[None] = []

    def should_stop() -> bool:
        calls.append(None)
        return len(calls) == 3

    with pytest.raises(Cancelled):
        read_layout(tmp_path, should_stop)


def test_numbers_in_names_are_ordered_by_value() -> None:
    names = ["10", "9", "1", "b2", "b10", "B3", "a", "img-2-10", "img-2-9", "01"]
    assert sorted(names, key=natural_order) == ["01", "1", "9", "10", "a", "b2", "B3", "b10", "img-2-9", "img-2-10"]
