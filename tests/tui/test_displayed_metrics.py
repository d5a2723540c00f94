"""The numbers that the Train, Evaluate and Data panes, `train` and `runs` show, computed independently.

The values are chosen so that likely mistakes give other numbers: a share of the epoch instead of the run, steps instead
of images, a fraction instead of percent, the best instead of the last epoch.
"""

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from fashion_tui.cli.progress import TrainingBar
from fashion_tui.report.charts.drawing import draw_chart
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.report.runs import finished_text, runs_tables
from fashion_tui.runs.layers import LayerProblem
from fashion_tui.runs.reader import RunReader, RunSnapshot
from fashion_tui.runs.run import Run
from fashion_tui.runs.state import after
from fashion_tui.runs.store import summarise
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.evaluation import Averages, ClassReport, Evaluation, Prediction
from fashion_tui.schema.events import CheckpointSaved, EpochEnd, Finished, StepChunk, Stopped
from fashion_tui.schema.picture import Picture
from fashion_tui.schema.run import RunSummary, short_name
from fashion_tui.tui.bars import indicator_text
from fashion_tui.tui.data.class_list import class_counts
from fashion_tui.tui.data.image_details import statistics_lines
from fashion_tui.tui.evaluate.predictions import format_confidence, prediction_tile, predictions_title
from fashion_tui.tui.evaluate.selection import Selection
from fashion_tui.tui.evaluate.summary import checkpoint_line, headline, progress_line
from fashion_tui.tui.train.chart_options import ChartOptions
from fashion_tui.tui.train.run_charts import ShownRuns, chart_of
from fashion_tui.tui.train.run_lines import run_heading, run_line
from fashion_tui.tui.train.summary import note_text, summary_lines
from fashion_tui.tui.widgets.grid_cursor import GridCursor
from fashion_tui.tui.widgets.large_number import large_number
from tests.runs.parts import make_run, started

STEPS = 111
"""Completed steps of a run of 3 epochs of 100 steps with 40 images each."""

LOSSES = [3.0 if step == STEPS - 5 else 2.0 - step / 100 for step in range(STEPS)]
ACCURACIES = [0.5 + step / 400 for step in range(STEPS)]


def epoch_end(epoch: int, validation: float) -> EpochEnd:
    return EpochEnd(
        time=0.0, epoch=epoch, step=100 * epoch, train_loss=0.5, train_accuracy=0.8, validation_loss=0.4,
        validation_accuracy=validation, seconds=65.0,
    )  # fmt: skip


@pytest.fixture
def running(tmp_path: Path) -> RunSnapshot:
    """A run in its second epoch, which trains 9.5 images per second."""
    recipe = msgspec.structs.replace(GUIDE, batch_size=40)
    with make_run(tmp_path / "runs", recipe=recipe, name="guide") as run:
        writer = run.event_writer()
        writer.write(started(run.id, epochs=3, steps_per_epoch=100))
        for first, last in ((0, 100), (100, STEPS)):
            writer.write(
                StepChunk(
                    time=0.0,
                    first_step=first + 1,
                    metrics={
                        "loss": [*LOSSES[first:last]],
                        "accuracy": [*ACCURACIES[first:last]],
                        "learning_rate": [0.001] * (last - first),
                    },
                )
            )
            if last == 100:
                writer.write(epoch_end(1, 0.91))
        saved = CheckpointSaved(
            time=0.0,
            step=100,
            epoch=1,
            file="step-100.pt",
            bytes=2_621_440,
            seconds=0.254,
            reason="epoch",
            next_in=29.6,
        )
        writer.write(saved)
        writer.close()
        status = msgspec.structs.replace(
            run.read_status(), state="stopped", step=STEPS, steps_per_epoch=100, epoch=1, epochs=3, loss=0.98765,
            images_per_second=9.5, train_seconds=754.4,
        )  # fmt: skip
        run.write_status(status)
        snapshot = RunReader(run).poll()
    return replace(
        snapshot, status=msgspec.structs.replace(snapshot.status, state="running"), disk_bytes=3 * 2**20, damage=None
    )


