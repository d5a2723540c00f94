"""The buffer between a script and the thread that writes its metrics."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Protocol

from fashion_tui.runs.replay import MAX_METRICS
from fashion_tui.schema.events import StepChunk
from fashion_tui.schema.floats import JsonFloat, encode_float
from fashion_tui.schema.text import encodable, one_line

from .values import to_float

MAX_NAME = 200
"""Maximum length of a metric's name, in characters."""

MAX_STEP = 10**12

MAX_CELLS = 4000
"""Maximum number of values in a chunk, including missing ones.

A line with this many metrics, each with a name of the maximum length, isn't too long for a reader.
"""

UNNAMED = "unnamed"


class Measurement(Protocol):
    """Metrics of a training step that are still on the device."""

    def read(self) -> Mapping[str, float]: ...


class Rows:
    """Collects the metrics that a script logs, and returns them as chunks.

    `add` and `chunks` may be called by two threads at the same time. Metrics are checked in `chunks`, so that `add` is
    fast. A value that can't be logged is left out, and `warn` is called with the reason.
    """

    def __init__(self, warn: Callable[[str, str], None]) -> None:
        """`warn` is called with the kind of problem and a message, for each value that can't be logged."""
        self.last_step = 0
        """The highest step of all chunks so far."""
        self.loss: float | None = None
        """The last value of the metric `loss`."""
        self._warn = warn
        self._waiting: deque[tuple[object, Mapping[str, object], Measurement | None]] = deque()
        self._names: dict[str, str] = {}
        """The printable form of each metric's name."""
        self._last_steps: dict[str, int] = {}
        """The last step of each metric."""

    def add(self, step: object, metrics: Mapping[str, object], measurement: Measurement | None = None) -> None:
        """Add the metrics of a step. They must not be changed afterwards."""
        self._waiting.append((step, metrics, measurement))

    def clear(self) -> None:
        self._waiting.clear()

    def chunks(self) -> Iterator[StepChunk]:
        """Remove the rows that have been added so far, and yield them as chunks."""
        steps: dict[int, dict[str, float]] = {}
        cells = 0
        for _ in range(len(self._waiting)):
            step, metrics, measurement = self._waiting.popleft()
            number = self._check_step(step)
            if number is None:
                continue
            row = steps.setdefault(number, {})
            before = len(row)
            self._add_row(row, number, metrics)
            if measurement is not None:
                self._add_row(row, number, self._read(measurement))
            cells += len(row) - before
            if cells >= MAX_CELLS:
                yield from self._split(steps)
                steps, cells = {}, 0
        yield from self._split(steps)

    def _add_row(self, row: dict[str, float], step: int, metrics: Mapping[str, object]) -> None:
        for original, value in metrics.items():
            if value is None:
                continue
            name = self._names.get(original) or self._new_name(original)
            last = self._last_steps.get(name, -1)
            if last == -1 and len(self._last_steps) >= MAX_METRICS:
                self._warn("metrics", f"only the first {MAX_METRICS:,} metrics of a run are logged; {name!r} isn't")
                continue
            if step < last:
                self._warn(
                    "order",
                    f"step {step:,} of {name!r} isn't logged because step {last:,} has been logged before; "
                    "steps must not decrease, so count them over all epochs",
                )
                continue
            try:
                row[name] = value if type(value) is float else to_float(value)
            except Exception as error:  # noqa: BLE001 - the value may be of any type, and its device may fail
                self._warn(
                    "value", f"{name!r} isn't logged at step {step:,}: {one_line(str(error))}; log a single number"
                )
                continue
            self._last_steps[name] = step

    def _read(self, measurement: Measurement) -> Mapping[str, float]:
        try:
            return measurement.read()
        except Exception as error:  # noqa: BLE001 - the device may fail
            self._warn("measurement", f"the layers can't be measured: {one_line(str(error))}")
            return {}

    def _new_name(self, original: str) -> str:
        name = self._names[original] = one_line(encodable(original), MAX_NAME) or UNNAMED
        return name

    def _check_step(self, step: Any) -> int | None:
        """Return the step as an integer, or None if it isn't one."""
        try:
            number = int(step)
            if 0 <= number <= MAX_STEP and number == step:
                return number
        except Exception:  # noqa: BLE001, S110 - the step may be of any type
            pass
        self._warn("step", f"step {one_line(repr(step), 40)} isn't logged; a step is an integer from 0 to {MAX_STEP:,}")
        return None

    def _split(self, steps: dict[int, dict[str, float]]) -> Iterator[StepChunk]:
        """Yield chunks of limited size."""
        group: list[int] = []
        names: dict[str, None] = {}
        for step in sorted(steps):
            row = dict.fromkeys(steps[step])
            if not row:
                continue
            more = names | row
            if group and len(more) * (len(group) + 1) > MAX_CELLS:
                yield self._chunk(group, names, steps)
                group, more = [], row
            group.append(step)
            names = more
        if len(names) > MAX_CELLS:  # only if the group is a single step
            remaining = iter(names)
            while part := dict.fromkeys(islice(remaining, MAX_CELLS)):
                yield self._chunk(group, part, steps)
        elif group:
            yield self._chunk(group, names, steps)

    def _chunk(self, group: list[int], names: Mapping[str, None], steps: dict[int, dict[str, float]]) -> StepChunk:
        self.last_step = max(self.last_step, group[-1])
        metrics: dict[str, list[JsonFloat | None]] = {
            name: [encode_float(steps[step][name]) if name in steps[step] else None for step in group] for name in names
        }
        if "loss" in names:
            self.loss = next(steps[step]["loss"] for step in reversed(group) if "loss" in steps[step])
        return StepChunk(time=time.time(), steps=group, metrics=metrics)
