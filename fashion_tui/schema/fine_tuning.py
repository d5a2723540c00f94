"""Fine-tuning of torchvision's networks: where pretrained weights are published, and the result of a check."""

import msgspec

from .recipe import Recipe


class PublishedWeights(msgspec.Struct, frozen=True, kw_only=True):
    """A file with pretrained weights that can be downloaded."""

    url: str
    name: str
    """Name of the file, such as `resnet18-f37072fd.pth`."""
    sha256: str
    """The first digits of the file's SHA-256, which torchvision publishes as part of the name. Empty if it doesn't."""


class CheckedFineTuning(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe whose network, weights and frozen layers have been checked."""

    recipe: Recipe
    """The recipe, with the size of the network's input filled in."""
    weights_sha256: str = ""
    """SHA-256 of the file with the initial weights, or an empty string without such a file."""
