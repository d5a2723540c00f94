"""The fields of runs, for filtering, sorting and listing: their summary, configuration and metrics."""

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.recipe import Recipe
from fashion_tui.schema.run import RunConfig, RunSummary, short_name

from .compare import configuration_fields
from .errors import DamagedRun
from .metric_cache import LastAndBest
from .run import Run

Value = str | float | bool | tuple[str, ...]

_SUMMARY: Mapping[str, Callable[[RunSummary], Value | None]] = {
    "run": lambda run: run.run,
    "name": lambda run: run.title or short_name(run.run),
    "state": lambda run: run.state,
    "recipe": lambda run: run.recipe,
    "dataset": lambda run: run.dataset,
    "epoch": lambda run: run.epoch,
    "epochs": lambda run: run.epochs,
    "step": lambda run: run.step,
    "test_accuracy": lambda run: run.test_accuracy,
    "duration": lambda run: run.train_seconds,
    "speed": lambda run: run.images_per_second,
    "created": lambda run: run.created,
    "tag": lambda run: run.tags,
    "note": lambda run: run.note,
    "disk": lambda run: run.disk_bytes,
}

_OTHER_NAMES = {"lr": "learning_rate", "tags": "tag", "data": "dataset", "title": "name"}

_CONFIGURATION = {*RunConfig.__struct_fields__, *Recipe.__struct_fields__}

FIELDS = (
    *_SUMMARY,
    *sorted(_CONFIGURATION - _SUMMARY.keys() - {"format", "versions", "source", "summary", "left_out"}),
)
"""Names of the fields that every run has. All metrics are fields, too."""

_LAST, _BEST = ".last", ".best"


class RunFields:
    """A run's fields. The configuration and the log are read when one of their fields is used for the first time."""

    def __init__(self, summary: RunSummary, read_metrics: Callable[[RunSummary], Mapping[str, LastAndBest]]) -> None:
        """`read_metrics` returns the last and the best value of each metric, as `MetricCache.get` does."""
        self.summary = summary
        self._read_metrics = read_metrics

    def get(self, name: str) -> Value | None:
        """Return a field, or None if the run doesn't have it.

        A field is an entry of FIELDS; another setting of the configuration, such as `versions.torch`; the last value of
        a metric, such as `loss` or `loss.last`, or its best value, `loss.best`; or a setting of the script or the
        library that logged the run, with or without the prefix `settings.`. Of several fields with the same name, the
        first one in this order is returned.
        """
        given, name = name, _OTHER_NAMES.get(name, name)
        if name in _SUMMARY:
            return _SUMMARY[name](self.summary)
        if name in self._configuration:
            return _value(self._configuration[name])
        if not is_setting(name) and (metric := self._metric(name)) is not None:
            return metric
        logged = (f"settings.{name}", f"settings.{given}")
        return next((_value(self._configuration[key]) for key in logged if key in self._configuration), None)

    def _metric(self, name: str) -> float | None:
        last, best = self.metrics.get(name.removesuffix(_LAST).removesuffix(_BEST), (None, None))
        return best if name.endswith(_BEST) else last

    @property
    def words(self) -> tuple[str, ...]:
        """The strings that are searched for the words of a filter."""
        run = self.summary
        return (run.run, run.title, *run.tags, run.recipe or "", run.dataset or "", run.note)

    @cached_property
    def _configuration(self) -> dict[str, object]:
        try:
            with Run(Path(self.summary.path)) as run:
                return configuration_fields(run.stored_config)
        except DamagedRun:
            return {}

    @cached_property
    def metrics(self) -> Mapping[str, LastAndBest]:
        """The last and the best value of each metric."""
        return self._read_metrics(self.summary)


def is_setting(name: str) -> bool:
    """Return whether a name is a field of the summary or of the configuration, as opposed to a metric."""
    name = _OTHER_NAMES.get(name, name)
    prefixes = ("versions.", "source.", "dataset.", "settings.")
    return name in _SUMMARY or name in _CONFIGURATION or name.startswith(prefixes)


def reads_log(name: str) -> bool:
    """Return whether the log must be read to find the value of a field."""
    return not is_setting(name)


def check_field(name: str, runs: Iterable[RunFields]) -> str | None:
    """Return a message if no run has this field, else None. If there are no runs, every name is accepted."""
    runs = tuple(runs)
    if is_setting(name) or not runs or any(run.get(name) is not None for run in runs):
        return None
    similar = difflib.get_close_matches(
        name, {*FIELDS, *_OTHER_NAMES, *(metric for run in runs for metric in run.metrics)}, n=1
    )
    hint = f"; did you mean {similar[0]}?" if similar else ""
    return f"no run has a setting or metric {name!r}{hint}"


def check_fields(option: str, names: Iterable[str], runs: Sequence[RunFields]) -> None:
    """Raise UsageError, with the name of the option, if a name is empty or no run has the field."""
    for name in names:
        problem = check_field(name, runs) if name else "the name of a field is missing"
        if problem is not None:
            raise UsageError(f"{option}: {problem}")


def sort_runs(runs: Sequence[RunFields], order: str) -> list[RunFields]:
    """Sort runs by fields, separated by commas. A minus sign before a field reverses its order.

    Runs without a field come last in either order. Raises UsageError if no run has a field.
    """
    parts = [part.strip() for part in order.split(",")]
    check_fields("--sort", [part.removeprefix("-") for part in parts], runs)
    result = list(runs)
    for part in reversed(parts):
        name = part.removeprefix("-")
        present = [run for run in result if not _is_missing(run.get(name))]
        missing = [run for run in result if _is_missing(run.get(name))]
        result = sorted(present, key=lambda run: _key(run.get(name)), reverse=part.startswith("-")) + missing
    return result


def _is_missing(value: Value | None) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _key(value: Value | None) -> tuple[int, float | str]:
    if isinstance(value, int | float):
        return 0, value
    return 1, (" ".join(value) if isinstance(value, tuple) else value or "").casefold()


def _value(setting: object) -> Value | None:
    return setting if setting is None or isinstance(setting, bool | int | float | str) else str(setting)
