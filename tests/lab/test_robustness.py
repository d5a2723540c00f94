"""Corruptions, compared with NumPy and torchvision, and the accuracies under them."""

import math

import numpy as np
import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as oracle

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.evaluation.corruptions import CORRUPTIONS, corrupt
from fashion_tui.lab.evaluation.metrics import BATCH_SIZE, Cancelled
from fashion_tui.lab.evaluation.robustness import robustness_curves, robustness_levels, sample
from fashion_tui.schema.robustness import CorruptionName

HEIGHT, WIDTH = 20, 28


def images(count: int = 200, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, channels, HEIGHT, WIDTH), generator=generator, dtype=torch.uint8)


def corrupted(name: CorruptionName, strength: float) -> np.ndarray:
    result = corrupt(images(), name, strength, torch.Generator().manual_seed(5))
    assert result.dtype == torch.uint8
    pixels: np.ndarray = result.numpy()
    return pixels


def test_noise_has_its_standard_deviation_and_is_clipped() -> None:
    grey = torch.full((50, 3, HEIGHT, WIDTH), 128, dtype=torch.uint8)
    noisy = corrupt(grey, "noise", 0.1, torch.Generator().manual_seed(0)).double()
    assert noisy.mean().item() == pytest.approx(128, abs=0.5)
    assert noisy.std().item() == pytest.approx(25.5, rel=0.02)
    assert (noisy[0] - noisy[1]).std().item() == pytest.approx(25.5 * math.sqrt(2), rel=0.1), "independent images"
    assert (noisy[:, 0] - noisy[:, 1]).std().item() == pytest.approx(25.5 * math.sqrt(2), rel=0.05), "and channels"
    black = corrupt(torch.zeros_like(grey), "noise", 0.1, torch.Generator().manual_seed(0))
    assert 0.45 < (black == 0).double().mean().item() < 0.55


def test_a_shift_moves_each_image_in_one_of_four_directions() -> None:
    before, after = images().numpy(), corrupted("shift", 3)
    padded = np.pad(before, ((0, 0), (0, 0), (3, 3), (3, 3)), mode="edge")
    moved = {
        (rows, columns): padded[:, :, 3 - rows : 3 - rows + HEIGHT, 3 - columns : 3 - columns + WIDTH]
        for rows, columns in ((0, 3), (3, 0), (0, -3), (-3, 0))
    }
    matches = {step: (image == after).all(axis=(1, 2, 3)) for step, image in moved.items()}
    assert np.sum(list(matches.values()), axis=0).tolist() == [1] * len(before)
    assert all(len(before) / 8 < match.sum() < len(before) / 2 for match in matches.values())


def test_a_shift_by_half_a_pixel_averages_two_pixels() -> None:
    row = torch.arange(0, 200, 10, dtype=torch.uint8).view(1, 1, 1, 20).expand(40, 1, 20, 20)
    after = corrupt(row, "shift", 0.5, torch.Generator().manual_seed(0))[:, 0, 10, 5].tolist()
    assert set(after) == {45, 50, 55}


def test_a_rotation_is_that_of_torchvision() -> None:
    before, after = images().float(), corrupted("rotation", 24)
    turned = [oracle.rotate(before, angle, interpolation=InterpolationMode.BILINEAR).numpy() for angle in (24.0, -24.0)]
    inner = (slice(None), slice(None), slice(7, 13), slice(8, 20))  # other pixels come from outside the image
    matches = [(np.abs(image - after) <= 0.51)[inner].all(axis=(1, 2, 3)) for image in turned]
    assert (matches[0] ^ matches[1]).all()
    assert 60 < matches[0].sum() < 140
    assert np.abs(after[:, :, 0, 0].astype(float)).mean() > 50, "the corners aren't black, but repeat the border"


