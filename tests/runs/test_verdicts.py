"""Each verdict is given for a run with the problem, but not for a run without it."""

import math
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest

from fashion_tui.runs.series import Series
from fashion_tui.runs.verdicts import (
    Diverging,
    FarLearningRate,
    FewThreads,
    Overfitting,
    Plateau,
    SlowBatches,
    Verdict,
    find_verdicts,
)
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.events import Started
from fashion_tui.schema.run import RunConfig
from tests.runs.parts import make_run, started


def series(values: Sequence[float], *, every: int = 1) -> Series:
    """Return a series with a value at each `every`th step."""
    found = Series()
    for index, value in enumerate(values, 1):
        found.put(index * every, array("d", [value]))
    return found


def noisy(loss: Callable[[int], float], steps: int, noise: float = 0.2) -> Series:
    """Return losses of batches with a standard deviation of `noise` times the loss."""
    random = Random(0)
    return series([loss(step) * random.gauss(1, noise) for step in range(1, steps + 1)])


def find(
    metrics: dict[str, Series],
    epoch_ends: dict[int, int] | None = None,
    at: Started | None = None,
    config: RunConfig | None = None,
) -> list[Verdict]:
    return list(find_verdicts(metrics, buckets=512, epoch_ends=epoch_ends or {}, config=config, started=at))


def verdicts(**metrics: Series) -> list[Verdict]:
    return find(metrics)


def falling(step: int) -> float:
    """A loss that falls from 2.3, as fast as the loss of the guide's network."""
    return float(2.3 * (1 + step / 20) ** -0.4)


@pytest.mark.parametrize("steps", [1, 10, 200, 1000, 20_000])
def test_a_noisy_loss_that_falls_has_no_verdict(steps: int) -> None:
    assert verdicts(loss=noisy(falling, steps)) == []


def test_a_loss_that_rises_far_above_its_lowest_mean_diverges() -> None:
    (diverging,) = verdicts(loss=noisy(lambda step: falling(step) if step < 1500 else 1.1, 2000))
    assert isinstance(diverging, Diverging)
    assert 1300 < diverging.step < 1500
    assert diverging.lowest == pytest.approx(falling(1480), rel=0.15)
    assert diverging.last == pytest.approx(1.1, rel=0.15)


def test_a_loss_that_rises_from_the_start_diverges() -> None:
    (diverging, *_) = verdicts(loss=noisy(lambda step: 2.3 + step / 100, 400))
    assert isinstance(diverging, Diverging)
    assert diverging.step < 20


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_diverges_at_once(value: float) -> None:
    (diverging,) = verdicts(loss=series([2.3, 1.0, value]))
    assert isinstance(diverging, Diverging)
    assert (diverging.step, diverging.lowest) == (2, 1.0)
    assert math.isnan(diverging.last)


def test_the_noise_of_a_loss_near_zero_does_not_diverge() -> None:
    assert verdicts(loss=noisy(lambda step: 2.3 if step < 200 else 0.004 * (1 + step % 500 / 100), 2000)) == []


def test_a_loss_that_rises_a_little_does_not_diverge() -> None:
    assert verdicts(loss=noisy(lambda step: falling(step) if step < 1500 else 1.3 * falling(1500), 2000)) == []


def test_a_loss_that_stops_falling_is_on_a_plateau() -> None:
    (plateau,) = verdicts(loss=noisy(lambda step: max(falling(step), 0.6), 8000))
    assert isinstance(plateau, Plateau)
    falls_until = next(step for step in range(8000) if falling(step) <= 0.6)
    assert falls_until / 2 < plateau.step < 2 * falls_until
    assert plateau.loss == pytest.approx(0.6, rel=0.05)


@pytest.mark.parametrize(
    ("schedule", "epochs", "is_found"), [("triangle", 100, False), ("triangle", 80, True), ("constant", 100, True)]
)
def test_a_loss_that_will_fall_with_the_learning_rate_is_not_on_a_plateau(
    tmp_path: Path, schedule: str, epochs: int, *, is_found: bool
) -> None:
    """An epoch has 100 steps, and the run has trained for 80 epochs."""
    config = make_run(tmp_path, recipe=msgspec.structs.replace(GUIDE, schedule=schedule, warm_up=0.2)).config
    loss = noisy(lambda step: max(falling(step), 0.6), 8000)
    found = find({"loss": loss}, at=started(epochs=epochs, steps_per_epoch=100), config=config)
    assert [type(verdict) for verdict in found] == ([Plateau] if is_found else [])


