"""The published data sets, and the reference to the synthetic one.

To support another data set, add it to SOURCES and to DATASETS. The checksums of the archives are those that TensorFlow
Datasets publishes. The checksums of the decompressed files of MNIST and CIFAR are published by programs that read these
files.
"""

from pathlib import PurePath
from string import ascii_lowercase, digits

from fashion_tui.schema.dataset import DATASETS, FASHION_SHAPE, DatasetInfo, DatasetRef
from fashion_tui.schema.errors import UsageError

from .published import Archive, DatasetSource, IdxFormat, Part, RecordFormat, idx_file, record_file


def _idx_part(prefix: str, images: int, images_sha256: str | None, labels_sha256: str | None) -> Part:
    """Return the two files of a part whose images have 28×28 pixels."""
    return Part(
        images,
        (
            idx_file(f"{prefix}-images-idx3-ubyte", (images, 28, 28), images_sha256),
            idx_file(f"{prefix}-labels-idx1-ubyte", (images,), labels_sha256),
        ),
    )


def _record_part(images: int, labels: int, *files: tuple[str, str]) -> Part:
    """Return a part that consists of files of the same size, given their names and checksums."""
    size = images // len(files)
    return Part(images, tuple(record_file(name, size, labels, (3, 32, 32), sha256) for name, sha256 in files))


def _gzipped(train: Part, test: Part, *archives: tuple[int, str]) -> tuple[Archive, ...]:
    """Return an archive for each file, given its size and checksum."""
    return tuple(
        Archive(f"{file.name}.gz", size, sha256, (file,))
        for file, (size, sha256) in zip(train.files + test.files, archives, strict=True)
    )


_FASHION_MNIST_TRAIN = _idx_part(
    "train",
    60_000,
    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
)
_FASHION_MNIST_TEST = _idx_part(
    "t10k",
    10_000,
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
)
FASHION_MNIST = DatasetSource(
    name="fashion-mnist",
    title="Fashion-MNIST",
    folder="FashionMNIST/raw",
    classes=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    image_shape=(1, 28, 28),
    flips=True,
    format=IdxFormat(),
    train=_FASHION_MNIST_TRAIN,
    test=_FASHION_MNIST_TEST,
    mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    archives=_gzipped(
        _FASHION_MNIST_TRAIN,
        _FASHION_MNIST_TEST,
        (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
)

_MNIST_TRAIN = _idx_part(
    "train",
    60_000,
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
)
_MNIST_TEST = _idx_part(
    "t10k",
    10_000,
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
MNIST = DatasetSource(
    name="mnist",
    title="MNIST",
    folder="MNIST/raw",
    classes=tuple(digits),
    image_shape=(1, 28, 28),
    flips=False,
    format=IdxFormat(),
    train=_MNIST_TRAIN,
    test=_MNIST_TEST,
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    archives=_gzipped(
        _MNIST_TRAIN,
        _MNIST_TEST,
        (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ),
)

_KMNIST_TRAIN = _idx_part("train", 60_000, None, None)
_KMNIST_TEST = _idx_part("t10k", 10_000, None, None)
KMNIST = DatasetSource(
    name="kmnist",
    title="Kuzushiji-MNIST",
    folder="KMNIST/raw",
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    image_shape=(1, 28, 28),
    flips=False,
    format=IdxFormat(),
    train=_KMNIST_TRAIN,
    test=_KMNIST_TEST,
    mirrors=(
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ),
    archives=_gzipped(
        _KMNIST_TRAIN,
        _KMNIST_TEST,
        (18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
        (29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
        (3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
        (5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
    ),
)

_EMNIST_TRAIN = _idx_part("emnist-letters-train", 124_800, None, None)
_EMNIST_TEST = _idx_part("emnist-letters-test", 20_800, None, None)
EMNIST_LETTERS = DatasetSource(
    name="emnist-letters",
    title="EMNIST Letters",
    folder="EMNIST/raw",
    classes=tuple(ascii_lowercase),
    image_shape=(1, 28, 28),
    flips=False,
    format=IdxFormat(transposed=True, first_label=1),
    train=_EMNIST_TRAIN,
    test=_EMNIST_TEST,
    mirrors=("https://biometrics.nist.gov/cs_links/EMNIST/",),
    archives=(
        Archive(
            "gzip.zip",
            561_753_746,
            "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
            _EMNIST_TRAIN.files + _EMNIST_TEST.files,
            member="gzip/{}.gz",
        ),
    ),
)

_CIFAR10_TRAIN = _record_part(
    50_000,
    1,
    ("data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
    ("data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
    ("data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
    ("data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
    ("data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
)
_CIFAR10_TEST = _record_part(
    10_000, 1, ("test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b")
)
CIFAR10 = DatasetSource(
    name="cifar10",
    title="CIFAR-10",
    folder="cifar-10-batches-bin",
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    image_shape=(3, 32, 32),
    flips=True,
    format=RecordFormat(labels=1),
    train=_CIFAR10_TRAIN,
    test=_CIFAR10_TEST,
    mirrors=("https://www.cs.toronto.edu/~kriz/",),
    archives=(
        Archive(
            "cifar-10-binary.tar.gz",
            170_052_171,
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            _CIFAR10_TRAIN.files + _CIFAR10_TEST.files,
            member="cifar-10-batches-bin/{}",
        ),
    ),
    pickled_folder="cifar-10-batches-py",
)

# fmt: off
CIFAR100_CLASSES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange",
    "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
)
# fmt: on
_CIFAR100_TRAIN = _record_part(
    50_000, 2, ("train.bin", "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29")
)
_CIFAR100_TEST = _record_part(
    10_000, 2, ("test.bin", "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a")
)
CIFAR100 = DatasetSource(
    name="cifar100",
    title="CIFAR-100",
    folder="cifar-100-binary",
    classes=CIFAR100_CLASSES,
    image_shape=(3, 32, 32),
    flips=True,
    format=RecordFormat(labels=2),
    train=_CIFAR100_TRAIN,
    test=_CIFAR100_TEST,
    mirrors=("https://www.cs.toronto.edu/~kriz/",),
    archives=(
        Archive(
            "cifar-100-binary.tar.gz",
            168_513_733,
            "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            _CIFAR100_TRAIN.files + _CIFAR100_TEST.files,
            member="cifar-100-binary/{}",
        ),
    ),
    pickled_folder="cifar-100-python",
)

SOURCES: dict[str, DatasetSource] = {
    source.name: source for source in (FASHION_MNIST, MNIST, KMNIST, EMNIST_LETTERS, CIFAR10, CIFAR100)
}

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
    border=0.0,
)
"""Summary of the synthetic data set. It is stated here so that it is known without drawing the images."""


def requested_title(name: str) -> str:
    """Return the title of the data set that a user has asked for by its name or by the path of a folder.

    The name `synthetic` has the title of Fashion-MNIST, which the synthetic images replace.
    """
    if name == SYNTHETIC.name:
        return FASHION_MNIST.title
    return SOURCES[name].title if name in SOURCES else PurePath(name).name or name


def find_source(name: str) -> DatasetSource | None:
    """Return the source of a data set, or None if it is synthetic. Raises UsageError for an unknown name."""
    if name not in DATASETS:
        raise UsageError(f"unknown data set {name!r}; choose from {', '.join(DATASETS)}")
    return SOURCES.get(name)