@pytest.fixture
def finished(running: RunSnapshot) -> RunSnapshot:
    """The run after its last epoch. Its second epoch was the best one."""
    epochs = (epoch_end(1, 0.7), epoch_end(2, 0.923), epoch_end(3, 0.8812))
    status = msgspec.structs.replace(running.status, state="finished", step=300, epoch=3, test_accuracy=0.90468)
    return replace(running, status=status, epochs=epochs)


def words(snapshot: RunSnapshot, *, large: bool = False) -> str:
    lines = summary_lines(snapshot, 130, ASCII, large=large)
    return " ".join(" ".join(line.plain for line in lines).split())


ETA = "13:16"
"""189 steps of 40 images are left, at 9.5 images per second: 795.8 s."""


def test_the_summary_of_a_live_run(running: RunSnapshot) -> None:
    text = words(running)
    for expected in (
        "batch 40 - lr 0.001 - seed 0",
        "loss 0.988",
        f"accuracy % {ACCURACIES[-1] * 100:.1f}",
        "validation 91.0 % best 91.0 %",
        "epoch 2/3 step 111 / 300",
        f"37 % ETA {ETA}",
    ):
        assert expected in text
    progress = summary_lines(running, 130, UNICODE, large=False)[-1].plain
    cells = sum(progress.count(glyph) for glyph in (*UNICODE.eighths, UNICODE.rule))
    filled = sum((index + 1) / 8 * progress.count(glyph) for index, glyph in enumerate(UNICODE.eighths))
    assert filled == pytest.approx(cells * 111 / 300, abs=1 / 16)


def test_the_sparkline_shows_the_losses_of_the_last_steps(running: RunSnapshot) -> None:
    (line,) = (line.plain for line in summary_lines(running, 130, UNICODE, large=True) if "last" in line.plain)
    shown = line.rpartition("last ")[2]
    levels = [UNICODE.levels.index(glyph) for glyph in shown]
    assert 20 <= len(levels) <= 60
    assert levels[-5] == 7, "the highest loss is the fifth last"
    others = levels[:-5] + levels[-4:]
    assert others == sorted(others, reverse=True), "all other losses fall"
    assert others[0] < 7
    assert others[-1] == 0


def test_the_summary_of_a_finished_run(finished: RunSnapshot) -> None:
    text = words(finished)
    for expected in ("test accuracy % 90.47", "validation 88.1 % best 92.3 %", "trained in 12:34", "img/s 10", "100 %"):
        assert expected in text
    assert "ETA" not in text
    lines = [line.plain for line in summary_lines(finished, 130, UNICODE, large=True)]
    assert [line.strip() for line in lines[2:5]] == [line.strip() for line in large_number("90.47", UNICODE)]


def test_the_digits_of_large_numbers_differ() -> None:
    assert len({large_number(digit, UNICODE) for digit in "0123456789"}) == 10


def test_the_note_of_a_live_run_describes_its_last_checkpoint(running: RunSnapshot) -> None:
    note = note_text(running, None, ASCII).plain
    assert note == "checkpoint at step 100: 2.5 MiB in 0.25 s, next in 30 s - 3 MiB on disk"


def test_the_note_of_a_run_describes_the_first_problem_of_its_layers(
    running: RunSnapshot, finished: RunSnapshot
) -> None:
    problems = LayerProblem("dead ReLUs", ("fc1",), 1.0), LayerProblem("no gradient", ("conv1",), 0.0)
    live, ended = (note_text(replace(each, verdicts=problems), None, ASCII).plain for each in (running, finished))
    assert live.startswith("! all ReLUs after fc1 are dead")
    assert ended == live


