"""Published data sets are verified and converted once, and then mapped into memory."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fashion_tui.data import datasets, preparation
from fashion_tui.data.files import DamagedData, find
from fashion_tui.data.published import DatasetSource, Part, combined_checksum
from fashion_tui.data.sources import CIFAR10, CIFAR100, EMNIST_LETTERS, FASHION_MNIST, KMNIST, SOURCES
from fashion_tui.data.stored import Cancelled, StoredDataset
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError

from .conftest import Shrink, SmallSet, small_set


def prepare(ref: DatasetRef) -> StoredDataset:
    return preparation.prepare(ref, lambda _done, _total: None, lambda: False)


def read(ref: DatasetRef) -> StoredDataset:
    return preparation.read(ref, lambda _done, _total: None, lambda: False)


def found(small: SmallSet, directory: Path) -> DatasetRef:
    return find(small.source.name, directory)


def is_mapped(array: np.ndarray, folder: Path) -> bool:
    """Return whether an array is a memory-mapped file in a folder."""
    base = array
    while not isinstance(base, np.memmap) and isinstance(base.base, np.ndarray):
        base = base.base
    return isinstance(base, np.memmap) and Path(str(base.filename)).is_relative_to(folder)


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("function", [prepare, read])
def test_images_and_labels_of_every_format(
    any_set: SmallSet, tmp_path: Path, function: Callable[[DatasetRef], StoredDataset], *, gzipped: bool
) -> None:
    any_set.write(tmp_path / "data", gzipped=gzipped)
    dataset = function(found(any_set, tmp_path / "data"))
    for name, images in (("train", dataset.train), ("test", dataset.test)):
        count = len(any_set.labels[name])
        assert images.pixels.dtype == np.uint8
        assert images.pixels.shape == (count, *any_set.source.image_shape)
        assert [image.tobytes() for image in images.pixels] == any_set.pixels[name]
        assert images.labels.dtype == np.int64
        assert images.labels.tolist() == any_set.labels[name]
    info = dataset.info
    assert (info.title, info.classes, info.flips) == (
        any_set.source.title,
        any_set.source.classes,
        any_set.source.flips,
    )
    assert info.test_counts == tuple(any_set.labels["test"].count(label) for label in range(len(info.classes)))
    expected = np.frombuffer(b"".join(any_set.pixels["train"]), np.uint8).reshape(dataset.train.pixels.shape) / 255
    assert info.mean == pytest.approx(expected.mean(axis=(0, 2, 3)))
    assert info.std == pytest.approx(expected.std(axis=(0, 2, 3)))


def test_a_record_has_red_then_green_then_blue_pixels(
    tmp_path: Path, shrink: Shrink, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = shrink(CIFAR100)
    folder = small.write(tmp_path / "data")
    red, green, blue = bytes([250]) * 1024, bytes(range(128)) * 8, bytes([9]) * 1024
    content = bytearray((folder / "test.bin").read_bytes())
    content[3074 : 2 * 3074] = bytes([19, 42]) + red + green + blue  # superclass, class and pixels of image 1
    (folder / "test.bin").write_bytes(content)
    (test,) = small.source.test.files
    part = Part(small.source.test.images, (replace(test, sha256=hashlib.sha256(content).hexdigest()),))
    monkeypatch.setitem(SOURCES, "cifar100", replace(small.source, test=part))
    images = prepare(found(small, tmp_path / "data")).test
    assert images.labels[1] == 42
    assert (images.pixels[1, 0] == 250).all()
    assert images.pixels[1, 1, 1, 3] == 35  # the second row starts at value 32
    assert (images.pixels[1, 2] == 9).all()


def test_emnist_is_stored_column_by_column_and_counts_from_one(tmp_path: Path, shrink: Shrink) -> None:
    small = shrink(EMNIST_LETTERS)
    folder = small.write(tmp_path / "data")
    images, labels = small.source.test.files
    content = bytearray((folder / images.name).read_bytes())
    content[16 : 16 + 784] = bytes(784)
    content[16 + 27 * 28 + 2] = 200  # column 27, row 2
    (folder / images.name).write_bytes(content)
    (folder / labels.name).write_bytes(bytes.fromhex("00000801 00000006") + bytes([26, 1, 2, 3, 4, 5]))
    test = prepare(found(small, tmp_path / "data")).test
    assert np.argwhere(test.pixels[0]).tolist() == [[0, 2, 27]]
    assert test.labels.tolist() == [25, 0, 1, 2, 3, 4]


class TestWhereImagesAreMapped:
    def test_plain_files_of_the_idx_format_are_mapped_in_place(
        self, fashion: SmallSet, tmp_path: Path, cache: Path
    ) -> None:
        folder = fashion.write(tmp_path / "data")
        dataset = prepare(found(fashion, tmp_path / "data"))
        assert is_mapped(dataset.train.pixels, folder)
        assert not list(cache.rglob("*.npy"))
        dataset.train.pixels[0] = 0  # torch expects a writable array
        assert (folder / "train-images-idx3-ubyte").read_bytes() == fashion.contents["train-images-idx3-ubyte"]

    @pytest.mark.parametrize(("source", "gzipped"), [(FASHION_MNIST, True), (EMNIST_LETTERS, False), (CIFAR10, False)])
    def test_other_files_are_converted_into_the_cache(
        self, source: DatasetSource, tmp_path: Path, cache: Path, shrink: Shrink, *, gzipped: bool
    ) -> None:
        small = shrink(source)
        small.write(tmp_path / "data", gzipped=gzipped)
        dataset = prepare(found(small, tmp_path / "data"))
        assert is_mapped(dataset.train.pixels, cache)
        assert is_mapped(dataset.test.pixels, cache)

    def test_images_are_read_into_memory_from_the_published_files(
        self, any_set: SmallSet, tmp_path: Path, cache: Path
    ) -> None:
        any_set.write(tmp_path / "data")
        ref = found(any_set, tmp_path / "data")
        prepare(ref)
        for path in cache.rglob("*-images.npy"):  # a damaged conversion
            content = path.read_bytes()
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        dataset = read(ref)
        assert not is_mapped(dataset.train.pixels, tmp_path)
        assert dataset.train.pixels.flags.writeable
        assert [image.tobytes() for image in dataset.test.pixels] == any_set.pixels["test"]

    def test_a_cache_that_cannot_be_written(self, tmp_path: Path, cache: Path, shrink: Shrink) -> None:
        cache.parent.mkdir()
        cache.touch()
        for source in (FASHION_MNIST, CIFAR10):
            shrink(source).write(tmp_path / "data")
        assert len(prepare(find("fashion-mnist", tmp_path / "data")).train) == 20
        with pytest.raises(UserError, match=f"can't write to the cache {cache}"):
            prepare(find("cifar10", tmp_path / "data"))


class TestOpenPrepared:
    def test_it_returns_what_was_prepared(self, any_set: SmallSet, tmp_path: Path) -> None:
        any_set.write(tmp_path / "data")
        ref = found(any_set, tmp_path / "data")
        assert preparation.open_prepared(ref) is None
        dataset = prepare(ref)
        opened = preparation.open_prepared(ref)
        assert opened is not None
        assert opened.info == dataset.info
        assert np.array_equal(opened.train.pixels, dataset.train.pixels)
        assert opened.test.labels.tolist() == any_set.labels["test"]

    def test_two_folders_are_prepared_independently(self, fashion: SmallSet, tmp_path: Path) -> None:
        for name in ("first", "second"):
            fashion.write(tmp_path / name)
        prepare(found(fashion, tmp_path / "first"))
        assert preparation.open_prepared(found(fashion, tmp_path / "second")) is None

    def test_a_changed_file_is_verified_again(self, any_set: SmallSet, tmp_path: Path) -> None:
        folder = any_set.write(tmp_path / "data")
        ref = found(any_set, tmp_path / "data")
        checksum = prepare(ref).info.ref.sha256
        path = folder / any_set.source.test.files[0].name
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(0, 0))
        assert preparation.open_prepared(ref) is None
        if any_set.source.sha256 is None:
            assert prepare(ref).info.ref.sha256 != checksum
        else:
            with pytest.raises(DamagedData, match="its content differs"):
                prepare(ref)

    def test_a_damaged_cache_is_replaced(self, tmp_path: Path, cache: Path, shrink: Shrink) -> None:
        small = shrink(CIFAR10)
        small.write(tmp_path / "data")
        ref = found(small, tmp_path / "data")
        prepare(ref)
        (path,) = cache.rglob("train-images.npy")
        path.write_bytes(b"")
        assert preparation.open_prepared(ref) is None
        assert prepare(ref).train.labels.tolist() == small.labels["train"]


class TestChecksums:
    def test_published_checksums_are_compared(self, tmp_path: Path, shrink: Shrink) -> None:
        small = shrink(CIFAR10)
        folder = small.write(tmp_path / "data")
        assert prepare(found(small, tmp_path / "data")).info.ref.sha256 == small.source.sha256
        content = bytearray(small.contents["data_batch_3.bin"])
        content[5000] ^= 1
        (folder / "data_batch_3.bin").write_bytes(content)
        with pytest.raises(DamagedData, match=r"data_batch_3.bin is damaged \(its content differs\)"):
            prepare(found(small, tmp_path / "data"))

    def test_unpublished_checksums_are_computed(self, tmp_path: Path, shrink: Shrink) -> None:
        small = shrink(KMNIST)
        small.write(tmp_path / "plain")
        small.write(tmp_path / "compressed", gzipped=True)
        assert small.source.sha256 is None
        checksums = {
            function(found(small, tmp_path / name)).info.ref.sha256
            for function in (prepare, read)
            for name in ("plain", "compressed")
        }
        with_known = small_set(FASHION_MNIST)  # the same random content
        assert checksums == {with_known.source.sha256}

    @pytest.mark.parametrize(
        ("damage", "reason"),
        [
            (lambda content: content[:100], "it has 100 bytes instead of 15,696"),
            (lambda content: content + b"\0", "it has 15,697 bytes instead of 15,696"),
            (lambda content: content[:7] + b"\x15" + content[8:], "its header is 00 00 08 03 00 00 00 15"),
        ],
    )  # fmt: skip
    def test_size_and_header_are_compared_if_no_checksum_is_published(
        self, tmp_path: Path, shrink: Shrink, damage: Callable[[bytes], bytes], reason: str
    ) -> None:
        small = shrink(KMNIST)
        path = small.write(tmp_path / "data") / "train-images-idx3-ubyte"
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(DamagedData) as error:
            prepare(found(small, tmp_path / "data"))
        assert reason in str(error.value)

    def test_an_invalid_label_is_reported(self, tmp_path: Path, shrink: Shrink) -> None:
        small = shrink(KMNIST)
        folder = small.write(tmp_path / "data")
        path = folder / "t10k-labels-idx1-ubyte"
        path.write_bytes(path.read_bytes()[:-1] + bytes([10]))
        reason = r"t10k-labels-idx1-ubyte is damaged \(the label of image 5 is 10.*with --data DIR"
        with pytest.raises(DamagedData, match=reason):
            prepare(found(small, tmp_path / "data"))

    def test_the_checksum_of_the_data_set_depends_on_every_file(self) -> None:
        # sha256sum of a text with the lines "a" and "b"
        assert combined_checksum(["a", "b"]) == "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2"


class TestProgress:
    def test_progress_counts_images_to_the_end(self, any_set: SmallSet, tmp_path: Path) -> None:
        any_set.write(tmp_path / "data")
        reported: list[tuple[int, int]] = []
        preparation.prepare(
            found(any_set, tmp_path / "data"), lambda done, total: reported.append((done, total)), lambda: False
        )
        assert reported[-1][0] == reported[-1][1]
        assert reported == sorted(reported)
        assert len({total for _, total in reported}) == 1

    @pytest.mark.parametrize("source", [FASHION_MNIST, CIFAR10])
    def test_a_cancelled_preparation_leaves_nothing(
        self, source: DatasetSource, tmp_path: Path, cache: Path, shrink: Shrink
    ) -> None:
        small = shrink(source)
        small.write(tmp_path / "data")
        ref = found(small, tmp_path / "data")
        with pytest.raises(Cancelled):
            preparation.prepare(ref, lambda _done, _total: None, lambda: True)
        assert {path.name for path in cache.rglob("*") if path.is_file()} <= {"lock"}
        assert preparation.open_prepared(ref) is None


def test_a_published_data_set_that_was_moved_is_found_where_it_was_prepared_before(
    fashion: SmallSet, tmp_path: Path
) -> None:
    fashion.write(tmp_path / "data")
    ref = prepare(found(fashion, tmp_path / "data")).info.ref
    (tmp_path / "data").rename(tmp_path / "moved")
    with pytest.raises(UserError, match="--data DIR"):
        datasets.locate(ref)
    prepare(found(fashion, tmp_path / "moved"))
    located = datasets.locate(ref)
    assert (located.directory, located.sha256) == (str(tmp_path / "moved"), ref.sha256)
    assert datasets.read(ref).test.labels.tolist() == fashion.labels["test"]
