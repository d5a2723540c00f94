"""The descriptions of the published data sets agree with torchvision and with themselves."""

from pathlib import PurePosixPath

import pytest

from fashion_tui.data.published import Archive, DatasetSource, IdxFormat, idx_file
from fashion_tui.data.sources import (
    CIFAR10,
    CIFAR100,
    EMNIST_LETTERS,
    FASHION_MNIST,
    KMNIST,
    MNIST,
    SOURCES,
    find_source,
)
from fashion_tui.schema.dataset import DATASETS
from fashion_tui.schema.errors import UsageError


def test_every_name_has_a_source_except_synthetic() -> None:
    assert [name for name in DATASETS if find_source(name) is None] == ["synthetic"]
    assert all(SOURCES[name].name == name for name in SOURCES)
    with pytest.raises(UsageError, match="unknown data set 'cifar'"):
        find_source("cifar")


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
class TestEverySource:
    def test_its_archives_contain_each_of_its_files_once(self, source: DatasetSource) -> None:
        archived = [file for archive in source.archives for file in archive.files]
        assert sorted(archived, key=lambda file: file.name) == sorted(source.files, key=lambda file: file.name)

    def test_sizes_follow_from_the_format(self, source: DatasetSource) -> None:
        channels, height, width = source.image_shape
        pixels = channels * height * width
        for part in (source.train, source.test):
            if isinstance(source.format, IdxFormat):
                assert [file.size for file in part.files] == [16 + part.images * pixels, 8 + part.images]
            else:
                assert sum(file.size for file in part.files) == part.images * (source.format.labels + pixels)
                assert len({file.size for file in part.files}) == 1

    def test_checksums_are_lower_case_sha256(self, source: DatasetSource) -> None:
        checksums = [archive.sha256 for archive in source.archives]
        checksums += [file.sha256 for file in source.files if file.sha256 is not None]
        assert all(len(bytes.fromhex(checksum)) == 32 and checksum == checksum.lower() for checksum in checksums)
        assert len(set(checksums)) == len(checksums)


def test_the_sha256_of_fashion_mnist_never_changes() -> None:
    """Runs store this checksum."""
    assert FASHION_MNIST.sha256 == "7b0688d0999122d67a4eb2b95499a3bf7c5afbfaef15b7295b9f619d9e48a0bc"
    assert KMNIST.sha256 is None


@pytest.mark.parametrize(
    ("source", "images", "classes", "flips"),
    [
        (FASHION_MNIST, (60_000, 10_000), 10, True),
        (MNIST, (60_000, 10_000), 10, False),
        (KMNIST, (60_000, 10_000), 10, False),
        (EMNIST_LETTERS, (124_800, 20_800), 26, False),
        (CIFAR10, (50_000, 10_000), 10, True),
        (CIFAR100, (50_000, 10_000), 100, True),
    ],
)
def test_sizes_and_properties(source: DatasetSource, images: tuple[int, int], classes: int, *, flips: bool) -> None:
    assert (source.train.images, source.test.images) == images
    assert len(set(source.classes)) == len(source.classes) == classes
    assert source.flips is flips


def test_headers_of_idx_files() -> None:
    assert idx_file("images", (60_000, 28, 28), None).header.hex(" ", 4) == "00000803 0000ea60 0000001c 0000001c"
    assert idx_file("labels", (300,), None).header.hex(" ", 4) == "00000801 0000012c"


def test_paths_in_archives() -> None:
    (file, *_) = EMNIST_LETTERS.files
    (archive,) = EMNIST_LETTERS.archives
    assert archive.path_of(file) == PurePosixPath("gzip/emnist-letters-train-images-idx3-ubyte.gz")
    assert CIFAR10.archives[0].path_of(CIFAR10.test.files[0]) == PurePosixPath("cifar-10-batches-bin/test_batch.bin")
    assert Archive("labels.gz", 1, "", (file,)).path_of(file) == PurePosixPath("labels.gz")


def test_files_folders_and_classes_equal_those_of_torchvision() -> None:
    from torchvision import datasets  # noqa: PLC0415 - takes seconds to import

    for source, published in ((FASHION_MNIST, datasets.FashionMNIST), (KMNIST, datasets.KMNIST)):
        assert list(source.classes) == published.classes
    assert [f"{name} - " for name in MNIST.classes] == [name[:4] for name in datasets.MNIST.classes]
    assert ["N/A", *EMNIST_LETTERS.classes] == datasets.EMNIST.classes_split_dict["letters"]
    for source, published in (
        (FASHION_MNIST, datasets.FashionMNIST),
        (MNIST, datasets.MNIST),
        (KMNIST, datasets.KMNIST),
    ):
        assert [archive.name for archive in source.archives] == [name for name, _ in published.resources]
        assert source.folder == f"{published.__name__}/raw"
        assert set(source.mirrors) & set(published.mirrors)
    assert EMNIST_LETTERS.mirrors[0] + EMNIST_LETTERS.archives[0].name == datasets.EMNIST.url
    assert EMNIST_LETTERS.folder == "EMNIST/raw"
    for source, published in ((CIFAR10, datasets.CIFAR10), (CIFAR100, datasets.CIFAR100)):
        url = source.mirrors[0] + source.archives[0].name
        assert url.replace("-binary.tar.gz", "-python.tar.gz") == published.url