def progress_bar(snapshot: RunSnapshot) -> str:
    console = Console(file=StringIO(), force_terminal=True, width=160)
    with TrainingBar(console) as bar:
        bar.update(snapshot)
        bar._bar.refresh()
    assert isinstance(console.file, StringIO)
    return Console(width=160).render_str(console.file.getvalue(), markup=False).plain


def test_the_progress_bar_of_train(running: RunSnapshot, finished: RunSnapshot) -> None:
    text = progress_bar(running)
    for expected in (
        "epoch 2/3",
        "37%",
        "loss 0.988",
        f"{ACCURACIES[-1] * 100:.1f} %",
        "validation 91.0 % (best 91.0 %)",
        "10 img/s",
        f"ETA {ETA}",
    ):
        assert expected in text
    assert "validation 88.1 % (best 92.3 %)" in progress_bar(finished)


def test_the_last_line_of_train_has_both_test_accuracies() -> None:
    event = Finished(
        time=0.0, run="r", path="/r", step=300, epochs=3, test_accuracy=0.9046, test_accuracy_flipped=0.9111,
        test_loss=0.27, train_seconds=754.4, images_per_second=9.5,
    )  # fmt: skip
    text = finished_text(event).plain
    assert "test accuracy 90.46 %" in text
    assert "mirror images 91.11 %" in text
    assert "after 3 epochs in 12:34, 10 img/s" in text


def test_the_note_of_a_run_that_was_stopped_early_says_why(finished: RunSnapshot) -> None:
    reason = "the validation loss hasn't improved since epoch 2"
    end = Finished(
        time=0.0, run="r", path="/r", step=300, epochs=3, stopped_early=reason, test_accuracy=0.9, test_loss=0.3,
        train_seconds=10.0, images_per_second=9.5,
    )  # fmt: skip
    stopped = replace(finished, end=end)
    assert note_text(stopped, None, ASCII).plain == f"stopped early: {reason}"
    problem = replace(stopped, verdicts=(LayerProblem("large updates", ("conv1",), -0.3),))
    assert re.match(f"stopped early: {reason} - ! .*lower learning rate$", note_text(problem, None, ASCII).plain)


def test_a_run_that_was_stopped_early_keeps_its_planned_epochs_and_is_complete(
    running: RunSnapshot, summary: RunSummary
) -> None:
    event = Finished(
        time=0.0, run="r", path="/r", step=200, epochs=2, stopped_early="", test_accuracy=0.9, test_loss=0.3,
        train_seconds=10.0, images_per_second=9.5,
    )  # fmt: skip
    stopped = replace(running, status=after(running.status, event))
    assert "epoch 2/3 step 200 / 200" in words(stopped)
    assert "100 %" in words(stopped)
    assert "2/3" in progress_bar(stopped)
    listed = msgspec.structs.replace(summary, state="finished", epoch=2, epochs=3, step=200)
    assert run_line(listed, short_name(listed.run), 40, ASCII).plain.split()[2] == "2/3"
    assert stopped.total_steps == 200


def test_the_note_of_a_run_that_was_removed_from_the_queue(running: RunSnapshot) -> None:
    status = msgspec.structs.replace(running.status, state="stopped")
    end = Stopped(time=0.0, step=0, epoch=0, reason="asked")
    stopped = replace(running, status=status, end=end)
    assert "stopped at step 0" in note_text(stopped, None, ASCII).plain
    assert note_text(replace(stopped, started=None), None, ASCII).plain == "never started - press r to start it"


@pytest.fixture
def summary(running: RunSnapshot) -> RunSummary:
    with Run(running.path) as run:
        return summarise(run)


