"""The result of repeating steps of a run."""

import msgspec

from .floats import JsonFloat


class StepDifference(msgspec.Struct, frozen=True, kw_only=True):
    """The first difference between a run and its repetition."""

    step: int
    what: str
    """What differs: `loss`, or the name of a tensor in a checkpoint, such as `conv1.weight`."""
    run: JsonFloat
    """The loss that the run logged, or the first differing value of the tensor in its checkpoint."""
    again: JsonFloat
    """The same value in the repetition."""


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The result of repeating steps of a run and comparing them bit for bit."""

    run: str
    from_step: int
    """The step of the checkpoint from which training was repeated, or 0 if it started from the beginning."""
    steps: int
    """Number of steps that were repeated, including the first one that differs."""
    identical: bool
    first_difference: StepDifference | None
    checkpoints: tuple[int, ...]
    """Steps of the checkpoints whose weights were compared."""
    device: str
    """Device on which the steps were repeated."""
    device_name: str
    threads: int
    host: str
    versions: dict[str, str]
    changed: tuple[str, ...]
    """What has changed since the run was created, such as `torch 2.14.0 is now 2.15.0`."""