@pytest.mark.parametrize(
    "metrics",
    [
        {"loss": noisy(lambda step: max(falling(step), 0.6), 900)},
        {"loss": noisy(lambda step: max(2.3 / step, 0.01), 8000)},
        {"loss": noisy(lambda step: max(falling(step), 0.6), 8000), "accuracy": series([0.995] * 8000)},
    ],
    ids=["too few steps", "the loss is near 0", "all images are learned despite label smoothing"],
)
def test_a_loss_that_cannot_fall_is_not_on_a_plateau(metrics: dict[str, Series]) -> None:
    assert verdicts(**metrics) == []


@pytest.mark.parametrize("name", ["validation_loss", "val_loss", "eval_loss"])
def test_a_loss_on_held_out_data_that_rises_while_the_training_loss_falls_shows_overfitting(name: str) -> None:
    held_out = series([0.6, 0.5, 0.45, 0.46, 0.48, 0.52], every=200)
    (overfitting,) = find({"loss": noisy(falling, 1200), name: held_out}, {600: 3})
    assert overfitting == Overfitting(600, 3, 0.45, 0.52)
    (without_epochs,) = find({"loss": noisy(falling, 1200), name: held_out})
    assert without_epochs == Overfitting(600, None, 0.45, 0.52)


@pytest.mark.parametrize(
    "held_out",
    [[0.6, 0.5, 0.48, 0.55], [0.6, 0.5, 0.45, 0.46, 0.455, 0.452], [0.6, 0.5, 0.45, 0.5, 0.52, 0.44], [0.6, math.nan]],
    ids=["one measurement is worse", "hardly worse", "best at the end", "not finite"],
)
def test_held_out_losses_that_do_not_show_overfitting(held_out: list[float]) -> None:
    assert verdicts(loss=noisy(falling, 200 * len(held_out)), validation_loss=series(held_out, every=200)) == []


def test_a_loss_that_rises_on_all_data_diverges_and_is_not_called_overfitting() -> None:
    loss = noisy(lambda step: falling(min(step, 600)) * max(step / 600, 1) ** 2, 1200)
    (diverging,) = verdicts(loss=loss, validation_loss=series([0.6, 0.5, 0.45, 0.7, 1.0, 1.4], every=200))
    assert isinstance(diverging, Diverging)


@pytest.mark.parametrize(("suggestion", "is_far"), [(0.011, True), (0.009, False), (1e-4, True), (2e-4, False)])
def test_a_learning_rate_far_from_the_suggestion_of_a_range_test(
    tmp_path: Path, suggestion: float, *, is_far: bool
) -> None:
    config = make_run(tmp_path, recipe=GUIDE).config
    assert find({}, config=config) == [], "no range test"
    tested = msgspec.structs.replace(config, suggested_learning_rate=suggestion)
    assert find({}, config=tested) == ([FarLearningRate(1e-3, suggestion)] if is_far else [])


def test_images_that_take_most_of_the_time_are_slow() -> None:
    assert verdicts(batch_time=series([0.1, 0.7, 0.6, 0.65, 0.8])) == [SlowBatches(0.65)]
    assert verdicts(batch_time=series([0.1, 0.4, 0.3, 0.45, 0.8])) == []
    assert verdicts(batch_time=series([0.9] * 4)) == [], "too few measurements"


@pytest.mark.parametrize(
    ("device", "threads", "cpus", "utilization", "is_found"),
    [
        ("cpu", 2, 8, 0.3, True),
        ("cpu", 8, 8, 0.3, False),
        ("cpu", 5, 8, 0.3, False),
        ("cpu", 2, 8, 0.9, False),
        ("cuda:0", 2, 8, 0.3, False),
    ],
    ids=["few threads", "a thread for each CPU", "more than half of the CPUs", "the CPUs are busy", "trains on a GPU"],
)
def test_few_threads_on_an_idle_machine(
    device: str, threads: int, cpus: int, utilization: float, *, is_found: bool
) -> None:
    at = msgspec.structs.replace(started(), device=device, threads=threads, cpus=cpus)
    expected = [FewThreads(threads, cpus, utilization)] if is_found else []
    assert find({"utilization/cpu": series([utilization] * 5)}, at=at) == expected
