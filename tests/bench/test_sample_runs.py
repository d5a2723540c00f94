"""The runs that the benchmark writes look like trained runs."""

from pathlib import Path

from fashion_tui.bench.sample_runs import EPOCHS, write_run, write_runs
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import list_runs


def test_a_run_has_all_steps_and_is_not_damaged(tmp_path: Path) -> None:
    with Run(write_run(tmp_path / "runs", "long", 3000, held_out_loss=0.123)) as run:
        snapshot = RunReader(run).poll()
        assert (snapshot.damage, snapshot.notice, snapshot.state) == (None, None, "finished")
        assert (snapshot.status.step, snapshot.total_steps, snapshot.curve("loss").steps) == (3000, 3000, 3000)
        losses = [epoch.validation_loss for epoch in snapshot.epochs]
        assert len(losses) == EPOCHS
        assert losses[-1] == 0.123 == min(losses)  # type: ignore[type-var]


def test_many_runs_are_listed_from_the_newest_to_the_oldest(tmp_path: Path) -> None:
    ids = write_runs(tmp_path / "runs", 20)
    summaries = list_runs(tmp_path / "runs")
    assert [summary.run for summary in summaries] == ids[::-1]
    assert {(summary.state, summary.damage, summary.test_accuracy) for summary in summaries} == {
        ("finished", None, 0.9)
    }
