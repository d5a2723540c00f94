"""Compare the configurations and metrics of runs, and find the first step in which two runs differ."""

import hashlib
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from fashion_tui.schema.comparison import MetricComparison, RunComparison
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.run import StoredConfig

from .reader import RunReader
from .run import Run
from .series import Series
from .store import summarise

IGNORED_FIELDS = ("format", "run", "created", "dataset.directory", "summary")
"""Fields that have no effect on how a run is trained."""


def compare_runs(readers: Sequence[RunReader]) -> RunComparison:
    """Compare runs whose logs have been read. Raises DamagedRun if a configuration can't be read."""
    configurations = [configuration_fields(reader.run.stored_config) for reader in readers]
    names = dict.fromkeys(name for fields in configurations for name in fields)
    values = {name: tuple(fields.get(name) for fields in configurations) for name in names}
    metrics = [reader.metrics for reader in readers]
    summaries = [summarise(reader.run) for reader in readers]
    return RunComparison(
        runs=tuple(reader.run.id for reader in readers),
        titles=tuple(run.title for run in summaries),
        differences={name: row for name, row in values.items() if any(value != row[0] for value in row)},
        results={
            "state": tuple(run.state for run in summaries),
            "test_accuracy": tuple(run.test_accuracy for run in summaries),
            "duration": tuple(run.train_seconds for run in summaries),
        },
        metrics={
            name: _compare_metric(name, metrics) for name in dict.fromkeys(name for one in metrics for name in one)
        },
    )


def check_comparable(first: Run, second: Run) -> None:
    """Raise UserError if the predictions of two runs can't be compared. The message says why.

    Only reasons that can be found without reading checkpoints are checked: a run wasn't trained here or has no
    checkpoint, the data sets differ, or a custom model isn't trusted.
    """
    data, other_data = first.config.dataset, second.config.dataset
    if data.sha256 != other_data.sha256:
        names = (data.short_name, other_data.short_name)
        kind = f"different versions of {names[0]}" if names[0] == names[1] else " and ".join(names)
        raise UserError(f"{first.id} and {second.id} were trained on {kind}, so their test images differ")
    for run in (first, second):
        run.trusted_model()
        if not run.checkpoints.steps():
            raise UserError(f"{run.id} has no checkpoint")


def first_different_loss(first: RunReader, second: RunReader) -> tuple[int, float, float] | None:
    """Return the first step whose losses differ, and both losses. Return None if no losses differ.

    Only steps that both runs have logged are compared.
    """
    losses = dict(second.series("loss").items())
    for step, loss in first.series("loss").items():
        other = losses.get(step)
        if other is not None and _bits(loss) != _bits(other):
            return step, loss, other
    return None


def common_steps(first: RunReader, second: RunReader) -> int:
    """Return the number of steps whose loss both runs have logged."""
    return len({step for step, _ in first.series("loss").items()} & {step for step, _ in second.series("loss").items()})


def _bits(value: float) -> bytes:
    return array("d", [value]).tobytes()


def configuration_fields(config: StoredConfig) -> dict[str, object]:
    """Return the fields of a configuration by name, such as `batch_size`, `dataset.name` or `versions.torch`.

    The field `recipe` contains the recipe's name. The recipe's other fields keep their names. The images that are left
    out are represented by their number, `left_out.images`, and a hash of their indices, `left_out.sha256`.
    """
    flat: dict[str, object] = {}

    def add(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                add(f"{prefix}.{name}" if prefix else name, item)
        elif prefix not in IGNORED_FIELDS:
            flat[prefix] = value

    fields = msgspec.to_builtins(config)
    if left_out := fields.pop("left_out", ()):
        digest = hashlib.sha256(msgspec.json.encode(left_out)).hexdigest()
        fields["left_out"] = {"images": len(left_out), "sha256": digest}
    recipe = fields.pop("recipe", None)
    if recipe is not None:
        fields = {**fields, "recipe": recipe.pop("name"), **recipe}
    add("", fields)
    return flat


def _compare_metric(name: str, metrics: Sequence[Mapping[str, Series]]) -> MetricComparison:
    rows = [one[name].values() if name in one else () for one in metrics]
    return MetricComparison(
        last=tuple(encode_float(values[-1]) if len(values) else None for values in rows),
        best=tuple(best_value(name, values) for values in rows),
    )


def best_value(name: str, values: Iterable[float]) -> float | None:
    """Return the lowest finite loss or the highest finite accuracy. Return None for other metrics."""
    if not name.endswith(("loss", "accuracy")):
        return None
    best = min if name.endswith("loss") else max
    return best(filter(math.isfinite, values), default=None)
