"""The training loop: the same steps as in the guide, learning, metrics, and exact resume."""

import copy
import io
import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision.transforms as T
from PIL import Image

from fashion_tui.lab.data.datasets import ImageBatches, Images
from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.training.checkpoint import BadCheckpoint, read_checkpoint, write_checkpoint
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.builtin_recipes import GUIDE, QUICK, RECIPES, STRONG
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.recipe import Recipe

CPU = torch.device("cpu")


def striped(count: int, seed: int = 0) -> Images:
    """Return images that are easy to classify: noise, and a bright row whose position is the class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 10, (count,), generator=generator)
    pixels = torch.randint(0, 120, (count, 1, 28, 28), generator=generator, dtype=torch.uint8)
    pixels[torch.arange(count), 0, 2 * labels + 4] = 220
    return Images(pixels, labels)


def guide(**changes: Any) -> Recipe:
    return msgspec.structs.replace(GUIDE, **changes)


@pytest.mark.covers("recipe.optimizer")
def test_steps_equal_those_of_the_guides_training_loop() -> None:
    """The guide uses PIL images, torchvision's transforms and Adam with its defaults."""
    images, recipe = striped(300), guide()
    training = Training(recipe, images, device=CPU, seed=3)

    torch.manual_seed(3)
    net = GuideNet()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    transform = T.Compose([T.ToTensor(), T.Normalize((0.5,), (0.5,))])
    order = ImageBatches(images, recipe, seed=3, device=CPU).order(0)
    losses = []
    for indices in order.split(32):
        batch = torch.stack([transform(Image.fromarray(images.pixels[i, 0].numpy())) for i in indices])
        optimizer.zero_grad()
        loss = F.cross_entropy(net(batch), images.labels[indices])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if len(losses) == 1:
            next(steps := training.steps())
            for ours, theirs in zip(training.model.parameters(), net.parameters(), strict=True):
                torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)

    assert list(steps) == list(range(2, 11))
    assert len(losses) == 10, "including the last batch, which has 12 images"
    np.testing.assert_allclose(training.step_metrics(0, 10)[0], losses, rtol=1e-4)
    for ours, theirs in zip(training.model.parameters(), net.parameters(), strict=True):
        # If a gradient is nearly 0, Adam moves the weight by the learning rate, in either direction.
        assert ((ours - theirs).abs() < 1e-5).float().mean() > 0.99


def test_training_learns() -> None:
    training = Training(guide(batch_size=64), striped(2000), device=CPU, seed=0)
    accuracies = []
    for _ in range(2):
        for _ in training.steps():
            pass
        accuracies.append(training.epoch_metrics()[1])
        training.end_epoch()
    assert accuracies[1] > 0.95
    assert training.step == 2 * 32
    assert training.images_seen == 4000


@pytest.mark.covers("recipe.batch_size")
def test_the_last_batch_may_be_a_single_image() -> None:
    assert Training(guide(batch_size=32), striped(65), device=CPU, seed=0).batches.sizes == [32, 32, 1]


@pytest.mark.covers("recipe.batch_size")
def test_metrics_equal_those_of_the_batches() -> None:
    images = striped(100)
    training = Training(guide(batch_size=40, learning_rate=1e-12), images, device=CPU, seed=1)
    assert list(training.steps()) == [1, 2, 3]
    assert training.batch_sizes(0, 3).tolist() == [40, 40, 20]
    assert training.images_seen == 100
    losses, accuracies = training.step_metrics(0, 3)
    expected_losses, expected_accuracies = [], []
    for batch in training.batches.epoch(0):
        logits = training.model(training.batches.prepare(batch))
        expected_losses.append(F.cross_entropy(logits, batch.labels).item())
        expected_accuracies.append((logits.argmax(1) == batch.labels).float().mean().item())
    assert losses == pytest.approx(expected_losses, rel=1e-5)
    assert accuracies == pytest.approx(expected_accuracies)
    loss, accuracy = training.epoch_metrics()
    assert loss == pytest.approx((40 * losses[0] + 40 * losses[1] + 20 * losses[2]) / 100)
    assert accuracy == pytest.approx((40 * accuracies[0] + 40 * accuracies[1] + 20 * accuracies[2]) / 100)


