"""Pictures mirrored, moved and partly blanked, so that a network sees each a little differently every time.

What happens to a picture is a function of (seed, epoch, its place in the set), drawn on the CPU: the same for every
device, and for a training that resumes in the middle of an epoch. It happens to whole batches, where they are.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fashion_tui.schema.recipe import Recipe

from .seeds import Purpose, generator_for


class Augmentation:
    """What one epoch does to the pictures of a set."""

    def __init__(self, recipe: Recipe, count: int, *, seed: int, epoch: int, device: torch.device) -> None:
        """For a set of `count` pictures. Draws only what the recipe asks for."""
        self._crop, self._erase = recipe.crop, recipe.erase
        self._mirrored = _mirrored(recipe, count, seed, epoch, device)
        self._shifts = self._corners = None
        if recipe.crop:
            generator = generator_for(seed, Purpose.CROP, epoch)
            self._shifts = torch.randint(2 * recipe.crop + 1, (count, 2), generator=generator).to(device)
        if recipe.erase:
            generator = generator_for(seed, Purpose.ERASE, epoch)
            self._corners = torch.randint(28 - recipe.erase + 1, (count, 2), generator=generator).to(device)

    def __call__(self, images: Tensor, places: Tensor) -> Tensor:
        """The normalised images `[B, 1, 28, 28]`, which stand at these places `[B]` in the set; black stays black."""
        if self._mirrored is not None:
            mirrored = self._mirrored.index_select(0, places).view(-1, 1, 1, 1)
            images = torch.where(mirrored, images.flip(-1), images)
        if self._shifts is not None:
            images = _moved(images, self._shifts.index_select(0, places), self._crop)
        if self._corners is not None:
            images = _blanked(images, self._corners.index_select(0, places), self._erase)
        return images


def _mirrored(recipe: Recipe, count: int, seed: int, epoch: int, device: torch.device) -> Tensor | None:
    """As bools `[count]`. Alternating: a half in the even epochs, the other one in the odd ones (Jordan 2024, "94 % on
    CIFAR-10 in 3.29 seconds on a single GPU", section 3.6): two epochs show both sides of every picture.
    """
    if recipe.flip == "none":
        return None
    drawn = epoch if recipe.flip == "random" else 0
    chosen = torch.rand(count, generator=generator_for(seed, Purpose.FLIP, drawn)) < 0.5
    if recipe.flip == "alternating" and epoch % 2:
        chosen = ~chosen
    return chosen.to(device)


def _moved(images: Tensor, shifts: Tensor, most: int) -> Tensor:
    """Each image cut out of itself with a border of `most` pixels, at the corner `shifts` `[B, 2]` (row, column)."""
    padded = F.pad(images, (most,) * 4, mode="replicate")
    size = torch.arange(images.shape[-1], device=images.device)
    rows = (shifts[:, 0, None] + size)[:, :, None]
    columns = (shifts[:, 1, None] + size)[:, None, :]
    each = torch.arange(len(images), device=images.device)[:, None, None]
    return padded[:, 0][each, rows, columns].unsqueeze(1)


def _blanked(images: Tensor, corners: Tensor, side: int) -> Tensor:
    """A square of each image, its upper left corner at `corners` `[B, 2]`, set to 0: the mean of all pixels."""
    size = torch.arange(images.shape[-1], device=images.device)
    inside = (size >= corners[:, :, None]) & (size < corners[:, :, None] + side)  # [B, 2, 28]
    square = inside[:, 0, :, None] & inside[:, 1, None, :]
    return images.masked_fill(square.unsqueeze(1), 0.0)
