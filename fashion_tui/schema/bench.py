"""Settings and results of `fashion-tui bench`."""

import msgspec

from .dataset import DatasetRef
from .errors import UsageError

GUIDE_LOOP = "the guide's training loop"
"""Name of the guide's training loop, which uses PIL images, torchvision transforms, a DataLoader and batches of 32."""

MAX_ROUNDS = 1000


class BenchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a benchmark."""

    dataset: DatasetRef
    recipes: tuple[str, ...]
    rounds: int
    """Number of rounds of speed measurements; the guide's loop and each recipe train once per round."""
    seconds: float
    """Duration of one speed measurement, in seconds."""
    seeds: int
    """Number of full training runs of each contender (the guide's loop or a recipe), with seeds 0, 1, …; 0 for none."""
    device: str
    threads: int


class TrainingSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """Training speed of one contender. Loading, evaluation, logging and the first steps are not measured."""

    name: str
    """Name of a recipe, or GUIDE_LOOP."""
    images_per_second: float
    """Median over the rounds."""
    slowest: float
    """Images per second in the slowest round."""
    fastest: float
    """Images per second in the fastest round."""
    step_ms: tuple[float, float, float]
    """Median, 90th and 99th percentile of the time per step, in milliseconds."""
    share_of_peak: float
    """Training speed as a fraction, in [0, 1], of the machine's peak matrix multiplication speed in this precision."""


class FullTraining(msgspec.Struct, frozen=True, kw_only=True):
    """Test accuracies and durations of one contender's full training runs, with one value for each seed."""

    name: str
    accuracies: tuple[float, ...]
    """Test accuracy, in [0, 1], after the last epoch for each seed."""
    train_seconds: tuple[float, ...]
    """Training time for each seed, excluding loading and evaluation."""
    first_step_seconds: tuple[float, ...]
    """Duration of the first step for each seed, including warm-up. This time is part of `train_seconds`."""
    evaluation_seconds: tuple[float, ...]


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long the user waits for a command or the app, measured in one or more trials."""

    name: str
    seconds: tuple[float, ...]
    """Duration of each trial, in seconds."""


MANY_RUNS = 1_000
"""Number of runs in the list that the benchmark opens."""
REPAINTED_STEPS = (1_000, 30_000, 1_000_000)
"""Lengths of the runs whose charts are drawn, in steps. The benchmark opens the last one in the app."""


class AppCost(msgspec.Struct, frozen=True, kw_only=True):
    """Resource usage and responsiveness of the app on a terminal of 120×40 cells. Lists have one value per trial."""

    kib_per_second: list[float] = []
    """Output to the terminal while a run trains, in KiB per second."""
    cpu_share: list[float] = []
    """CPU usage of the app's own process while a run trains, as a fraction of one core."""
    memory_mib: list[float] = []
    """Total proportional set size of the app, kernel, engine and trainer processes, in MiB."""
    key_ms: list[float] = []
    """Times from a key press to the first output while a run trains on all cores, in ms: several per trial."""
    lost_speed: list[float] = []
    """Fraction of the training speed that is lost while the app is open."""
    open_seconds: list[float] = []
    """Time to open the longest run of `REPAINTED_STEPS`."""
    app_mib: list[float] = []
    """Resident set size of the app's own process, in MiB, while it shows the longest run."""
    repaint_ms: dict[int, list[float]] = {}
    """CPU time for drawing a chart, in milliseconds, by the number of steps of its run."""
    list_seconds: list[float] = []
    """Time to list `MANY_RUNS` runs."""


class TrainingBenchmark(msgspec.Struct, frozen=True, kw_only=True):
    """Results of the training measurements."""

    device: str
    device_name: str
    threads: int
    peak_gflops: dict[str, float]
    """Peak throughput of matrix multiplication for each precision, in 10⁹ operations per second."""
    results: tuple[TrainingSpeed, ...]
    ratio: float | None
    """Speed of the `guide` recipe relative to the guide's loop, or None if the recipe was not measured.

    The relative speed is the median over the rounds.
    """
    trained: tuple[FullTraining, ...]


class BenchReport(TrainingBenchmark, frozen=True, kw_only=True):
    """All results of a benchmark, as printed by `--json` and written by `--save`."""

    date: str
    versions: dict[str, str]
    dataset: str
    rounds: int
    seconds: float
    """Duration of the whole benchmark, in seconds."""
    waiting: tuple[Latency, ...]
    app: AppCost | None
    """Resource usage of the app, or None if it wasn't measured."""


def check_rounds(rounds: int, seeds: int) -> None:
    """Raise UsageError if the number of rounds or seeds is out of range."""
    if not 1 <= rounds <= MAX_ROUNDS:
        raise UsageError(f"rounds is {rounds}; it must be between 1 and {MAX_ROUNDS:,}")
    if not 0 <= seeds <= MAX_ROUNDS:
        raise UsageError(f"seeds is {seeds}; it must be between 0 and {MAX_ROUNDS:,}")
