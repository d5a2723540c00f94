"""Flip and shift images at random and erase random boxes, in batches on the device.

The transforms of an image depend only on the seed, the epoch and the image's index, so resuming in the middle of an
epoch gives the same transforms. The transforms are drawn on the CPU, so they are the same on every device.
"""

import torch
from torch import Tensor

from fashion_tui.lab.rng import Purpose, generator_for
from fashion_tui.schema.dataset import ImageShape
from fashion_tui.schema.recipe import Recipe

from .normalisation import per_channel

ERASE_PROBABILITY = 0.5
"""Probability that a box is erased from an image in an epoch, if the recipe uses random erasing."""


class Augmentation:
    """Chooses random transforms for each epoch and applies them to batches."""

    def __init__(self, recipe: Recipe, count: int, shape: ImageShape, *, seed: int, device: torch.device) -> None:
        """Choose transforms for the first epoch of a training set with `count` images of this shape."""
        self.recipe = recipe
        self.shape = shape
        self.count = count
        self.seed = seed
        self.device = device
        self._transforms: dict[str, Tensor] = {}
        """Transforms of each image in the current epoch, updated in place because a CUDA graph reads this memory."""
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Choose random transforms for each image in an epoch. Epochs are counted from 0.

        With the alternating flip, a random half of the images is mirrored in even epochs and the other half in odd
        epochs. Any two consecutive epochs therefore show both versions of every image (Jordan 2024, "94% on CIFAR-10 in
        3.29 seconds on a single GPU", section 3.6). Random erasing follows Zhong et al. 2017, "Random Erasing Data
        Augmentation", but fills the boxes with the mean instead of noise.
        """
        recipe, count, seed = self.recipe, self.count, self.seed
        if recipe.flip == "alternating":
            in_even_epochs = torch.rand(count, generator=generator_for(seed, Purpose.FLIP)) < 0.5
            self._store("mirrored", ~in_even_epochs if epoch % 2 else in_even_epochs)
        if recipe.crop:
            generator = generator_for(seed, Purpose.CROP, epoch)
            self._store("corners", torch.randint(0, 2 * recipe.crop + 1, (count, 2), generator=generator))
        if recipe.erase:
            generator = generator_for(seed, Purpose.ERASE, epoch)
            sides = torch.randint(recipe.erase // 2, recipe.erase + 1, (count, 2), generator=generator)
            sides[torch.rand(count, generator=generator) >= ERASE_PROBABILITY] = 0
            centres = [torch.randint(0, side, (count,), generator=generator) for side in self.shape[1:]]
            first = torch.stack(centres, dim=1) - sides // 2
            self._store("erased", torch.stack([first, first + sides], dim=2))

    def __call__(self, images: Tensor, indices: Tensor) -> Tensor:
        """Augment normalised images `[B, C, H, W]`. `indices` `[B]` are the images' indices in the training set."""
        if self.recipe.flip == "alternating":
            mirrored = self._transforms["mirrored"].index_select(0, indices).view(-1, 1, 1, 1)
            images = torch.where(mirrored, images.flip(-1), images)
        if self.recipe.crop:
            images = self._crop(images, self._transforms["corners"].index_select(0, indices))
        if self.recipe.erase:
            images = self._erase(images, self._transforms["erased"].index_select(0, indices))
        return images

    def _store(self, name: str, values: Tensor) -> None:
        if name in self._transforms:
            self._transforms[name].copy_(values)
        else:
            self._transforms[name] = values.to(self.device)

    def _crop(self, images: Tensor, corners: Tensor) -> Tensor:
        """Pad images `[B, C, H, W]` with black and crop each to its original size.

        `corners` `[B, 2]` contains the (row, column) at which each crop starts.
        """
        padding, device, (count, channels, height, width) = self.recipe.crop, images.device, images.shape
        padded = self._black(device).expand(count, channels, height + 2 * padding, width + 2 * padding).clone()
        padded[:, :, padding:-padding, padding:-padding] = images
        rows = corners[:, :1] + torch.arange(height, device=device)  # [B, H]
        columns = corners[:, 1:] + torch.arange(width, device=device)  # [B, W]
        batch = torch.arange(count, device=device).view(-1, 1, 1, 1)
        channel = torch.arange(channels, device=device).view(-1, 1, 1)
        return padded[batch, channel, rows.view(count, 1, -1, 1), columns.view(count, 1, 1, -1)]

    def _black(self, device: torch.device) -> Tensor:
        """Return the normalised value of black: float32 `[C, 1, 1]`, or `[1, 1, 1]` if all channels share it."""
        mean, std = self.recipe.mean, self.recipe.std
        channels = max(len(mean), len(std))
        means, stds = mean * (channels // len(mean)), std * (channels // len(std))
        return per_channel(tuple(-m / s for m, s in zip(means, stds, strict=True)), device)

    def _erase(self, images: Tensor, boxes: Tensor) -> Tensor:
        """Fill a box in each image with 0, the mean of the normalised images.

        `boxes` `[B, 2, 2]` contains the (start, end) of the rows and of the columns of each box.
        """
        rows, columns = (_inside(boxes[:, axis], side) for axis, side in enumerate(images.shape[2:]))
        covered = rows.unsqueeze(2) & columns.unsqueeze(1)  # [B, H, W]
        return images.masked_fill(covered.unsqueeze(1), 0.0)


def _inside(ranges: Tensor, size: int) -> Tensor:
    """Return a mask, bool `[B, size]`, that is True for the positions in each range (start, end) of `[B, 2]`."""
    position = torch.arange(size, device=ranges.device)
    return (position >= ranges[:, :1]) & (position < ranges[:, 1:])
