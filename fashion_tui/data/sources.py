"""What data sets there are: their files, sums and addresses. A further set in IDX files is one more `Source`."""

import hashlib
import math
from dataclasses import dataclass

from fashion_tui.schema.dataset import DATASETS, DatasetRef
from fashion_tui.schema.errors import UsageError


@dataclass(frozen=True)
class DataFile:
    """One IDX file: a header that tells the shape, then the numbers, one byte each."""

    name: str
    """Decompressed; with `.gz` behind it as it is published."""
    shape: tuple[int, ...]
    sha256: str
    """Of the decompressed file."""
    gz_md5: str
    """Of the compressed file, as its publisher states it."""
    gz_bytes: int

    @property
    def header(self) -> bytes:
        """How the decompressed file begins: two zeros, 8 for unsigned bytes, the number of axes, each axis' length."""
        return bytes((0, 0, 8, len(self.shape))) + b"".join(length.to_bytes(4, "big") for length in self.shape)

    @property
    def size(self) -> int:
        """Bytes of the decompressed file."""
        return len(self.header) + math.prod(self.shape)


@dataclass(frozen=True)
class Source:
    """A data set of four IDX files, as MNIST introduced them."""

    name: str
    """One of `schema.dataset.DATASETS`."""
    title: str
    """As people write it."""
    folder: str
    """torchvision's: the files lie in `DIR/<folder>/raw`."""
    classes: tuple[str, ...]
    mirrors: tuple[str, ...]
    """Addresses of folders that hold the compressed files, in the order in which they are tried."""
    train_images: DataFile
    train_labels: DataFile
    test_images: DataFile
    test_labels: DataFile

    @property
    def files(self) -> tuple[DataFile, DataFile, DataFile, DataFile]:
        return self.train_images, self.train_labels, self.test_images, self.test_labels

    @property
    def sha256(self) -> str:
        """One sum for the whole set: over the four files' sums, a line each."""
        return hashlib.sha256("".join(f"{file.sha256}\n" for file in self.files).encode()).hexdigest()


FASHION_MNIST = Source(
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
)

SOURCES: dict[str, Source] = {FASHION_MNIST.name: FASHION_MNIST}

SYNTHETIC_TRAIN = 12_000
SYNTHETIC_TEST = 2_000
SYNTHETIC = DatasetRef(
    name="synthetic", directory=None, sha256="5fc26ef479e6f5dbc1a39aa643944b5b057dd9ac6d1771cb670a9e5ce5ee5117"
)
"""The set that `lab.synthetic` draws. The sum is over its pixels and labels, so a change to the drawing changes it."""


def source_named(name: str) -> Source | None:
    """The files of that data set, or None for the one drawn by code; UsageError where no set has that name."""
    if name not in DATASETS:
        raise UsageError(f"no data set is called {name!r}; there is: {', '.join(DATASETS)}")
    return SOURCES.get(name)
