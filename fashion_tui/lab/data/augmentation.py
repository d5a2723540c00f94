"""Pictures mirrored, moved and partly blanked, so that a network learns what doesn't count.

What happens to a picture is a function of (seed, epoch, its place in the set), drawn on the CPU: the same for every
device, and for a training that resumes in the middle of an epoch. It happens to whole batches, where they are.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fashion_tui.lab.rng import Purpose, generator_for
from fashion_tui.schema.recipe import Recipe

ERASED_SHARE = 0.5
"""Of the pictures, where any are erased."""


class Augmentation:
    """What each epoch does to the pictures of a set."""

    def __init__(self, recipe: Recipe, count: int, *, seed: int, device: torch.device) -> None:
        """For a set of `count` pictures, as its first epoch does it."""
        self.recipe = recipe
        self.count = count
        self.seed = seed
        self.device = device
        self._drawn: dict[str, Tensor] = {}
        """What the epoch does to each picture. Always in the same memory, which a CUDA graph goes on reading."""
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Draws what the epoch, counted from 0, does to each picture of the set.

        Alternating flip: one half of them is mirrored in the even epochs, the other one in the odd ones (Jordan 2024,
        "94 % on CIFAR-10 in 3.29 seconds on a single GPU", section 3.6), so that two epochs show both sides of every
        picture. Erasing: Zhong et al. 2017, "Random Erasing Data Augmentation", with the mean in the place of noise.
        """
        recipe, count, seed = self.recipe, self.count, self.seed
        if recipe.flip == "alternating":
            in_even_epochs = torch.rand(count, generator=generator_for(seed, Purpose.FLIP)) < 0.5
            self._keep("mirrored", ~in_even_epochs if epoch % 2 else in_even_epochs)
        if recipe.crop:
            generator = generator_for(seed, Purpose.CROP, epoch)
            self._keep("corners", torch.randint(0, 2 * recipe.crop + 1, (count, 2), generator=generator))
        if recipe.erase:
            generator = generator_for(seed, Purpose.ERASE, epoch)
            sides = torch.randint(recipe.erase // 2, recipe.erase + 1, (count, 2), generator=generator)
            sides[torch.rand(count, generator=generator) >= ERASED_SHARE] = 0
            first = torch.randint(0, 28, (count, 2), generator=generator) - sides // 2
            self._keep("erased", torch.stack([first, first + sides], dim=2))

    def __call__(self, images: Tensor, places: Tensor) -> Tensor:
        """The normalised images `[B, 1, 28, 28]`, which stand at these places `[B]` in the set."""
        if self.recipe.flip == "alternating":
            mirrored = self._drawn["mirrored"].index_select(0, places).view(-1, 1, 1, 1)
            images = torch.where(mirrored, images.flip(-1), images)
        if self.recipe.crop:
            images = self._move(images, self._drawn["corners"].index_select(0, places))
        if self.recipe.erase:
            images = self._erase(images, self._drawn["erased"].index_select(0, places))
        return images

    def _keep(self, what: str, drawn: Tensor) -> None:
        if what in self._drawn:
            self._drawn[what].copy_(drawn)
        else:
            self._drawn[what] = drawn.to(self.device)

    def _move(self, images: Tensor, corners: Tensor) -> Tensor:
        """Cuts `[B, 1, 28, 28]` at these corners `[B, 2]` (row, column) out of the images with a black frame."""
        frame, height, width = self.recipe.crop, images.shape[2], images.shape[3]
        black = -self.recipe.mean / self.recipe.std
        framed = F.pad(images, (frame, frame, frame, frame), value=black).squeeze(1)
        rows = corners[:, :1] + torch.arange(height, device=images.device)  # [B, 28]
        columns = corners[:, 1:] + torch.arange(width, device=images.device)
        which = torch.arange(len(images), device=images.device).view(-1, 1, 1)
        return framed[which, rows.unsqueeze(2), columns.unsqueeze(1)].unsqueeze(1)

    def _erase(self, images: Tensor, boxes: Tensor) -> Tensor:
        """Sets to the mean, 0, what lies in the boxes `[B, 2, 2]`: first row and the one behind the last; columns."""
        line = torch.arange(images.shape[-1], device=images.device)
        inside = (line >= boxes[:, :, :1]) & (line < boxes[:, :, 1:])  # [B, 2, 28]
        covered = inside[:, 0, :, None] & inside[:, 1, None, :]  # [B, 28, 28]
        return images.masked_fill(covered.unsqueeze(1), 0.0)
