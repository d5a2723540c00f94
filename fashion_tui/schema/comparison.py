"""The results of comparing runs."""

from typing import Literal

import msgspec

from .floats import JsonFloat

Sameness = Literal["same", "different", "unknown"]


class MetricComparison(msgspec.Struct, frozen=True):
    """A metric of several runs, in the order of the runs. A value is None if the run doesn't have the metric."""

    last: tuple[JsonFloat | None, ...]
    best: tuple[JsonFloat | None, ...]
    """The lowest loss or the highest accuracy. All None for metrics that are neither losses nor accuracies."""


class StepComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a step of two runs had the same inputs."""

    batch: Sameness
    """Whether the images, as the networks received them, and the labels are the same."""
    weights: Sameness
    """Whether the weights are the same at the last common checkpoint before the step."""
    weights_step: int | None
    """Step of the last common checkpoint, or None if there is none."""


class FirstDifference(msgspec.Struct, frozen=True, kw_only=True):
    """The first step whose losses differ in two runs, and whether its inputs and the settings differ."""

    step: int
    losses: tuple[JsonFloat, JsonFloat]
    configuration: tuple[str, ...]
    """Names of the configuration fields that differ."""
    batch: Sameness
    weights: Sameness
    weights_step: int | None


class RunComparison(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between runs."""

    runs: tuple[str, ...]
    titles: tuple[str, ...]
    """Titles of the runs, in the order of the runs. A run without a title has an empty string."""
    differences: dict[str, tuple[object, ...]]
    """Maps the name of each configuration field in which the runs differ to its value in each run."""
    results: dict[str, tuple[str | float | None, ...]]
    """The state, the test accuracy (None before the end) and the duration of each run, in seconds."""
    metrics: dict[str, MetricComparison]
    """All metrics that any of the runs has."""


class McNemar(msgspec.Struct, frozen=True, kw_only=True):
    """McNemar's exact test of whether two runs have different accuracies on the same images."""

    only_first: int
    """Number of images that only the first run classifies correctly."""
    only_second: int
    p: float
    """Two-sided p-value."""


class PredictionComparison(msgspec.Struct, frozen=True, kw_only=True):
    """How the predictions of two runs differ on the same images."""

    n: int
    """Number of images."""
    accuracies: tuple[float, float]
    mcnemar: McNemar
    broken: tuple[int, ...]
    """Indices of the images that the first run classifies correctly and the second doesn't."""
    fixed: tuple[int, ...]
    """Indices of the images that the second run classifies correctly and the first doesn't."""
    classes: tuple[str, ...]
    confusion_difference: tuple[tuple[int, ...], ...]
    """The second run's confusion matrix minus the first one's: rows are true classes, columns are predictions."""
