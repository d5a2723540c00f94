"""Marks on images: kept per data set, changed atomically, and never lost."""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from fashion_tui.data.marks import (
    mark_images,
    marks_folder,
    mislabelled_training_images,
    read_marks,
    remove_marks,
)
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetRef:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return DatasetRef(name="synthetic", directory=None, sha256="ab" * 32)


def test_marks_are_kept_with_their_time_until_they_are_removed(dataset: DatasetRef) -> None:
    assert read_marks(dataset) == ()
    mark_images(dataset, [("test", 3), ("train", 40), ("train", 5)], "mislabelled")
    first = {mark.key: mark.time for mark in read_marks(dataset)}
    mark_images(dataset, [("train", 40)], "dismissed")
    marks = read_marks(dataset)
    assert [(*mark.key, mark.verdict) for mark in marks] == [
        ("train", 5, "mislabelled"), ("train", 40, "dismissed"), ("test", 3, "mislabelled")
    ]  # fmt: skip
    assert marks[1].time > first["train", 40]
    assert marks[0].time == first["train", 5]
    assert remove_marks(dataset, [("train", 40), ("train", 41)]) == (marks[0], marks[2])
    assert read_marks(dataset) == (marks[0], marks[2])


def test_only_training_images_marked_as_mislabelled_are_left_out(dataset: DatasetRef) -> None:
    mark_images(dataset, [("train", 9), ("train", 2), ("test", 1)], "mislabelled")
    mark_images(dataset, [("train", 4)], "dismissed")
    assert mislabelled_training_images(dataset) == (2, 9)


def test_marks_apply_only_to_the_same_images(dataset: DatasetRef) -> None:
    mark_images(dataset, [("train", 1)], "mislabelled")
    assert read_marks(DatasetRef(name="synthetic", directory=None, sha256="cd" * 32)) == ()
    with pytest.raises(ValueError, match="SHA-256"):
        read_marks(DatasetRef(name="synthetic", directory=None, sha256="../other"))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'[{"split": "train"}]', b'[{"split":"train","index":-1,"verdict":"dismissed","time":0}]', b"[" * 9999],
)
def test_a_damaged_file_is_reported_and_kept(dataset: DatasetRef, content: bytes) -> None:
    mark_images(dataset, [("train", 1)], "mislabelled")
    (file,) = marks_folder().iterdir()
    file.write_bytes(content)
    with pytest.raises(UserError, match="damaged") as caught:
        mark_images(dataset, [("train", 2)], "mislabelled")
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == content


def test_the_file_is_private(dataset: DatasetRef) -> None:
    mark_images(dataset, [("train", 1)], "mislabelled")
    (file,) = marks_folder().iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert marks_folder().stat().st_mode & 0o777 == 0o700
    assert json.loads(file.read_bytes())[0]["verdict"] == "mislabelled"


def test_processes_that_mark_images_at_the_same_time_lose_nothing(dataset: DatasetRef) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as processes:
        for done in [processes.submit(_mark_some, dataset, first) for first in range(4)]:
            done.result()
    assert [mark.index for mark in read_marks(dataset)] == list(range(40))


def _mark_some(dataset: DatasetRef, first: int) -> None:
    for index in range(first, 40, 4):
        mark_images(dataset, [("train", index)], "mislabelled")
