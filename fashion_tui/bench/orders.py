"""What a measuring process is asked, and what it answers: a line of JSON each. Imports no torch."""

import msgspec

from fashion_tui.schema.dataset import DatasetRef


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What a measuring process is started with."""

    dataset: DatasetRef
    roads: tuple[str, ...]
    """Names of recipes, or LOOP."""
    device: str
    threads: int
    as_trainer: bool
    """Keep freed memory, bind threads, take denormal numbers for 0: a script of one's own doesn't."""


class Order(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something to measure."""


class Describe(Order, frozen=True, kw_only=True):
    """The machine, and what each road asks of it."""


class Turn(Order, frozen=True, kw_only=True):
    """Training for a while, going on from the road's last turn."""

    road: str
    seconds: float


class Whole(Order, frozen=True, kw_only=True):
    """A training from its beginning to its end."""

    road: str
    seed: int


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What was found."""


class Described(Answer, frozen=True, kw_only=True):
    device: str
    device_name: str
    peak_gflops: dict[str, float]
    """By precision."""
    precisions: dict[str, str]
    """By road: what it computes in."""
    operations: dict[str, float]
    """By road: floating-point operations of training on one image."""


class TurnTaken(Answer, frozen=True, kw_only=True):
    images_per_second: float
    step_seconds: list[float]


class WholeTrained(Answer, frozen=True, kw_only=True):
    accuracy: float
    """On the test set, in [0, 1]."""
    seconds: float
    """Without loading and evaluation."""
    first_step_seconds: float
    """Part of these: what the first step warms up, or records for a GPU, comes to."""
    evaluation_seconds: float


class Problem(Answer, frozen=True, kw_only=True):
    """The process can't go on."""

    text: str
    is_usage: bool
    """It lies in what was asked for."""
