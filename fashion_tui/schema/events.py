"""Events of a run, as stored in `events.jsonl`, one per line.

A line is an envelope around the encoded event: {"run": id, "seq": n, "crc": c, "data": {…}}. The checksum c is the
CRC-32 of the string `id n ` (id and n, each followed by a space) and the bytes of `data`. The first field of `data`,
`event`, is the name of the event's type.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import msgspec

from .floats import JsonFloat
from .run import ControlAction

Step = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
"""Number of a training step."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `events.jsonl`."""

    run: str
    seq: int
    """Sequence number, counted from 0 without gaps across all trainers of the run."""
    crc: int
    data: msgspec.Raw


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base class of all events."""

    time: float
    """Unix time of the event."""


class Started(Event, frozen=True, kw_only=True, tag="started"):
    """A trainer has started training the run."""

    run: str
    model: str
    parameters: int
    train_images: int
    epochs: int
    steps_per_epoch: int
    device: str
    """Device on which the run trains: `cpu`, `cuda:0`, …"""
    device_name: str
    threads: int
    cpus: int
    """Number of CPUs that the trainer may use."""
    pid: int


class StepChunk(Event, frozen=True, kw_only=True, tag="steps", omit_defaults=True):
    """Metrics of consecutive steps (`first_step`) or of selected steps (`steps`).

    A trainer that logs every step uses `first_step`; a step missing between two such chunks means that the log is
    damaged. Metrics that are measured less often are in chunks with `steps`. Names of metrics may have the form
    `metric/part`, such as `gradient_norm/conv1`.
    """

    first_step: Step | None = None
    """The first of consecutive steps, or None if `steps` is set. Steps are counted from 1."""
    steps: list[Step] | None = None
    """Numbers of the steps in ascending order, or None if `first_step` is set."""
    metrics: dict[str, list[JsonFloat | None]]
    """Maps the name of each metric to one value per step; None if the metric wasn't measured in that step.

    All lists have the same length.
    """

    def __post_init__(self) -> None:
        lengths = set(map(len, self.metrics.values()))
        if (self.first_step is None) == (self.steps is None):
            raise ValueError("a chunk needs either first_step or steps")
        if self.steps is not None:
            if any(later <= earlier for earlier, later in pairwise(self.steps)):
                raise ValueError("the steps aren't in ascending order")
            lengths.add(len(self.steps))
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError("the lists of a chunk must have the same length, which must not be 0")

    @property
    def numbers(self) -> Sequence[int]:
        """Numbers of the steps in this chunk."""
        if self.steps is not None:
            return self.steps
        assert self.first_step is not None  # noqa: S101 - for the type checker
        return range(self.first_step, self.first_step + len(next(iter(self.metrics.values()))))


class EpochEnd(Event, frozen=True, kw_only=True, tag="epoch"):
    """An epoch was completed."""

    epoch: int
    """Number of the epoch, counted from 1."""
    step: int
    train_loss: JsonFloat
    """Mean training loss over the epoch. The loss of each batch is measured before its step."""
    train_accuracy: float
    validation_loss: JsonFloat | None
    validation_accuracy: JsonFloat | None
    seconds: float


class CheckpointSaved(Event, frozen=True, kw_only=True, tag="checkpoint"):
    """A checkpoint was written."""

    step: int
    epoch: int
    file: str
    bytes: int
    seconds: float
    """Number of seconds for which training was interrupted to save the checkpoint."""
    reason: str
    """Why the checkpoint was saved: `interval`, `epoch`, `asked`, `stop` or `end`."""
    next_in: float | None = None
    """Seconds until the next scheduled checkpoint. The interval is longer than configured if writing checkpoints is
    slow."""


class RequestHandled(Event, frozen=True, kw_only=True, tag="control"):
    """The trainer has carried out a request from the `control` folder."""

    action: ControlAction
    request: str
    """Id of the request."""
    step: int


class Warned(Event, frozen=True, kw_only=True, tag="warning"):
    """The trainer reported a warning."""

    message: str


class Resumed(Event, frozen=True, kw_only=True, tag="resumed"):
    """A new trainer has resumed the run or started it over. Earlier events about steps after `step` no longer apply."""

    step: int
    epoch: int
    """Number of completed epochs."""
    epochs: int
    checkpoint: str | None
    """File name of the checkpoint, or None if there was no valid checkpoint and the run starts over."""
    pid: int


class Finished(Event, frozen=True, kw_only=True, tag="finished"):
    """The run has completed its epochs or was stopped early, and its network has been evaluated on the test set."""

    run: str
    path: str
    step: int
    epochs: int
    """Number of completed epochs."""
    stopped_early: str | None = None
    """Why early stopping ended the run before its last planned epoch, or None if all epochs were completed."""
    test_accuracy: JsonFloat
    """Test accuracy, in [0, 1]; NaN if the network's outputs on the test set aren't numbers."""
    test_accuracy_flipped: JsonFloat | None = None
    """Test accuracy of predictions averaged over each image and its mirror image, or None if the recipe doesn't flip
    images."""
    test_loss: JsonFloat
    train_seconds: float
    loading_seconds: float | None = None
    """Seconds that the last trainer spent importing torch and loading the data, network and checkpoint."""
    evaluation_seconds: float | None = None
    """Duration of the evaluation on the test set, in seconds."""
    images_per_second: float


class Stopped(Event, frozen=True, kw_only=True, tag="stopped"):
    """The run was stopped before its last step."""

    step: int
    epoch: int
    reason: str
    """Why the run was stopped: `asked`, or the name of the signal."""


class ScriptEnded(Event, frozen=True, kw_only=True, tag="script_ended"):
    """The script that logged the run has reached its end, or the end of its `with` block."""

    step: int
    """The last step that was logged."""
    seconds: float
    """Time from the creation of the run to its end."""


class Failed(Event, frozen=True, kw_only=True, tag="failed"):
    """The run ended with an error."""

    step: int
    message: str


End = Finished | Stopped | Failed | ScriptEnded
"""Event that ends a run. A trained run may be resumed after it."""

RunEvent = Started | StepChunk | EpochEnd | CheckpointSaved | RequestHandled | Warned | Resumed | End
