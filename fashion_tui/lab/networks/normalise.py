"""A layer that normalises images, so that a trained network can take images with values in [0, 1]."""

from collections import OrderedDict

from torch import Tensor, nn

from fashion_tui.schema.recipe import Recipe


class Normalise(nn.Module):
    """Normalises images with values in [0, 1], as in training: `(images - mean) / std`."""

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.mean = mean
        self.std = std

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std

    def extra_repr(self) -> str:
        return f"mean={self.mean}, std={self.std}"


def with_normalisation(network: nn.Module, recipe: Recipe) -> nn.Sequential:
    """Return a module that normalises images with values in [0, 1] and passes them to `network`."""
    layers = OrderedDict[str, nn.Module](normalise=Normalise(recipe.mean, recipe.std), network=network)
    return nn.Sequential(layers)
