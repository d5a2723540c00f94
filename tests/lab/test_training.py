"""The training loop: that it is the guide's, that it learns, and that it can be left and taken up to the bit."""

import copy
import io
import random
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
from fashion_tui.lab.training.checkpoint import read_checkpoint, write_checkpoint
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.recipe import CPU_RECIPES, GUIDE, RECIPES, STRONG, Recipe

CPU = torch.device("cpu")


def striped(count: int, seed: int = 0) -> Images:
    """Pictures that are easy to tell apart: noise, and a bright row that says the class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 10, (count,), generator=generator)
    pixels = torch.randint(0, 120, (count, 1, 28, 28), generator=generator, dtype=torch.uint8)
    pixels[torch.arange(count), 0, 2 * labels + 4] = 220
    return Images(pixels, labels)


def guide(**changes: Any) -> Recipe:
    return msgspec.structs.replace(GUIDE, **changes)


def test_steps_are_those_of_the_guides_own_loop() -> None:
    """Against the loop as the guide writes it: PIL pictures, torchvision's transforms, Adam as it comes."""
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
    assert len(losses) == 10, "the last batch, of 12 images, counts"
    np.testing.assert_allclose(training.step_metrics(0, 10)[0], losses, rtol=1e-4)
    for ours, theirs in zip(training.model.parameters(), net.parameters(), strict=True):
        # Where a gradient is all but 0, Adam still moves by the learning rate, this way or that.
        assert ((ours - theirs).abs() < 1e-5).float().mean() > 0.99


def test_it_learns() -> None:
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


def test_figures_are_those_of_the_batches() -> None:
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
    """All that a training is made of, as plain values that compare exactly."""

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
    """So many steps, over the ends of epochs."""
    while steps:
        for _ in training.steps():
            steps -= 1
            if not steps:
                break
        if training.step_in_epoch == training.steps_per_epoch:
            training.end_epoch()
    return training


EVERYTHING = msgspec.structs.replace(STRONG, name="everything", crop=2, erase=10)


@pytest.mark.parametrize(
    "recipe", [*(RECIPES[name] for name in CPU_RECIPES), EVERYTHING], ids=lambda recipe: recipe.name
)
@pytest.mark.parametrize("interrupted_at", [1, 7, 10, 13])
def test_state_goes_on_to_the_bit(recipe: Recipe, interrupted_at: int, tmp_path: Any) -> None:
    """Saved to a file, loaded into a new training: every later step is the same as without interruption."""
    recipe, images = msgspec.structs.replace(recipe, batch_size=50), striped(480)
    undisturbed = run(Training(recipe, images, device=CPU, seed=5), 17)

    first = run(Training(recipe, images, device=CPU, seed=5), interrupted_at)
    first.best_validation, first.train_seconds, first.epoch_seconds = 0.5, 1.5, 0.25
    file = tmp_path / "checkpoint.pt"
    with file.open("wb") as stream:
        write_checkpoint(stream, first.state_dict(), {"note": [1, "two"]})
    state, notes = read_checkpoint(file)
    assert notes == {"note": [1, "two"]}

    second = Training(recipe, images, device=CPU, seed=5)
    random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002 - whatever was drawn in between
    second.load_state_dict(state)
    assert bits(second) == bits(first)
    run(second, 17 - interrupted_at)
    for training in (undisturbed, second):
        training.best_validation, training.train_seconds, training.epoch_seconds = None, 0.0, 0.0
    assert bits(second) == bits(undisturbed)


def items_of_the_state() -> list[str]:
    """Each item of a training's state, as its path; clocks decide no step."""
    state = Training(guide(batch_size=50), striped(480), device=CPU, seed=5).state_dict()
    paths = []
    for key, value in state.items():
        parts = value if key in {"model", "random"} else {}
        paths += [f"{key}/{part}" for part in parts] or [key]
    return [path for path in paths if not path.endswith("_seconds")]


@pytest.mark.parametrize("item", items_of_the_state())
def test_whatever_is_left_out_of_the_state_is_missed(item: str) -> None:
    """The comparison above finds it: so it would find a new item that nobody saves."""
    recipe, images = guide(batch_size=50), striped(480)

    def two_steps_on(training: Training) -> dict[str, Any]:
        run(training, 2)
        training.train_seconds, training.epoch_seconds = 0.0, 0.0
        return bits(training)

    def stand_in() -> Training:
        training = Training(recipe, images, device=CPU, seed=6)
        random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002
        return training

    undisturbed = run(Training(recipe, images, device=CPU, seed=5), 17)
    undisturbed.best_validation = 0.5
    state = copy.deepcopy(undisturbed.state_dict())
    expected = two_steps_on(undisturbed)
    fresh = run(stand_in(), 2).state_dict()
    key, _, part = item.partition("/")
    if part:
        state[key] = type(state[key])(state[key])
        state[key][part] = fresh[key][part]
    else:
        state[key] = fresh[key] if key not in {"losses", "correct"} else torch.zeros_like(state[key])

    resumed = Training(recipe, images, device=CPU, seed=5)
    try:
        resumed.load_state_dict(state)
    except RuntimeError:  # the figures of 7 steps, and room for 2: missed at once
        return
    assert two_steps_on(resumed) != expected


def test_generators_are_part_of_the_state() -> None:
    """What a dropout, or a person's own layer, would draw next."""

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


def test_seed_decides_the_start_and_the_order() -> None:
    first, same, other = (Training(guide(), striped(64), device=CPU, seed=seed) for seed in (1, 1, 2))
    assert bits(first) == bits(same)
    assert not torch.equal(first.model.state_dict()["fc1.weight"], other.model.state_dict()["fc1.weight"])


def test_batch_larger_than_the_set_is_refused() -> None:
    with pytest.raises(UsageError, match="batch size is 65"):
        Training(guide(batch_size=65), striped(64), device=CPU, seed=0)


def test_without_bf16_the_training_computes_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    for has_it, precision in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr("fashion_tui.lab.training.optimizers.has_bf16", lambda _, answer=has_it: answer)
        training = Training(guide(precision="bf16"), striped(64), device=CPU, seed=0)
        run(training, 2)
        assert training.precision == precision
        assert training.model.state_dict()["fc1.weight"].dtype == torch.float32
