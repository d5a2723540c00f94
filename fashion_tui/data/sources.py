"""The published data sets: their files, checksums and URLs.

To support another data set, add it to SOURCES and to DATASETS.
"""

import hashlib
import math
from dataclasses import dataclass

from fashion_tui.schema.dataset import DATASETS, FASHION_SHAPE, DatasetInfo, DatasetRef
from fashion_tui.schema.errors import UsageError


@dataclass(frozen=True)
class DataFile:
    """An IDX file: a header with the shape, followed by the values, one byte each."""

    name: str
    """Name of the decompressed file. The name of the published file ends in an additional `.gz`."""
    shape: tuple[int, ...]
    sha256: str
    """SHA-256 of the decompressed file."""
    gz_md5: str
    """MD5 of the compressed file, as published."""
    gz_bytes: int
    """Size of the compressed file, in bytes."""

    @property
    def header(self) -> bytes:
        """First bytes of the decompressed file: two zeros, 8 for uint8, the number of axes, and their sizes."""
        return bytes((0, 0, 8, len(self.shape))) + b"".join(size.to_bytes(4, "big") for size in self.shape)

    @property
    def size(self) -> int:
        """Size of the decompressed file, in bytes."""
        return len(self.header) + math.prod(self.shape)


@dataclass(frozen=True)
class DatasetSource:
    """A data set of four IDX files, in the layout of MNIST."""

    name: str
    """One of `schema.dataset.DATASETS`."""
    title: str
    """Name shown to users."""
    folder: str
    """Name of torchvision's folder for the data set. The files are in `DIR/<folder>/raw`."""
    classes: tuple[str, ...]
    mirrors: tuple[str, ...]
    """URLs of folders with the compressed files, in the order in which they are tried."""
    train_images: DataFile
    train_labels: DataFile
    test_images: DataFile
    test_labels: DataFile
    flips: bool
    """Whether a mirrored image has the same label as the original."""

    @property
    def files(self) -> tuple[DataFile, DataFile, DataFile, DataFile]:
        return self.train_images, self.train_labels, self.test_images, self.test_labels

    @property
    def sha256(self) -> str:
        """Checksum of the data set: the SHA-256 of a text that lists the checksums of its four files, one per line."""
        return hashlib.sha256("".join(f"{file.sha256}\n" for file in self.files).encode()).hexdigest()


FASHION_MNIST = DatasetSource(
    name="fashion-mnist",
    title="Fashion-MNIST",
    folder="FashionMNIST",
    classes=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    train_images=DataFile(
        name="train-images-idx3-ubyte",
        shape=(60_000, 28, 28),
        sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        gz_md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        gz_bytes=26_421_880,
    ),
    train_labels=DataFile(
        name="train-labels-idx1-ubyte",
        shape=(60_000,),
        sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        gz_md5="25c81989df183df01b3e8a0aad5dffbe",
        gz_bytes=29_515,
    ),
    test_images=DataFile(
        name="t10k-images-idx3-ubyte",
        shape=(10_000, 28, 28),
        sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        gz_md5="bef4ecab320f06d8554ea6380940ec79",
        gz_bytes=4_422_102,
    ),
    test_labels=DataFile(
        name="t10k-labels-idx1-ubyte",
        shape=(10_000,),
        sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        gz_md5="bb300cfdad3c16e7a12a480ee83cd310",
        gz_bytes=5_148,
    ),
    flips=True,
)

SOURCES: dict[str, DatasetSource] = {FASHION_MNIST.name: FASHION_MNIST}

SYNTHETIC_TRAIN_SIZE = 12_000
SYNTHETIC_TEST_SIZE = 2_000
SYNTHETIC = DatasetRef(
    name="synthetic", directory=None, sha256="5fc26ef479e6f5dbc1a39aa643944b5b057dd9ac6d1771cb670a9e5ce5ee5117"
)
"""The data set drawn by `lab.data.synthetic`. The checksum covers its pixels and labels."""
SYNTHETIC_INFO = DatasetInfo(
    ref=SYNTHETIC,
    title="synthetic garments",
    classes=FASHION_MNIST.classes,
    image_shape=FASHION_SHAPE,
    train_counts=(SYNTHETIC_TRAIN_SIZE // len(FASHION_MNIST.classes),) * len(FASHION_MNIST.classes),
    test_counts=(SYNTHETIC_TEST_SIZE // len(FASHION_MNIST.classes),) * len(FASHION_MNIST.classes),
    mean=(0.20344436774709884,),
    std=(0.26846976586755306,),
)
"""Summary of the synthetic data set, which therefore needn't be drawn to be described."""


def find_source(name: str) -> DatasetSource | None:
    """Return the source of a data set, or None if it is synthetic. Raises UsageError for an unknown name."""
    if name not in DATASETS:
        raise UsageError(f"unknown data set {name!r}; choose from {', '.join(DATASETS)}")
    return SOURCES.get(name)
