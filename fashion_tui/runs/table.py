"""All metrics of a run: a summary of each, lists for JSON, and a table with a row per step."""

import math
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import groupby
from operator import itemgetter

import msgspec

from fashion_tui.schema.floats import JsonFloat, encode_float

from .series import Series

Row = tuple[int, float | None, list[JsonFloat | None]]
"""A step, the Unix time at which its metrics were logged, and the value of each metric or None."""


class MetricValues(msgspec.Struct, frozen=True):
    """All values of a metric. Non-finite values are strings."""

    steps: list[int]
    values: list[JsonFloat]


class MetricSummary(msgspec.Struct, frozen=True):
    """A summary of a metric. `lowest` and `highest` are None if it has no finite value."""

    name: str
    count: int
    """Number of values."""
    last: JsonFloat
    lowest: tuple[float, int] | None
    """The lowest value and the first step that has it."""
    highest: tuple[float, int] | None
    """The highest value and the first step that has it."""


def metric_values(series: Series) -> MetricValues:
    """Return all values of a metric."""
    return MetricValues([step for step, _ in series.items()], [encode_float(value) for value in series.values()])


def metric_summary(name: str, series: Series) -> MetricSummary:
    """Summarise a metric, which must have at least one value."""
    finite = [(value, step) for step, value in series.items() if math.isfinite(value)]
    return MetricSummary(
        name,
        len(series),
        encode_float(series.values(last=1)[0]),
        min(finite, default=None),
        max(finite, key=itemgetter(0), default=None),
    )


def rows(metrics: Mapping[str, Series], times: Series) -> Iterator[Row]:
    """Yield a row for each step at which any metric has a value."""
    column_of = {name: column for column, name in enumerate(metrics)}
    streams = [_stream([(column_of[name], metrics[name]) for name in group]) for group in _groups(metrics)]
    logged = times.items()
    logged_step, time = next(logged, (-1, None))
    for step, parts in groupby(merge(*streams, key=itemgetter(0)), key=itemgetter(0)):
        while logged_step < step and (following := next(logged, None)) is not None:
            logged_step, time = following
        values: list[JsonFloat | None] = [None] * len(column_of)
        for _, columns, part in parts:
            for column, value in zip(columns, part, strict=True):
                values[column] = encode_float(value)
        yield step, time if logged_step >= step else None, values


def _groups(metrics: Mapping[str, Series]) -> list[list[str]]:
    """Group the names of the metrics that have values at the same steps, because merging fewer streams is faster."""
    groups: dict[object, list[str]] = {}
    for name, series in metrics.items():
        groups.setdefault(series.steps_key, []).append(name)
    return list(groups.values())


def _stream(group: Sequence[tuple[int, Series]]) -> Iterator[tuple[int, Sequence[int], tuple[float, ...]]]:
    """Yield each step of metrics that have the same steps, with their columns and values."""
    columns = [column for column, _ in group]
    values = zip(*(series.values() for _, series in group), strict=True)
    for (step, _), row in zip(group[0][1].items(), values, strict=True):
        yield step, columns, row