def test_the_list_of_runs(summary: RunSummary) -> None:
    name = short_name(summary.run)
    assert run_line(summary, name, 40, ASCII).plain.split() == ["#", name, "1/3", "loss", "0.988"]
    ended = msgspec.structs.replace(summary, state="finished", epoch=3, test_accuracy=0.90468)
    assert run_line(ended, name, 40, ASCII).plain.split() == ["+", name, "3/3", "90.47", "%"]
    for width in (31, 40):
        heading, line = run_heading(width, ASCII).plain, run_line(ended, name, width, ASCII).plain
        assert heading.split() == ["name", "progress", "result"]
        assert (heading.index("name"), heading.index("ess") + 3, len(heading.rstrip())) == (
            line.index(name), line.index("3/3") + 3, len(line.rstrip())
        )  # fmt: skip
    console = Console(width=120, record=True)
    console.print(*runs_tables([summary, msgspec.structs.replace(ended, disk_bytes=2_621_440)]), sep="\n")
    header, first, second = (line.split() for line in console.export_text().splitlines())
    size = sum(file.stat().st_size for file in Path(summary.path).rglob("*") if file.is_file())
    assert header == ["run", "state", "recipe", "data", "epoch", "step", "test", "disk"]
    assert first[3:8] == ["guide", "synthetic", "1/3", "111", "–"]
    assert float(first[8]) == pytest.approx(size / 1024, rel=0.01)
    assert second[3:] == ["guide", "synthetic", "3/3", "111", "90.47", "%", "2.5", "MiB"]


def test_the_indicator_of_live_runs(summary: RunSummary) -> None:
    live = msgspec.structs.replace(summary, state="running", images_per_second=1234.6)
    assert indicator_text(live, 3, short=False).plain.split()[1:] == [
        short_name(live.run), "2/3", "37", "%", "1,235", "img/s", "+2",
    ]  # fmt: skip
    assert indicator_text(live, 1, short=True).plain.split()[1:] == ["37", "%"]


def shown(*snapshots: RunSnapshot) -> ShownRuns:
    return ShownRuns(tuple((snapshot.run, snapshot) for snapshot in snapshots))


def test_the_chart_of_the_accuracy_is_in_percent_with_the_held_out_accuracy(finished: RunSnapshot) -> None:
    chart = chart_of("accuracy", shown(finished), ChartOptions())
    (run,) = chart.runs
    assert run.curve.mean == pytest.approx([accuracy * 100 for accuracy in ACCURACIES])
    assert [(each.epoch, each.step) for each in run.per_epoch] == [(1, 100), (2, 200), (3, 300)]
    assert [each.value for each in run.per_epoch] == pytest.approx([70, 92.3, 88.12])
    assert (run.steps_per_epoch, run.planned_steps, run.ended) == (100, 300, True)
    title = draw_chart(chart, 100, 12, UNICODE).lines[0].plain
    weights = 0.5 ** (np.arange(STEPS - 1, -1, -1) / 16)
    smoothed = (weights * ACCURACIES).sum() / weights.sum() * 100
    expected = f"accuracy {smoothed:.1f} % · validation 88.1 % (best 92.3 % at epoch 2) · smoothed over 16 steps"
    assert title == expected


def test_the_chart_of_the_loss_shows_the_held_out_loss_on_a_logarithmic_axis(running: RunSnapshot) -> None:
    chart = chart_of("loss", shown(running), ChartOptions(half_life=0))
    assert chart.logarithmic_y
    assert chart.runs[0].curve.mean == pytest.approx(LOSSES)
    title = draw_chart(chart, 80, 12, UNICODE).lines[0].plain
    assert title == f"loss {LOSSES[-1]:.3f} · validation 0.400"
    assert not chart.runs[0].ended
    assert chart_of("learning_rate", shown(running), ChartOptions(half_life=64)).half_life == 0, "it has no noise"


def test_the_detail_and_the_learning_rate_of_a_chart_are_those_of_the_snapshot(running: RunSnapshot) -> None:
    window = running.curve("accuracy").before(51)
    snapshot = replace(running, details={"accuracy": window})
    accuracy, loss = (chart_of(name, shown(snapshot), ChartOptions()).runs[0] for name in ("accuracy", "loss"))
    assert accuracy.detail.mean == pytest.approx([value * 100 for value in ACCURACIES[:50]])
    assert len(loss.detail) == 0
    assert accuracy.learning_rate.mean == loss.learning_rate.mean == (0.001,) * STEPS


