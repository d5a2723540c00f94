"""What the Train pane shows about runs that other libraries log."""

import shutil
from pathlib import Path

import pytest

from fashion_tui.report.glyphs import UNICODE
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise_path
from fashion_tui.tui.pane import EmptyState
from fashion_tui.tui.train.chart_options import ChartOptions
from fashion_tui.tui.train.obstacles import ACTIONS_ON_RUNS, obstacle
from fashion_tui.tui.train.run_charts import ShownRuns, chart_of
from fashion_tui.tui.train.summary import note_text, summary_lines
from tests.runs.imported.parts import scalar, write_events

from .pilots import app_on, screen_text, until

DATA = Path(__file__).parents[1] / "runs" / "imported" / "data"


@pytest.mark.parametrize("large", [True, False])
def test_the_summary_has_the_library_its_settings_and_losses_first(large: bool) -> None:  # noqa: FBT001
    with Run(DATA / "hugging_face") as run:
        snapshot = RunReader(run).poll()
    lines = [line.plain for line in summary_lines(snapshot, 120, UNICODE, large=large)]
    assert "Hugging Face · num_train_epochs 2" in lines[0]
    assert lines[0].endswith("imported")
    metrics = "\n".join(lines)
    assert metrics.index("loss") < metrics.index("train_loss") < metrics.index("eval_loss") < metrics.index("grad_norm")
    assert "step 32" in metrics
    assert "imported from Hugging Face, last changed " in note_text(snapshot, None, UNICODE).plain


def test_metrics_with_a_slash_are_in_the_summary(tmp_path: Path) -> None:
    write_events(tmp_path, [scalar("loss/validation", 3, 0.25), scalar("loss/train", 3, 0.5)])
    with Run(tmp_path) as run:
        lines = [line.plain for line in summary_lines(RunReader(run).poll(), 100, UNICODE, large=False)]
    assert any(line.startswith("loss/train 0.5   loss/validation 0.25") for line in lines)


def test_metrics_that_a_trainer_measures_per_epoch_have_curves(tmp_path: Path) -> None:
    """Another library logs `validation_loss` at any steps, and its chart isn't part of that of `loss`."""
    (tmp_path / "metrics.csv").write_text("step,loss,validation_loss,epoch\n1,0.5,0.25,0\n2,0.75,0.125,0\n")
    with Run(tmp_path) as run:
        reader = RunReader(run)
        reader.watched = ("loss", "validation_loss")
        shown = ShownRuns((("run", reader.poll()),))
    assert shown.metrics == ["loss", "validation_loss", "epoch"]
    chart = chart_of("validation_loss", shown, ChartOptions())
    assert chart.runs[0].curve.mean == (0.25, 0.125)


def test_a_warning_about_the_log_is_the_note(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("loss\n0.5\n")
    with Run(tmp_path) as run:
        assert "no column 'step'" in note_text(RunReader(run).poll(), None, UNICODE).plain


def test_no_action_but_comparison_applies() -> None:
    summary = summarise_path(DATA / "hugging_face")
    for action in ACTIONS_ON_RUNS:
        assert "imported" in obstacle(action, summary), action


async def test_they_are_listed_and_charted_while_they_grow(tmp_path: Path) -> None:
    shutil.copytree(DATA / "lightning_logs", tmp_path / "logs" / "lightning_logs")
    file = tmp_path / "logs" / "lightning_logs" / "version_0" / "metrics.csv"
    async with app_on(tmp_path / "logs", size=(80, 24)) as (app, pilot):
        await pilot.press("escape", "4")
        await until(pilot, lambda: "version_0" in screen_text(app), "the list")
        name = "lightning_logs/version_0"
        if app.runs[0].run != name:
            await pilot.press("down")
        await until(pilot, lambda: "Lightning · " in screen_text(app) and "lr 0.1" in screen_text(app), "the summary")
        await until(pilot, lambda: "train loss 2.571" in screen_text(app), "the chart")
        with file.open("a", newline="") as opened:
            opened.write("2,34,0.0625,\r\n")
        await until(pilot, lambda: "0.0625" in screen_text(app) and "step 34" in screen_text(app), "the new row")
        await until(pilot, lambda: {run.run: run.step for run in app.runs}[name] == 34, "the new step in the list")
        await pilot.press("p")
        await until(pilot, lambda: "controlled" in screen_text(app), "a refusal")
        assert sorted(path.name for path in (tmp_path / "logs").rglob("*")) == sorted(
            ["lightning_logs", *(2 * ["expected.json", "hparams.yaml", "metrics.csv"]), "version_0", "version_1"]
        )
        (tmp_path / "logs").rename(tmp_path / "moved")
        empty = app.query_one(EmptyState)
        await until(pilot, lambda: empty.display and "no longer exists" in empty.text, "the reason of the empty list")
        (tmp_path / "moved").rename(tmp_path / "logs")
        await until(pilot, lambda: "version_0" in screen_text(app) and "No runs yet" in empty.text, "the list again")
