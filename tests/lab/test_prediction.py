"""The network's input and the most probable classes of an image, and the threshold for unusual images."""

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from fashion_tui.data.border import border_brightness
from fashion_tui.data.preprocessing import Target
from fashion_tui.data.sources import SYNTHETIC, SYNTHETIC_INFO
from fashion_tui.lab.data.datasets import load
from fashion_tui.lab.evaluation.novelty import novelty_threshold
from fashion_tui.lab.evaluation.prediction import prepare, top_classes
from fashion_tui.schema.builtin_recipes import GUIDE, STRONG

CLASSES = ("a", "b", "c", "d", "e", "f", "g")


def test_the_last_step_agrees_with_torchvision() -> None:
    image = np.random.default_rng(0).integers(0, 100, (32, 32, 3), np.uint8)
    recipe = msgspec.structs.replace(STRONG, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    pixels, steps = prepare(image, Target((3, 32, 32), "pad", 0.0), recipe)
    normalised = transforms.Normalize(recipe.mean, recipe.std)(transforms.ToTensor()(Image.fromarray(image)))
    last = steps[-1]
    assert (last.name, last.dtype, last.shape) == ("normalised", "float32", (3, 32, 32))
    assert (last.minimum, last.maximum) == (normalised.min().item(), normalised.max().item())
    assert last.mean == pytest.approx(normalised.mean().item(), abs=1e-6)
    assert "[0.1, 0.2, 0.3]" in last.caption
    assert (pixels.numpy() == image.transpose(2, 0, 1)).all()


def test_a_mean_for_all_channels_is_one_number() -> None:
    _, steps = prepare(np.zeros((28, 28), np.uint8), Target((1, 28, 28), "pad", 0.0), GUIDE)
    assert "(value / 255 − 0.5) / 0.5" in steps[-1].caption
    assert (steps[-1].minimum, steps[-1].mean, steps[-1].maximum) == (-1, -1, -1)


def test_the_five_most_probable_classes() -> None:
    logits = torch.tensor([0.0, 3.0, -2.0, 5.0, 1.0, -1.0, 2.0])
    exponentials = np.exp(logits.double().numpy())
    top = top_classes(logits, CLASSES)
    assert top is not None
    assert [each.name for each in top] == ["d", "b", "g", "e", "a"]
    assert [each.label for each in top] == [3, 1, 6, 4, 0]
    expected = sorted(exponentials / exponentials.sum(), reverse=True)[:5]
    assert [each.probability for each in top] == pytest.approx(expected)


def test_a_set_with_fewer_classes() -> None:
    top = top_classes(torch.tensor([0.0, 0.0]), ("cat", "dog"))
    assert top is not None
    assert [each.probability for each in top] == [0.5, 0.5]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_outputs_that_are_not_numbers(bad: float) -> None:
    assert top_classes(torch.tensor([0.0, bad]), ("cat", "dog")) is None


def test_the_threshold_is_a_percentile_of_distances() -> None:
    generator = torch.Generator().manual_seed(1)
    training, held_out = torch.randn(300, 8, generator=generator), torch.randn(400, 8, generator=generator)
    units, others = (
        array / np.linalg.norm(array, axis=1, keepdims=True) for array in (training.numpy(), held_out.numpy())
    )
    distances = [min(np.linalg.norm(row - other) for other in units) for row in others]
    assert novelty_threshold(training, held_out) == pytest.approx(np.percentile(distances, 99.5), rel=1e-5)


def test_the_border_in_the_synthetic_summary_is_that_of_the_images() -> None:
    assert border_brightness(load(SYNTHETIC).train.pixels.numpy()) == SYNTHETIC_INFO.border
