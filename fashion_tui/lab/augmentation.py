"""Pictures mirrored, so that a network sees each from both sides.

What happens to a picture is a function of (seed, epoch, its place in the set), drawn on the CPU: the same for every
device, and for a training that resumes in the middle of an epoch. It happens to whole batches, where they are.
"""

import torch
from torch import Tensor

from fashion_tui.schema.recipe import Recipe

from .seeds import Purpose, generator_for


class Augmentation:
    """What one epoch does to the pictures of a set."""

    def __init__(self, recipe: Recipe, count: int, *, seed: int, epoch: int, device: torch.device) -> None:
        """For a set of `count` pictures.

        Alternating: one half of them is mirrored in the even epochs, the other one in the odd ones (Jordan 2024, "94 %
        on CIFAR-10 in 3.29 seconds on a single GPU", section 3.6), so that two epochs show both sides of every picture.
        """
        self._mirrored: Tensor | None = None
        if recipe.flip == "alternating":
            in_even_epochs = torch.rand(count, generator=generator_for(seed, Purpose.FLIP)) < 0.5
            self._mirrored = (~in_even_epochs if epoch % 2 else in_even_epochs).to(device)

    def __call__(self, images: Tensor, places: Tensor) -> Tensor:
        """The normalised images `[B, 1, 28, 28]`, which stand at these places `[B]` in the set."""
        if self._mirrored is None:
            return images
        mirrored = self._mirrored.index_select(0, places).view(-1, 1, 1, 1)
        return torch.where(mirrored, images.flip(-1), images)