@pytest.mark.parametrize("waited", [None, 5.0])
def test_the_clock_of_a_run_starts_when_its_training_begins_and_never_goes_back(
    tmp_path: Path, waited: float | None
) -> None:
    """A resumed run keeps its first start. The log of a script has no start of training, only the run's creation."""
    with make_run(tmp_path / "runs") as run:
        writer = run.event_writer()
        for start in () if waited is None else (waited, 30.0):
            writer.write(msgspec.structs.replace(started(run.id), time=run.config.created + start))
        for chunk, time in enumerate((10.0, 20.0, 15.0, 40.0)):
            writer.write(
                StepChunk(time=run.config.created + time, first_step=chunk * 2 + 1, metrics={"loss": [1.0, 0.5]})
            )
        writer.close()
        steps, seconds = zip(*RunReader(run).poll().clock, strict=True)
    assert steps == (2, 4, 6, 8)
    assert seconds == pytest.approx([time - (waited or 0.0) for time in (10, 20, 20, 40)], abs=1e-3)


# Evaluation

EVALUATION = Evaluation(
    run="20261128-1004-guide-a1b2", dataset="fashion-mnist", split="test", checkpoint="step-1125.pt", step=1_125,
    epoch=3, n=40, accuracy=0.95, interval=(0.835, 0.98618), accuracy_with_flips=None, reliability=(),
    macro=Averages(precision=1, recall=1, f1=1), weighted=Averages(precision=1, recall=1, f1=1),
    top2=0.975, loss=0.12345, ece=0.04567, confusion=((20, 1), (1, 18)),
    per_class=tuple(ClassReport(name=name, precision=1, recall=1, f1=1, support=20) for name in ("Shirt", "Bag")),
)  # fmt: skip


def test_the_headline_of_an_evaluation() -> None:
    first, second, third = (line.plain for line in headline(EVALUATION, ASCII))
    digits = large_number("95.0", ASCII)
    assert all(line.startswith(digit) for line, digit in zip((first, second, third), digits, strict=True))
    assert first.endswith("accuracy on 40 test images")
    assert second.endswith("83.5-98.6 % (95 % interval)")
    assert third.endswith("top-2 97.5 %  loss 0.123  ECE 4.6 %")


def test_the_line_of_the_checkpoint_and_of_the_progress() -> None:
    assert checkpoint_line(EVALUATION, "final", 1_125).plain == "guide-a1b2 · epoch 3 · step 1,125"
    assert checkpoint_line(EVALUATION, "final", 5_625).plain == "guide-a1b2 · epoch 3 · step 1,125 of 5,625"
    other = checkpoint_line(EVALUATION, "final", 1_125, "my digits").plain
    assert other == "guide-a1b2 · my digits · epoch 3 · step 1,125"
    line = progress_line("guide-a1b2", 3_300, 10_000, UNICODE).plain
    assert "3,300 / 10,000 images" in line
    assert " 33 %" in line
    assert line.count(UNICODE.eighths[-1]) == 9, "33 % of 30 columns"


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.0, "0 %"),
        (0.004, "0 %"),
        (0.966, "97 %"),
        (0.9994, "99 %"),
        (0.9996, "100 %"),
        (1.0, "100 %"),
    ],
)
def test_only_certainty_is_shown_as_100_percent(probability: float, text: str) -> None:
    assert format_confidence(probability) == text