def bits(training: Training) -> dict[str, Any]:
    """Return the state of a training as plain values, which compare exactly."""

    def plain(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.cpu().contiguous().numpy().tobytes(), tuple(value.shape)
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return value

    state: dict[str, Any] = plain(training.state_dict())
    return state


def run(training: Training, steps: int) -> Training:
    """Make a number of steps, over several epochs if necessary."""
    while steps:
        for _ in training.steps():
            steps -= 1
            if not steps:
                break
        if training.step_in_epoch == training.steps_per_epoch:
            training.end_epoch()
    return training


EVERYTHING = msgspec.structs.replace(
    STRONG, name="everything", crop=2, erase=10, weight_decay=0.1, max_gradient_norm=1.0, ema_decay=0.9
)
NARROW_RECIPES = [
    msgspec.structs.replace(recipe, model="strong" if recipe.model in {"wide", "wider"} else recipe.model)
    for recipe in RECIPES.values()
]
"""All built-in recipes, with `strong` instead of the networks that only have more channels."""

ADAMW = msgspec.structs.replace(
    QUICK, name="adamw", optimizer="adamw", weight_decay=0.1, schedule="cosine", ema_decay=0.5
)
SGD = msgspec.structs.replace(
    QUICK, name="sgd", optimizer="sgd", momentum=0.9, nesterov=True, schedule="onecycle", max_gradient_norm=0.5
)


@pytest.mark.parametrize("recipe", [*NARROW_RECIPES, EVERYTHING, ADAMW, SGD], ids=lambda recipe: recipe.name)
def test_resumed_training_is_bit_identical(recipe: Recipe, tmp_path: Path) -> None:
    """New trainings that load the saved state continue as if there had been no interruption.

    The batches of `adamw` are split into micro-batches.
    """
    recipe, images = msgspec.structs.replace(recipe, batch_size=300 if recipe.name == "adamw" else 50), striped(480)
    undisturbed = run(Training(recipe, images, device=CPU, seed=5), 17)

    training = Training(recipe, images, device=CPU, seed=5)
    for steps in (1, 6, 3, 3):  # step 10 is the last of an epoch
        run(training, steps)
        training.best_validation, training.train_seconds, training.epoch_seconds = 0.5, 1.5, 0.25
        file = tmp_path / "checkpoint.pt"
        with file.open("wb") as stream:
            write_checkpoint(stream, training.state_dict(), {"note": [1, "two"]})
        with file.open("rb") as stream:
            state, notes = read_checkpoint(stream)
        assert notes == {"note": [1, "two"]}

        resumed = Training(recipe, images, device=CPU, seed=5)
        random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002 - other code may draw random numbers
        resumed.load_state_dict(state)
        assert bits(resumed) == bits(training), f"after {steps} more steps"
        training = resumed
    run(training, 4)
    for each in (undisturbed, training):
        each.best_validation, each.train_seconds, each.epoch_seconds = None, 0.0, 0.0
    assert bits(training) == bits(undisturbed)


def state_items() -> list[str]:
    """Return the path of each item of the state, except the elapsed times, which don't influence the steps."""
    state = Training(guide(batch_size=50), striped(480), device=CPU, seed=5).state_dict()
    paths = []
    for key, value in state.items():
        parts = value if key in {"model", "random"} else {}
        paths += [f"{key}/{part}" for part in parts] or [key]
    return [path for path in paths if not path.endswith("_seconds")]


@pytest.mark.parametrize("item", state_items())
def test_every_item_of_the_state_is_needed(item: str) -> None:
    """Without the item, the resumed training differs. So the test above would fail if the item weren't saved."""
    recipe, images = guide(batch_size=50), striped(480)

    def after_two_steps(training: Training) -> dict[str, Any]:
        run(training, 2)
        training.train_seconds, training.epoch_seconds = 0.0, 0.0
        return bits(training)

    def other_training() -> Training:
        training = Training(recipe, images, device=CPU, seed=6)
        random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002
        return training

    undisturbed = run(Training(recipe, images, device=CPU, seed=5), 17)
    undisturbed.best_validation = 0.5
    state = copy.deepcopy(undisturbed.state_dict())
    expected = after_two_steps(undisturbed)
    fresh = run(other_training(), 2).state_dict()
    key, _, part = item.partition("/")
    if part:
        state[key] = type(state[key])(state[key])
        state[key][part] = fresh[key][part]
    else:
        state[key] = fresh[key] if key not in {"losses", "correct"} else torch.zeros_like(state[key])

    resumed = Training(recipe, images, device=CPU, seed=5)
    try:
        resumed.load_state_dict(state)
    except BadCheckpoint:  # the metrics of 7 steps don't fit into a state of 2 steps
        return
    assert after_two_steps(resumed) != expected


def test_state_includes_the_random_generators() -> None:
    """Dropout and custom models draw from the generators of Python, NumPy and torch."""

    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), torch.rand(1).item()  # noqa: NPY002

    training = Training(guide(), striped(64), device=CPU, seed=0)
    draw()
    stream = io.BytesIO()
    torch.save(training.state_dict(), stream)
    expected = draw()
    stream.seek(0)
    training.load_state_dict(torch.load(stream, weights_only=True))
    assert draw() == expected


def test_weights_depend_on_the_seed() -> None:
    first, same, other = (Training(guide(), striped(64), device=CPU, seed=seed) for seed in (1, 1, 2))
    assert bits(first) == bits(same)
    assert not torch.equal(first.model.state_dict()["fc1.weight"], other.model.state_dict()["fc1.weight"])


def test_batch_larger_than_the_set_is_refused() -> None:
    with pytest.raises(UsageError, match="batch size is 65"):
        Training(guide(batch_size=65), striped(64), device=CPU, seed=0)


@pytest.mark.covers("recipe.precision")
def test_training_falls_back_to_fp32_without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {}
    for has_it, precision in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr("fashion_tui.lab.training.precision.has_bf16", lambda _, answer=has_it: answer)
        training = Training(guide(precision="bf16"), striped(64), device=CPU, seed=0)
        run(training, 2)
        assert training.precision == precision
        assert training.model.state_dict()["fc1.weight"].dtype == torch.float32
        losses[precision] = training.losses.tolist()
    assert losses["fp32"] == run(Training(guide(), striped(64), device=CPU, seed=0), 2).losses.tolist()
    assert losses["bf16"] != losses["fp32"]
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.02)
