"""The learning rate range test: its steps, its suggestions, and the state that it restores."""

import math
import random
from collections.abc import Sequence
from contextlib import closing
from itertools import count
from typing import Any

import msgspec
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.data.synthetic import draw
from fashion_tui.lab.training.loop import Training
from fashion_tui.lab.training.optimizers import ADAM_SHARE
from fashion_tui.lab.training.range_test import learning_rates, run_range_test, smooth, with_suggestion
from fashion_tui.schema.builtin_recipes import GUIDE, QUICK, STRONG
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.range_test import RangeTest
from fashion_tui.schema.recipe import Recipe

from .fake_cuda import fake_cuda
from .test_step import BATCH, NOISY
from .test_training import bits, run, striped

CPU = torch.device("cpu")
RANDOM = random.Random(0)

LINEAR = """
from torch import nn

class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.fc(x.flatten(1))
"""
"""Softmax regression. It counts its calls, which a `state_dict` doesn't contain."""


def custom(source: str, name: str) -> CustomModel:
    return CustomModel(source=source, class_name=name)


def last_result(training: Training, steps: int = 100) -> RangeTest:
    *_, result = run_range_test(training, steps=steps)
    return result


@pytest.fixture(scope="module")
def garments() -> Images:
    return Images(*draw(2000, seed=0))


@pytest.mark.parametrize(
    ("recipe", "network", "expected"),
    [
        pytest.param(GUIDE, custom(LINEAR, "Linear"), (1e-3, 2e-2), id="linear"),
        pytest.param(GUIDE, None, (1e-3, 1e-2), id="guide"),
        pytest.param(msgspec.structs.replace(QUICK, precision="fp32"), None, (1e-3, 1e-2), id="quick"),
    ],
)
def test_the_suggestion_trains_well_and_a_rate_beyond_the_lowest_loss_does_not(
    recipe: Recipe, network: CustomModel | None, expected: tuple[float, float], garments: Images
) -> None:
    def losses(rate: float, steps: int) -> list[float]:
        changed = msgspec.structs.replace(recipe, learning_rate=rate, schedule="constant", epochs=2)
        training = Training(changed, garments, device=CPU, seed=1, network=network)
        run(training, steps)
        return [float(loss) for loss in training.losses[: training.step_in_epoch]]

    result = last_result(Training(recipe, garments, device=CPU, seed=0, network=network))
    assert result.problem is None
    assert result.suggestion is not None
    assert result.lowest is not None
    assert expected[0] <= result.suggestion <= expected[1]
    assert result.suggestion < result.lowest
    steps = len(garments) // recipe.batch_size
    tail = losses(result.suggestion, steps)[-10:]
    assert sum(tail) / 10 < 0.75, "random predictions have a loss of 2.3"
    beyond = losses(10 * result.lowest, 25)[-10:]
    assert not sum(beyond) / 10 < 1.3


def test_steps_equal_those_of_plain_torch_with_rising_learning_rates() -> None:
    images = striped(400)
    recipe = msgspec.structs.replace(GUIDE, batch_size=16)
    training = Training(recipe, images, device=CPU, seed=4, network=custom(LINEAR, "Linear"))
    net = nn.Linear(784, 10)
    net.load_state_dict({"weight": training.model.fc.weight, "bias": training.model.fc.bias})  # type: ignore[union-attr]
    optimizer = torch.optim.Adam(net.parameters())
    expected = []
    for step, batch in enumerate(training.batches.epoch(0)):
        rate = 1e-7 * 10 ** (8 * step / 24)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss = F.cross_entropy(net(training.batches.prepare(batch).flatten(1)), batch.labels)
        loss.backward()
        optimizer.step()
        expected.append((rate, loss.item()))
    result = last_result(training, steps=25)
    count = len(result.losses)
    assert count > 15
    assert result.learning_rates == pytest.approx([rate for rate, _ in expected[:count]])
    assert result.losses == pytest.approx([loss for _, loss in expected[:count]], rel=1e-4)


@pytest.mark.parametrize(
    "recipe", [GUIDE, msgspec.structs.replace(STRONG, ema_decay=0.9)], ids=["guide", "averaged bf16 Muon"]
)
def test_training_continues_as_if_there_had_been_no_test(recipe: Recipe) -> None:
    """The range test starts in the middle of an epoch and ends in the next one."""
    recipe = msgspec.structs.replace(recipe, batch_size=8)

    def begin() -> Training:
        return run(Training(recipe, striped(100), device=CPU, seed=2), 2)

    training, untouched = begin(), begin()
    assert len(last_result(training, steps=20).losses) > 13
    assert bits(training) == bits(untouched)
    assert bits(run(training, 3)) == bits(run(untouched, 3))


@pytest.mark.parametrize(
    ("source", "name", "steps"), [(NOISY, "Noisy", 1), (LINEAR, "Linear", 0), (LINEAR, "Linear", 1)]
)
def test_an_interrupted_test_restores_custom_models(source: str, name: str, steps: int) -> None:
    """The models have buffers, draw random numbers and count their calls. The batches have micro-batches."""

    class Interrupted(Exception):
        pass

    def begin() -> Training:
        recipe = msgspec.structs.replace(GUIDE, batch_size=BATCH)
        return run(Training(recipe, striped(2000), device=CPU, seed=2, network=custom(source, name)), steps)

    polls = count(1)

    def poll() -> None:
        if next(polls) == 7:  # in the fourth step; each step has three micro-batches
            raise Interrupted

    untouched = begin()
    expected, after = bits(untouched), bits(run(untouched, 1))
    training = begin()
    with pytest.raises(Interrupted):
        list(run_range_test(training, steps=20, poll=poll))
    assert bits(training) == expected
    with closing(run_range_test(training, steps=20)) as results:
        assert len(next(results).losses) == 1
        assert len(next(results).losses) == 2
        assert bits(training) != expected
    assert bits(training) == expected
    assert bits(run(training, 1)) == after