def test_a_blur_is_a_weighted_mean_with_repeated_borders() -> None:
    before, after, deviation = images(3).numpy().astype(float), corrupted("blur", 0.8)[:3], 0.8
    weights = {step: math.exp(-(step**2) / (2 * deviation**2)) for step in range(-3, 4)}
    total = sum(weights.values())
    padded = np.pad(before, ((0, 0), (0, 0), (3, 3), (3, 3)), mode="edge")
    expected = sum(
        weights[rows] * weights[columns] / total**2
        * padded[:, :, 3 + rows : 3 + rows + HEIGHT, 3 + columns : 3 + columns + WIDTH]
        for rows in weights for columns in weights
    )  # fmt: skip
    assert np.abs(expected - after).max() < 0.51


def test_distances_grow_with_the_shorter_side() -> None:
    for name, corruption in CORRUPTIONS.items():
        strengths = corruption.strengths_for(56, 100)
        factor = 2 if name in {"shift", "blur"} else 1
        assert strengths == tuple(factor * strength for strength in corruption.strengths_for(28, 28))
        assert len(strengths) == 5
        assert list(strengths) == sorted(strengths)


def brightness_classes(pixels: torch.Tensor) -> torch.Tensor:
    """Return the logits of a network that divides images into two classes by the pixel in the middle."""
    bright = pixels[:, 0, HEIGHT // 2, WIDTH // 2] >= 128
    return torch.stack([~bright, bright], dim=1).float()


def test_the_curves_are_the_accuracies_on_corrupted_images() -> None:
    pixels = images(2 * BATCH_SIZE + 3, channels=1)
    labels = brightness_classes(pixels).argmax(dim=1)
    batches: list[torch.Tensor] = []

    def predict(batch: torch.Tensor) -> torch.Tensor:
        batches.append(batch)
        return brightness_classes(batch)

    *_, curves = robustness_curves(predict, Images(pixels, labels))
    levels = [torch.cat(batches[start : start + 3]) for start in range(0, len(batches), 3)]
    expected = [(brightness_classes(level).argmax(dim=1) == labels).double().mean().item() for level in levels]
    assert [accuracy for curve in curves for accuracy in curve.accuracies] == pytest.approx(expected)
    assert [curve.corruption for curve in curves] == list(CORRUPTIONS)
    assert len(expected) == robustness_levels() == 20
    assert not torch.equal(levels[0][:BATCH_SIZE], levels[0][BATCH_SIZE : 2 * BATCH_SIZE])
    noise = [(level.double() - pixels)[(level > 0) & (level < 255)] for level in levels[:2]]
    assert noise[1].std() > 1.5 * noise[0].std()
    assert [curve.accuracies for curve in list(robustness_curves(predict, Images(pixels, labels)))[-1]] == [
        curve.accuracies for curve in curves
    ], "corruptions don't depend on chance"


def test_each_yielded_value_adds_one_accuracy() -> None:
    pixels = images(4, channels=1)
    counts = [
        sum(len(curve.accuracies) for curve in curves)
        for curves in robustness_curves(brightness_classes, Images(pixels, torch.zeros(4, dtype=torch.int64)))
    ]
    assert counts == list(range(1, 21))


def test_outputs_that_are_not_numbers_have_no_accuracy() -> None:
    pixels = images(4, channels=1)

    def predict(batch: torch.Tensor) -> torch.Tensor:
        return torch.full((len(batch), 2), torch.nan)

    first = next(iter(robustness_curves(predict, Images(pixels, torch.zeros(4, dtype=torch.int64)))))
    assert math.isnan(first[0].accuracies[0])


def test_the_measurement_can_be_cancelled() -> None:
    pixels = images(4, channels=1)
    curves = robustness_curves(
        brightness_classes, Images(pixels, torch.zeros(4, dtype=torch.int64)), should_stop=lambda: True
    )
    with pytest.raises(Cancelled):
        next(curves)


def test_a_sample_of_images_is_drawn_once() -> None:
    labels = torch.arange(1_000)
    data = Images(torch.zeros(1_000, 1, 1, 1, dtype=torch.uint8), labels)
    chosen = sample(data, 100)
    assert torch.equal(chosen, sample(data, 100))
    assert len(set(chosen.tolist())) == 100
    assert chosen.tolist() == sorted(chosen.tolist())
    assert 300 < chosen.double().mean() < 700
    assert sample(data, 1_000).tolist() == sample(data, 5_000).tolist() == labels.tolist()
