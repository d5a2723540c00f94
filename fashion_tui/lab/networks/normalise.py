"""A layer that normalises images, so that a trained network can take images with values in [0, 1]."""

from collections import OrderedDict

from torch import Tensor, nn

from fashion_tui.lab.data.normalisation import per_channel
from fashion_tui.schema.recipe import Recipe


class Normalise(nn.Module):
    """Normalises images with values in [0, 1], as in training: `(images - mean) / std`."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        """`mean` and `std` have one value for each channel, or one for all."""
        super().__init__()
        self.mean = mean
        self.std = std

    def forward(self, images: Tensor) -> Tensor:
        return (images - per_channel(self.mean, images.device)) / per_channel(self.std, images.device)

    def extra_repr(self) -> str:
        return f"mean={self.mean}, std={self.std}"


def with_normalisation(network: nn.Module, recipe: Recipe) -> nn.Sequential:
    """Return a module that normalises images with values in [0, 1] and passes them to `network`."""
    layers = OrderedDict[str, nn.Module](normalise=Normalise(recipe.mean, recipe.std), network=network)
    return nn.Sequential(layers)
