"""What `fashion-tui bench` measures."""

import msgspec

from .dataset import DatasetRef
from .errors import UsageError

GUIDE_LOOP = "the guide's own loop"
"""PIL pictures, torchvision's transforms, DataLoader, batches of 32."""

MAX_ROUNDS = 1000


class BenchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be measured."""

    dataset: DatasetRef
    recipes: tuple[str, ...]
    rounds: int
    """Of speed; in each of them every road has its turn."""
    seconds: float
    """Of a turn."""
    seeds: int
    """Whole trainings of each road, with seeds from 0 on; 0: none."""
    device: str
    threads: int


class TrainingSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a road trains, without loading, evaluation and logging; the first steps aren't counted."""

    name: str
    """A recipe's, or LOOP."""
    images_per_second: float
    """Median of the rounds."""
    slowest: float
    fastest: float
    step_ms: tuple[float, float, float]
    """Milliseconds of a step: median, and what 90 % and 99 % of the steps stay below."""
    share_of_peak: float
    """Of the machine's multiplications of matrices in the road's precision that its arithmetic comes to."""


class FullTraining(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracy on the test set after the last epoch, and the time that it took."""

    name: str
    accuracies: tuple[float, ...]
    """In [0, 1], one a seed."""
    train_seconds: tuple[float, ...]
    """Without loading and evaluation."""
    first_step_seconds: tuple[float, ...]
    """Part of these: warming up."""
    evaluation_seconds: tuple[float, ...]


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long a person waits for something."""

    name: str
    seconds: tuple[float, ...]
    """One a trial."""


class AppCost(msgspec.Struct, frozen=True, kw_only=True):
    """What the app costs while a run trains, on a terminal of 120×40."""

    kib_per_second: float
    """Painted."""
    cpu_share: float
    """Of one core, by the app itself."""
    memory_mib: float
    """Proportional set size of all processes: app, kernel, engines, trainers."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured."""

    device: str
    device_name: str
    threads: int
    peak_gflops: dict[str, float]
    """By precision: 10⁹ operations a second in a product of two large matrices."""
    speeds: tuple[TrainingSpeed, ...]
    trained: tuple[FullTraining, ...]
    ratio: float | None
    """Images a second of the guide's recipe over those of its loop, median of the rounds; None without that recipe."""


class BenchReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of a benchmark, as `--json` prints and `--save` keeps it."""

    date: str
    versions: dict[str, str]
    dataset: str
    device: str
    device_name: str
    threads: int
    rounds: int
    seconds: float
    results: tuple[TrainingSpeed, ...]
    ratio: float | None
    peak_gflops: dict[str, float]
    trained: tuple[FullTraining, ...]
    waiting: tuple[Latency, ...]
    app: AppCost | None
    """None where that wasn't measured."""


def check_rounds(rounds: int, seeds: int) -> None:
    """UsageError where so many can't be had."""
    if not 1 <= rounds <= MAX_ROUNDS:
        raise UsageError(f"rounds is {rounds}; it must be between 1 and {MAX_ROUNDS:,}")
    if not 0 <= seeds <= MAX_ROUNDS:
        raise UsageError(f"seeds is {seeds}; it must be between 0 and {MAX_ROUNDS:,}")
