"""Helpers for the tests of logged runs: read what a script has logged."""

from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.script.logged_run import LoggedRun
from fashion_tui.schema.events import RunEvent


def metrics_of(run: LoggedRun) -> dict[str, dict[int, float]]:
    """Read the values of all metrics by step. The log must be intact."""
    with opened(run) as stored:
        reader = RunReader(stored)
        assert reader.poll().damage is None
        return {name: dict(series.items()) for name, series in reader.metrics.items()}


def events_of(run: LoggedRun) -> list[RunEvent]:
    with opened(run) as stored:
        return list(stored.follow_events().events())


def opened(run: LoggedRun) -> Run:
    assert run.path is not None
    return Run(run.path)
