"""Duplicates, compared with a search over all pairs by NumPy."""

import numpy as np
import pytest
import torch
from torch import Tensor

from fashion_tui.lab.audit import duplicates
from fashion_tui.lab.audit.duplicates import MIN_CORRELATION, PixelRows, exact_groups, near_groups
from fashion_tui.lab.evaluation.metrics import Cancelled


def connected(pairs: set[tuple[int, int]], count: int) -> list[list[int]]:
    """Return the connected components of at least two nodes, by repeated merging of sets."""
    groups = [{node} for node in range(count)]
    for pair in pairs:
        touching = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in touching] + [set().union(*touching)]
    return sorted(sorted(group) for group in groups if len(group) > 1)


def near_by_numpy(pixels: Tensor) -> list[list[int]]:
    rows = pixels.flatten(1).numpy().astype(np.float64)
    with np.errstate(invalid="ignore"):
        close = np.corrcoef(rows) >= MIN_CORRELATION
    return connected({(i, j) for i, j in np.argwhere(close).tolist() if i < j}, len(rows))


def near(*parts: Tensor) -> list[list[int]]:
    rows = PixelRows(parts)
    return sorted(list(group.images) for group in near_groups(rows, exact_groups(rows)))


def varied(count: int, shape: tuple[int, int, int] = (1, 28, 28), seed: int = 0) -> Tensor:
    """Return smooth random images, and in the second half slightly changed copies of the first half."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count // 2, shape[0], 4, 4, generator=generator)
    images = torch.nn.functional.interpolate(coarse, shape[1:], mode="bilinear") * 200
    noise = torch.randn(images.shape, generator=generator) * torch.rand(count // 2, 1, 1, 1, generator=generator) * 8
    brightness = 0.7 + 0.3 * torch.rand(count // 2, 1, 1, 1, generator=generator)
    return torch.cat([images, images * brightness + noise + 10]).clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 5, 3)])
def test_near_duplicates_equal_those_of_a_search_over_all_pairs(
    shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "TILE_ROWS", 64)
    monkeypatch.setattr(duplicates, "TILE_COLUMNS", 100)
    pixels = varied(600, shape)
    expected = near_by_numpy(pixels)
    assert len(expected) > 50
    assert near(pixels[:450], pixels[450:]) == expected


def test_a_brighter_copy_is_a_near_duplicate_and_the_correlation_is_that_of_numpy() -> None:
    pixels = varied(40)
    pixels[3] = (pixels[30].float() * 0.5 + 20).to(torch.uint8)
    rows = PixelRows([pixels])
    group = next(group for group in near_groups(rows, exact_groups(rows)) if 3 in group.images)
    first, *others = (pixels[index].flatten().numpy() for index in group.images)
    assert 30 in group.images
    assert group.correlation == pytest.approx(min(np.corrcoef(first, other)[0, 1] for other in others), abs=1e-5)


def test_identical_images_are_found_within_and_across_parts() -> None:
    train, test = varied(40), varied(20, seed=1)
    train[7] = train[2]
    test[4] = train[2]
    test[6] = test[5]
    groups = [group for group in exact_groups(PixelRows([train, test])) if len(group) > 1]
    assert groups == [[2, 7, 44], [45, 46]]


def test_copies_of_a_near_duplicate_are_in_its_group_but_identical_images_alone_are_not() -> None:
    pixels = varied(12)[:6].clone()  # without the changed copies
    pixels[1] = pixels[0]
    pixels[2] = pixels[0]
    pixels[2, 0, 0, 0] ^= 1
    pixels[4] = pixels[3]
    assert near(pixels) == [[0, 1, 2]]


def test_uniform_images_have_no_near_duplicates() -> None:
    pixels = torch.full((5, 1, 300, 300), 200, dtype=torch.uint8)
    pixels[1] = 201
    pixels[2:] = varied(6, (1, 300, 300))[:3]
    assert near(pixels) == []


def test_many_images_that_look_the_same_form_one_group() -> None:
    """The number of pairs is quadratic, but an image that is in the group already isn't compared with the others."""
    pixels = varied(2)[:1].repeat(3000, 1, 1, 1)
    index = torch.arange(3000)
    pixels.flatten(1)[index, index % 784] ^= (1 << (index // 784)).to(torch.uint8)  # no two images are identical
    compared = 0
    rows = PixelRows([pixels])
    plain = rows.correlations

    def counting(first: Tensor, second: Tensor) -> Tensor:
        nonlocal compared
        compared += len(first)
        return plain(first, second)

    rows.correlations = counting  # type: ignore[method-assign]
    (group,) = near_groups(rows, exact_groups(rows))
    assert len(group.images) == 3000
    assert compared < 100_000


def test_the_search_can_be_cancelled() -> None:
    rows = PixelRows([varied(40)])
    with pytest.raises(Cancelled):
        exact_groups(rows, lambda: True)
    with pytest.raises(Cancelled):
        near_groups(rows, exact_groups(rows), should_stop=lambda: True)
