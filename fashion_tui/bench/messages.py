"""Messages between the benchmark and its worker processes, one line of JSON each. Doesn't import torch."""

import msgspec

from fashion_tui.schema.dataset import DatasetRef


class WorkerSetup(msgspec.Struct, frozen=True, kw_only=True):
    """Setup of a worker process, passed as its command-line argument."""

    dataset: DatasetRef
    contenders: tuple[str, ...]
    """Names of recipes. GUIDE_LOOP stands for the guide's training loop."""
    device: str
    threads: int
    like_trainer: bool
    """Whether to configure memory, threads and denormal numbers as a trainer does, and not as a plain script does."""


class Task(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base class of requests to a worker. The docstring of each request names the type of the reply."""


class Describe(Task, frozen=True, kw_only=True):
    """Ask for facts about the machine and the contenders; the reply is a Description."""


class MeasurePeak(Task, frozen=True, kw_only=True):
    """Measure the machine's peak throughput; the reply is a PeakSample."""


class MeasureSpeed(Task, frozen=True, kw_only=True):
    """Continue a contender's training for `seconds`; the reply is a SpeedSample."""

    contender: str
    seconds: float


class TrainFully(Task, frozen=True, kw_only=True):
    """Train a contender for all epochs; the reply is a TrainingResult."""

    contender: str
    seed: int


AnyTask = Describe | MeasurePeak | MeasureSpeed | TrainFully
"""The tasks that a worker decodes."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base class of a worker's replies."""


class Description(Reply, frozen=True, kw_only=True):
    """Properties of the machine and of the contenders."""

    device: str
    device_name: str
    precisions: dict[str, str]
    """Precision of each contender."""
    operations: dict[str, float]
    """Number of floating-point operations that each contender needs to train on one image."""


class PeakSample(Reply, frozen=True, kw_only=True):
    """Peak throughput of the machine in one measurement."""

    gflops: dict[str, float]
    """Highest throughput of a matrix product in each precision, in 10⁹ operations per second."""


class SpeedSample(Reply, frozen=True, kw_only=True):
    """Speed of a contender in one measurement."""

    images_per_second: float
    step_seconds: list[float]
    """Duration of each step."""


class TrainingResult(Reply, frozen=True, kw_only=True):
    """Accuracy and duration of a complete training run."""

    accuracy: float
    """Test accuracy, in [0, 1]."""
    seconds: float
    """Training time, excluding loading and evaluation."""
    first_step_seconds: float
    """Duration of the first step, including any warm-up and CUDA graph capture. This time is part of `seconds`."""
    evaluation_seconds: float


class WorkerError(Reply, frozen=True, kw_only=True):
    """The worker can't continue."""

    message: str
    is_usage: bool
    """Whether the error is a UsageError."""