def test_a_wrong_prediction_has_the_probability_of_the_predicted_class() -> None:
    prediction = Prediction(
        index=3, truth=0, probabilities=(0.23, 0.71, 0.06), pixels=bytes(784), image_shape=(1, 28, 28)
    )
    first, second = prediction_tile(prediction, ("Shirt", "Coat", "Bag"), 20, UNICODE).labels
    assert (first.plain, second.plain.split()) == ("✕ Shirt", ["→", "Coat", "71", "%"])
    correct = msgspec.structs.replace(prediction, truth=1)
    assert prediction_tile(correct, ("Shirt", "Coat", "Bag"), 20, UNICODE).labels[1].plain.split() == ["71", "%"]


def test_the_title_of_the_predictions_counts_images_and_pages() -> None:
    cursor = GridCursor(total=587, columns=7, rows=2, index=580)
    title = predictions_title(cursor, Selection(truth=1), ["Bag", "Shirt"], UNICODE).plain
    assert "Shirt" in title
    assert "575–587 of 587" in title
    assert "page 42/42" in title


# Data


def test_the_statistics_of_an_image_describe_the_pixels_of_each_channel() -> None:
    pixels = np.random.default_rng(0).integers(3, 200, (3, 28, 28), dtype=np.uint8)
    pixels[0, ::3] = 0
    lines = [line.plain for line in statistics_lines(Picture(pixels.tobytes(), (3, 28, 28)), 44, UNICODE)]
    for name, channel, numbers, histogram in zip(
        ("red", "green", "blue"), pixels, lines[::2], lines[1::2], strict=True
    ):
        assert numbers.split() == [
            *(name, "min", f"{channel.min()}", "mean", f"{channel.mean():.1f}"),
            *("std", f"{channel.std():.1f}", "max", f"{channel.max()}"),
        ]
        bars, share = histogram.split(maxsplit=1)
        assert share == f"{(channel == 0).mean() * 100:.0f} % at 0"
        counts = np.histogram(channel, 32, (0, 256))[0]
        levels = [UNICODE.levels.index(glyph) for glyph in bars]
        assert levels == [round(7 * root / counts.max() ** 0.5) for root in counts**0.5], (
            "areas, not heights, are counts"
        )


@pytest.mark.parametrize("width", [40, 80])
def test_the_number_of_images_of_each_class(width: int) -> None:
    lines = class_counts(("Shirt", "Coat", "Bag"), (1_234, 617, 1), None, width, 10)
    text = " ".join(" ".join(line.plain for line in lines).split())
    for name, count in (("Shirt", "1,234"), ("Coat", "617"), ("Bag", "1")):
        assert re.search(rf"\b{name}\b\W+{count}\b", text)
    if width == 40:
        full, half, tiny = (line.plain.count("━") + line.plain.count("╸") / 2 for line in lines)
        assert full == 40 - 5 - 6 - 2, "the space between the name and the number"
        assert half == pytest.approx(full / 2, abs=0.25)
        assert tiny == 0.5


@pytest.mark.parametrize(("width", "height", "per_line"), [(28, 18, 1), (80, 2, 5)])
@pytest.mark.parametrize("classes", [26, 100])
def test_the_list_of_classes_follows_the_current_class(width: int, height: int, per_line: int, classes: int) -> None:
    names = [f"c{index:03}" for index in range(classes)]
    for current in range(classes):
        lines = [line.plain for line in class_counts(names, [600] * classes, None, width, height, current)]
        assert len(lines) == height
        assert names[current] in " ".join(lines)
        shown = " ".join(lines).count("c")
        hidden = [int(line.split()[1]) for line in lines if "more" in line]
        assert sum(hidden) == (classes - shown if per_line == 1 else 0)


def test_long_and_hostile_class_names_are_shortened_in_the_list() -> None:
    names = ["x" * 200, "evil\x1b[2J\x07", "\u202ebackwards", "猫" * 100]
    for width in (28, 80):
        lines = class_counts(names, [1, 2, 3, 4], None, width, 10)
        assert all(line.cell_len <= width for line in lines)
        assert all(line.plain.isprintable() for line in lines)
