"""Normalise images: subtract the mean and divide by the standard deviation of each channel."""

from functools import cache

import torch
from torch import Tensor


def normalise(pixels: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Normalise uint8 images `[N, C, H, W]` and return float32, like torchvision's ToTensor and Normalize.

    `mean` and `std` have one value for each channel, or one for all. On a CPU, the result is bit-identical to the
    result of the torchvision transforms.
    """
    images = pixels.to(torch.float32).div_(255)
    if len(mean) == len(std) == 1:
        return images.sub_(mean[0]).div_(std[0])
    return images.sub_(per_channel(mean, images.device)).div_(per_channel(std, images.device))


@cache  # because a tensor can't be copied to a GPU while a CUDA graph is captured
def per_channel(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return one value for each channel, or one for all, as float32 `[C, 1, 1]`. The result must not be modified."""
    return torch.tensor(values, dtype=torch.float32, device=device).view(-1, 1, 1)
