"""The list of runs."""

from rich.console import Console

from fashion_tui.report.runs import runs_tables
from fashion_tui.schema.run import RunSummary

MESSAGE = (
    "the loss is nan at step 2, and the first such value comes from the layer conv2 (Conv2d): "
    "training stopped there; try a learning rate below 1e+30, such as guide's own 0.001"
)


def summary(run: str, message: str | None) -> RunSummary:
    return RunSummary(
        run=run,
        path=f"/runs/{run}",
        state="finished" if message is None else "failed",
        recipe="guide",
        dataset="synthetic",
        epoch=3,
        epochs=3,
        step=1_125,
        total_steps=1_125,
        test_accuracy=0.97,
        pid=None,
        created=0.0,
        loss=0.1,
        images_per_second=0.0,
        train_seconds=9.0,
        message=message,
        damage=None,
    )


def test_why_a_run_failed_stands_whole_below_the_table() -> None:
    console = Console(width=80, record=True)
    console.print(*runs_tables((summary("20261128-1004-good", None), summary("20261128-1005-bad", MESSAGE))), sep="\n")
    table, notes = console.export_text().split("\n\n")
    assert len(table.splitlines()) == 3
    assert " ".join(notes.split()) == f"20261128-1005-bad: {MESSAGE}"
    assert len(runs_tables((summary("good", None),))) == 1
