"""The table of runs, and the lines that a run prints."""

import msgspec
from rich.console import Console

from fashion_tui.report.runs import (
    ValidationScores,
    epoch_line,
    finished_text,
    metrics_table,
    runs_tables,
    validation_scores,
)
from fashion_tui.runs.table import MetricSummary
from fashion_tui.schema.events import EpochEnd, Finished
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


def test_the_whole_reason_of_a_failed_run_is_below_the_table() -> None:
    console = Console(width=80, record=True)
    console.print(*runs_tables((summary("20261128-1004-good", None), summary("20261128-1005-bad", MESSAGE))), sep="\n")
    table, problems = console.export_text().split("\n\n")
    assert len(table.splitlines()) == 3
    assert " ".join(problems.split()) == f"20261128-1005-bad: {MESSAGE}"
    assert len(runs_tables((summary("good", None),))) == 1


def test_a_long_name_of_a_data_set_is_shortened_in_the_table() -> None:
    console = Console(width=120, record=True)
    console.print(*runs_tables((msgspec.structs.replace(summary("good", None), dataset="a" * 40 + "z\x1b"),)))
    row = console.export_text().splitlines()[1]
    assert max(map(len, row.split())) == 20
    assert "\x1b" not in row


def test_the_table_of_metrics_says_that_update_ratios_are_logarithms() -> None:
    console = Console(width=80, record=True)
    names = ("loss", "update_ratio/conv1")
    console.print(metrics_table([MetricSummary(name, 1, -3.5, (-3.5, 1), (-3.5, 1)) for name in names]))
    _, loss, ratio = console.export_text().splitlines()
    assert loss.split()[:2] == ["loss", "−3.5"]
    assert ratio.split()[:3] == ["update_ratio/conv1", "(log10)", "−3.5"]


def test_a_narrow_table_has_fewer_columns_and_cuts_no_values() -> None:
    run = summary("20261130-100022-quick-tune-abcd", None)
    run = msgspec.structs.replace(run, recipe="airbench96", dataset="fashion-mnist", step=12_345, disk_bytes=999 << 20)
    values = ["3/3", "12,345", "97.00", "%", "999", "MiB"]
    for width, columns in (
        (120, ["airbench96", "fashion-mnist", *values]),
        (100, ["airbench96", *values]),
        (80, values),
    ):
        _, row = table_lines(run, width)
        assert row.split() == [run.run, row.split()[1], "finished", *columns], width
    longest = msgspec.structs.replace(run, run=f"20261130-100022-{'n' * 40}-abcd")
    for width, columns in ((120, ["airbench96", *values]), (100, values[:4]), (82, ["97.00", "%"])):
        _, row = table_lines(longest, width)
        assert row.split() == [longest.run, row.split()[1], "finished", *columns], width
    _, row, *folded = table_lines(run, 40)
    assert row.split()[1:] == [row.split()[1], "finished", "97.00", "%"]
    assert "".join(line.split()[0] for line in (row, *folded)) == run.run
    long = msgspec.structs.replace(run, run="x" * 150)
    _, row, *folded = table_lines(long, 120)
    assert row.split()[-7:] == ["airbench96", *values], "a long name drops no more columns than the longest id"
    assert "".join(line.split()[0] for line in (row, *folded)) == long.run


def table_lines(run: RunSummary, width: int) -> list[str]:
    console = Console(width=width, record=True)
    console.print(*runs_tables([run]))
    return console.export_text().splitlines()


def test_the_line_of_an_epoch() -> None:
    epoch = EpochEnd(
        time=0.0, epoch=2, step=20, train_loss=0.5118, train_accuracy=0.8129, validation_loss="NaN",
        validation_accuracy=0.1, seconds=65.3,
    )  # fmt: skip
    words = epoch_line(epoch, 3).plain.split()
    assert words[:6] == ["epoch", "2/3", "loss", "0.512", "accuracy", "81.3"]
    assert words[7:11] == ["validation:", "loss", "NaN", "accuracy"]
    assert words[-1] == "1:05"


def validated(epoch: int, accuracy: float | str | None) -> EpochEnd:
    return EpochEnd(
        time=0.0, epoch=epoch, step=epoch, train_loss=0.5, train_accuracy=0.8, validation_loss=0.4,
        validation_accuracy=accuracy, seconds=1.0,
    )  # fmt: skip


def test_the_last_and_the_best_validation_accuracy() -> None:
    assert validation_scores([validated(1, None)]) is None
    accuracies: list[float | str] = [0.7, 0.9, 0.9, "NaN", 0.8]
    epochs = [validated(epoch, accuracy) for epoch, accuracy in enumerate(accuracies, 1)]
    assert validation_scores(epochs) == ValidationScores(last=0.8, best=0.9, best_epoch=2)
    assert validation_scores(epochs[:4]) == ValidationScores(last="NaN", best=0.9, best_epoch=2)
    assert validation_scores(epochs[3:4]) == ValidationScores(last="NaN", best=None, best_epoch=0)


def test_the_end_has_the_accuracy_the_speed_and_the_times() -> None:
    finished = Finished(
        time=0.0,
        run="r",
        path="/r",
        step=938,
        epochs=1,
        test_accuracy=0.9046,
        test_loss=0.27,
        train_seconds=7.3,
        loading_seconds=2.94,
        evaluation_seconds=0.81,
        images_per_second=8_219.2,
    )
    first, second = finished_text(finished).plain.splitlines()
    assert first == "test accuracy 90.46 %  after 1 epoch in 0:07, 8,219 img/s"
    assert "loading 2.9 s" in second
    assert "evaluation 0.8 s" in second
    stopped = msgspec.structs.replace(finished, stopped_early="the validation loss hasn't improved since epoch 7")
    assert finished_text(stopped).plain.splitlines()[1] == f"stopped early: {stopped.stopped_early}"
    scores = ValidationScores(last=0.88123, best=0.9, best_epoch=2)
    assert "88.1 %, best 90.0 % after epoch 2" in finished_text(finished, scores).plain.splitlines()[1]
