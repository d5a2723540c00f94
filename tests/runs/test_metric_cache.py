"""The cache of the last and the best value of each metric."""

import math
from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs import metric_cache
from fashion_tui.runs.metric_cache import CACHE_FILE, MetricCache
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise
from fashion_tui.schema.events import StepChunk
from fashion_tui.schema.run import RunSummary, State

from .parts import make_run


def log_losses(run: Run, first_step: int, losses: list[float]) -> None:
    writer = run.event_writer()
    writer.write(StepChunk(time=1.0, first_step=first_step, metrics={"loss": list(losses), "x": [1.0] * len(losses)}))
    writer.close()


def summary_of(run: Run, state: State = "stopped") -> RunSummary:
    return msgspec.structs.replace(summarise(run), state=state)


@pytest.fixture
def polled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the runs whose logs are read."""
    polled = list[str]()

    class CountingReader(RunReader):
        def poll(self, max_bytes: int | None = None) -> object:  # type: ignore[override]
            polled.append(self.run.id)
            return super().poll(max_bytes)

    monkeypatch.setattr(metric_cache, "RunReader", CountingReader)
    return polled


def test_a_log_is_read_once_even_by_the_next_process(tmp_path: Path, polled: list[str]) -> None:
    run = make_run(tmp_path)
    log_losses(run, 1, [0.5, 0.25, 0.75])
    expected = {"loss": (0.75, 0.25), "x": (1.0, None)}
    with MetricCache(tmp_path) as cache:
        assert cache.get(summary_of(run)) == cache.get(summary_of(run)) == expected
    assert (tmp_path / CACHE_FILE).stat().st_mode & 0o777 == 0o600
    again = MetricCache(tmp_path)
    assert again.names() == {"loss", "x"}
    assert again.get(summary_of(run)) == expected
    assert polled == [run.id]
    log_losses(run, 4, [0.1])
    assert again.get(summary_of(run))["loss"] == (0.1, 0.1)
    assert polled == [run.id, run.id]


def test_the_values_of_a_live_run_are_followed(tmp_path: Path, polled: list[str]) -> None:
    run = make_run(tmp_path)
    with MetricCache(tmp_path) as cache:
        log_losses(run, 1, [math.nan])
        last, best = cache.get(summary_of(run, "running"))["loss"]
        assert math.isnan(last)
        assert best is None
        log_losses(run, 2, [3.0])
        assert cache.get(summary_of(run, "running"))["loss"] == (3.0, 3.0)
        log_losses(run, 3, [4.0])
        assert cache.get(summary_of(run, "finished"))["loss"] == (4.0, 3.0)
    assert len(polled) == 3


@pytest.mark.parametrize("content", [b"", b"\x81\xa1x\x92", b"{}" * 100])
def test_a_damaged_cache_is_replaced(tmp_path: Path, content: bytes) -> None:
    run = make_run(tmp_path)
    log_losses(run, 1, [0.5])
    (tmp_path / CACHE_FILE).write_bytes(content)
    with MetricCache(tmp_path) as cache:
        assert cache.get(summary_of(run))["loss"] == (0.5, 0.5)
    assert msgspec.msgpack.decode((tmp_path / CACHE_FILE).read_bytes()).keys() == {run.id}


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    log_losses(run, 1, [0.5])
    (tmp_path / CACHE_FILE).mkdir()  # also fails for root
    with MetricCache(tmp_path) as cache:
        assert cache.get(summary_of(run))["loss"] == (0.5, 0.5)


def test_entries_of_removed_runs_are_dropped(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, name=name) for name in ("one", "two")]
    summaries = [summary_of(run) for run in runs]
    with MetricCache(tmp_path) as cache:
        for run, summary in zip(runs, summaries, strict=True):
            log_losses(run, 1, [0.5])
            cache.get(summary)
        runs[0].path.rename(tmp_path / ".gone")
    assert msgspec.msgpack.decode((tmp_path / CACHE_FILE).read_bytes()).keys() == {runs[1].id}