def test_a_step_after_the_test_does_not_replay_the_graph_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin() -> Training:
        recipe = msgspec.structs.replace(QUICK, batch_size=8)
        return run(Training(recipe, striped(80), device=torch.device("cuda"), seed=2), 2)

    with fake_cuda(monkeypatch):
        training, untouched = begin(), begin()
        assert last_result(training, steps=20).losses
        assert bits(run(training, 3)) == bits(run(untouched, 3))


def test_both_learning_rates_of_muon_rise() -> None:
    recipe = msgspec.structs.replace(STRONG, batch_size=4)
    training = Training(recipe, striped(80), device=CPU, seed=0)
    for result in run_range_test(training, steps=20):
        if not result.has_ended:
            rates = [optimizer.param_groups[0]["lr"] for optimizer in training.optimizers]
            assert rates == pytest.approx([result.learning_rates[-1], ADAM_SHARE * result.learning_rates[-1]])
    assert len(rates) == 2


def test_learning_rates_are_geometric() -> None:
    assert learning_rates(9) == pytest.approx([10.0**power for power in range(-7, 2)])


def test_the_moving_average_is_not_biased_toward_zero() -> None:
    weights = [0.81, 0.9, 1.0]
    expected = sum(map(float.__mul__, weights, [3.0, 1.0, 2.0])) / sum(weights)
    assert smooth([3.0, 1.0, 2.0], 0.9) == pytest.approx([3.0, (0.9 * 3 + 1) / 1.9, expected])
    assert smooth([2.0, math.nan], 0.9) == [2.0, 2.0]
    assert smooth([math.inf], 0.9) == [math.inf]


def ended(losses: Sequence[float], **changes: Any) -> RangeTest:
    """Return the result of a test of 100 steps that ended with these losses."""
    rates, smoothed = tuple(learning_rates(100)[: len(losses)]), tuple(smooth(losses, 0.9))
    return with_suggestion(
        RangeTest(learning_rates=rates, losses=tuple(losses), smoothed=smoothed, steps=100, **changes)
    )


def noisy(level: float, count: int, noise: float = 0.05) -> list[float]:
    return [level + noise * (-1) ** step for step in range(count)]


def test_the_suggestion_is_halfway_down_the_curve() -> None:
    """The loss falls from 2.3 to 0.3 at step 50. After 7 more steps, the average has fallen by 1 - 0.9**7 = 0.52."""
    result = ended([*noisy(2.3, 50, 0.001), *noisy(0.3, 40, 0.001), *noisy(2.0, 10)])
    rates = learning_rates(100)
    assert result.suggestion == float(f"{rates[56]:.1e}")
    assert result.lowest == float(f"{rates[89]:.1e}")
    assert result.problem is None


def test_the_suggestion_keeps_a_distance_from_the_lowest_loss() -> None:
    """The loss is halfway down at step 57, and lowest at step 59, whose learning rate is 1.45 times as high."""
    rates = learning_rates(100)
    result = ended([*noisy(2.3, 50, 0.001), *noisy(0.3, 10, 0.001), *noisy(9.0, 40)])
    assert result.lowest == float(f"{rates[59]:.1e}")
    assert result.suggestion == float(f"{rates[59] / 4:.1e}")


@pytest.mark.parametrize(
    ("losses", "diverged", "words"),
    [
        pytest.param([RANDOM.gauss(2.3, 0.4) for _ in range(100)], False, "doesn't fall", id="noise"),
        pytest.param([2.3] * 100, False, "doesn't fall", id="a constant"),
        pytest.param([*noisy(2.3, 50), *range(3, 12)], True, "doesn't fall", id="only rising"),
        pytest.param([2.3, 2.3, math.nan], True, "NaN", id="NaN at once"),
    ],
)
def test_no_suggestion_if_the_loss_never_falls(losses: list[float], words: str, *, diverged: bool) -> None:
    result = ended(losses, diverged=diverged)
    assert result.suggestion is None
    assert result.lowest is None
    assert words in (result.problem or "")
    assert result.has_ended


def test_the_test_ends_when_the_loss_diverges(garments: Images) -> None:
    training = Training(GUIDE, garments, device=CPU, seed=0, network=custom(LINEAR, "Linear"))
    *_, result = run_range_test(training)
    assert result.diverged
    assert len(result.losses) < 100
    assert result.smoothed[-2] <= 4 * min(result.smoothed) < result.smoothed[-1]


@pytest.mark.parametrize("steps", [19, 10_001])
def test_the_number_of_steps_is_limited(steps: int) -> None:
    training = Training(GUIDE, striped(40), device=CPU, seed=0)
    with pytest.raises(UsageError, match=f"steps is {steps}"):
        next(run_range_test(training, steps=steps))
