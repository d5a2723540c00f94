"""`events.jsonl`: everything that happened in a run, one line an event.

A line is an envelope around the event's own bytes: {"run": id, "seq": n, "crc": c, "data": {…}}, where c is the CRC-32
of the text `id n ` (each followed by a space) and those bytes. The first field of `data`, `event`, is the event's kind.
"""

import msgspec

from .run import Action

JsonFloat = float | str
"""A float as JSON can hold it: "NaN", "Infinity" and "-Infinity" are written as texts."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it stands in the file."""

    run: str
    seq: int
    """0, 1, 2, … without gaps, over all trainers of the run."""
    crc: int
    data: msgspec.Raw


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """What all events have."""

    time: float
    """Unix time."""


class Started(Event, frozen=True, kw_only=True, tag="started"):
    run: str
    model: str
    parameters: int
    train_images: int
    epochs: int
    steps_per_epoch: int
    device: str
    """The one that was chosen: `cpu`, `cuda:0`, …"""
    device_name: str
    threads: int
    pid: int


class StepChunk(Event, frozen=True, kw_only=True, tag="steps"):
    """The figures of the steps since the last chunk, step by step."""

    first_step: int
    """Number of the first of these steps; the run's first step is 1."""
    epoch: int
    """The epoch that these steps belong to, counted from 1."""
    loss: list[JsonFloat]
    accuracy: list[JsonFloat]
    """Share of the batch that was classified rightly, in [0, 1], before the step."""
    learning_rate: list[JsonFloat]
    images_per_second: float


class EpochEnd(Event, frozen=True, kw_only=True, tag="epoch"):
    epoch: int
    """Counted from 1."""
    step: int
    train_loss: JsonFloat
    """Mean over the epoch's images, each as it was when it was trained on."""
    train_accuracy: float
    validation_loss: JsonFloat | None
    validation_accuracy: float | None
    seconds: float


class CheckpointSaved(Event, frozen=True, kw_only=True, tag="checkpoint"):
    step: int
    epoch: int
    file: str
    bytes: int
    seconds: float
    """What it cost the training."""
    reason: str
    """`interval`, `epoch`, `asked`, `stop` or `end`."""
    next_in: float | None = None
    """Seconds until the next one that nobody asks for: longer than configured where they cost too much."""


class RequestHandled(Event, frozen=True, kw_only=True, tag="control"):
    """A request of the folder `control` was carried out."""

    action: Action
    request: str
    """The request's id."""
    step: int


class Warned(Event, frozen=True, kw_only=True, tag="warning"):
    message: str


class Resumed(Event, frozen=True, kw_only=True, tag="resumed"):
    """A new trainer goes on from a checkpoint; figures of later steps that stand above this line are void."""

    step: int
    epoch: int
    """Epochs completed."""
    epochs: int
    checkpoint: str | None
    """None where there was no good checkpoint: from the beginning."""
    pid: int


class Finished(Event, frozen=True, kw_only=True, tag="finished"):
    run: str
    path: str
    step: int
    epochs: int
    test_accuracy: float
    test_accuracy_flipped: float | None = None
    """Where the recipe mirrors images: of the mean of the answers for each test image and its mirror image."""
    test_loss: JsonFloat
    train_seconds: float
    loading_seconds: float | None = None
    """Of the last trainer, until a step could be made: torch, data, network and checkpoint."""
    evaluation_seconds: float | None = None
    """On the test set."""
    images_per_second: float


class Stopped(Event, frozen=True, kw_only=True, tag="stopped"):
    step: int
    epoch: int
    reason: str
    """`asked`, or the signal's name."""


class Failed(Event, frozen=True, kw_only=True, tag="failed"):
    step: int
    message: str


RunEvent = (
    Started | StepChunk | EpochEnd | CheckpointSaved | RequestHandled | Warned | Resumed | Finished | Stopped | Failed
)
