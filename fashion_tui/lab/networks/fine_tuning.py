"""Networks of torchvision that are trained on a data set: resized images, a new head, frozen layers."""

import difflib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fashion_tui.schema.dataset import ImageTask
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.fields import InvalidField
from fashion_tui.schema.fine_tuning import PublishedWeights
from fashion_tui.schema.models import TORCHVISION
from fashion_tui.schema.recipe import NONE, OWN_MEAN, OWN_STD, Recipe

from .custom import explain_error
from .library import build_library_network, published_weights_of

HEADS = ("heads", "head", "classifier", "fc")
"""Names of the part of torchvision's networks that ends in the layer with one output for each class."""

COLOURS = 3
"""Number of channels of the images that torchvision's networks take."""


class FineTunedNetwork(nn.Module):
    """A network of torchvision that takes the images of a data set, `[N, 1 or 3, H, W]`.

    The images are resized to `size`×`size` pixels, and the channel of grey images is repeated three times. Unless the
    recipe normalises them already, they are normalised as the network's pretrained weights require.
    """

    def __init__(self, network: nn.Module, head: str, size: int, mean: Sequence[float], std: Sequence[float]) -> None:
        """`head` is the path of the last layer in `network`. `mean` and `std` have one value for each channel."""
        super().__init__()
        self.network = network
        self.head = head
        self.size = size
        self.frozen_norms: tuple[str, ...] = ()
        """Paths of the batch normalisation layers that stay in evaluation mode, so that their statistics are kept."""
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        if (height, width) != (self.size, self.size):
            shrinks = self.size < min(height, width)
            images = F.interpolate(images, size=(self.size, self.size), mode="bilinear", antialias=shrinks)
        images = images.expand(-1, COLOURS, -1, -1)
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - as in nn.Module
        """Set the mode of all layers. Frozen batch normalisation layers stay in evaluation mode."""
        super().train(mode)
        for path in self.frozen_norms:
            self.network.get_submodule(path).eval()
        return self

    def freeze(self, patterns: str, name: str) -> None:
        """Freeze the layers and parameters whose names match one of the patterns, which are separated by commas.

        Raises InvalidField if a pattern matches nothing, or if nothing is left to train. `name` is the network's name.
        """
        frozen: set[str] = set()
        names = [path for path, _ in self.network.named_parameters()]
        for pattern in map(str.strip, patterns.split(",")):
            matching = {path for path in names if any(fnmatchcase(part, pattern) for part in _with_parents(path))}
            if not matching:
                hint = _similar(pattern, names)
                raise InvalidField("freeze", f"freeze: no layer of {name} matches {pattern!r}; {hint}")
            frozen |= matching
        if len(frozen) == len(names):
            raise InvalidField("freeze", f"freeze is {patterns!r}, which leaves no parameter of {name} to train")
        for path, parameter in self.network.named_parameters():
            parameter.requires_grad_(path not in frozen)
        self.frozen_norms = tuple(
            path
            for path, module in self.network.named_modules()
            if isinstance(module, _BatchNorm) and all(f"{path}.{own}" in frozen for own, _ in module.named_parameters())
        )

    def is_backbone(self, parameter: nn.Parameter) -> bool:
        """Return whether a parameter doesn't belong to the new head."""
        return not any(parameter is own for own in self.network.get_submodule(self.head).parameters())


def build_fine_tuned(recipe: Recipe, task: ImageTask, device: str = "cpu") -> FineTunedNetwork:
    """Build the network `torchvision:NAME` of a recipe with new weights, and freeze layers.

    The last layer has one output for each class. Raises UsageError if the network is unknown or doesn't classify
    images, and InvalidField if nothing matches a pattern of layers to freeze.
    """
    name = recipe.model.removeprefix(TORCHVISION)
    weights = published_weights_of(name)
    transform = weights.transforms()
    size = recipe.input_size or transform.crop_size[0]
    arguments = _arguments(name, size, is_pretrained=recipe.weights != NONE)
    network = build_library_network(recipe.model, arguments | {"num_classes": task.classes}, device, float("inf"))
    mean, std = transform.mean, transform.std
    if (recipe.mean, recipe.std) != (OWN_MEAN, OWN_STD):  # the recipe normalises the images instead
        mean, std = [0.0] * COLOURS, [1.0] * COLOURS
    tuned = FineTunedNetwork(network, _head_of(network, recipe.model, task.classes), size, mean, std)
    if recipe.freeze != NONE:
        tuned.freeze(recipe.freeze, recipe.model)
    return tuned if device == "meta" else tuned.to(memory_format=torch.channels_last)


def check_fine_tuned(recipe: Recipe, task: ImageTask) -> FineTunedNetwork:
    """Build a network on the `meta` device, run it there, and return it.

    Raises UserError if it can't be trained on images of the task.
    """
    network = build_fine_tuned(recipe, task, "meta").to("meta")
    try:
        network.eval()(torch.zeros(2, *task.image_shape, device="meta"))
    except Exception as error:
        size = f"{network.size}×{network.size}"
        raise explain_error(error, f"{recipe.model} fails on images of {size} pixels: ") from error
    return network


def can_train_on_one(recipe: Recipe, task: ImageTask) -> bool:
    """Return whether the network can be trained on a batch of one image. Batch normalisation may need more images."""
    network = build_fine_tuned(recipe, task, "meta").to("meta").train()
    try:
        network(torch.zeros(1, *task.image_shape, device="meta"))
    except ValueError:
        return False
    return True


def published_weights(model: str) -> PublishedWeights:
    """Return the URL, file name and checksum of the default weights of `torchvision:NAME`."""
    url = str(published_weights_of(model.removeprefix(TORCHVISION)).url)
    file = url.rpartition("/")[2]
    digits = file.rpartition(".")[0].rpartition("-")[2]
    is_checksum = len(digits) >= 8 and set(digits) <= set("0123456789abcdef")
    return PublishedWeights(url=url, name=file, sha256=digits if is_checksum else "")


def _arguments(name: str, size: int, *, is_pretrained: bool) -> dict[str, Any]:
    """Return the constructor's arguments that match the input size and, if the network is pretrained, its weights."""
    if name in {"googlenet", "inception_v3"}:  # without the auxiliary classifiers, which are used only in training
        return {"aux_logits": False, "transform_input": is_pretrained}
    if name.startswith("vit_"):
        return {"image_size": size}
    return {"input_size": (size, size)} if name.startswith("maxvit") else {}


def _head_of(network: nn.Module, name: str, classes: int) -> str:
    """Return the path of the layer with one output for each class: a Linear or, in SqueezeNet, a convolution."""
    layers = reversed(list(network.named_modules()))
    for path, layer in layers:
        outputs = {getattr(layer, "out_features", None), getattr(layer, "out_channels", None)}
        if path.partition(".")[0] in HEADS and classes in outputs:
            return str(path)
    raise UserError(f"{name} can't be fine-tuned: no part named {', '.join(HEADS)} ends in a layer for the classes")


def _with_parents(path: str) -> Iterator[str]:
    """Yield the name of a parameter and of each module that contains it."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def _similar(pattern: str, names: list[str]) -> str:
    """Return a suggestion: names of layers that are similar to a pattern or, if there are none, the largest parts."""
    modules = list(dict.fromkeys(module for name in names for module in _with_parents(name)))
    close = difflib.get_close_matches(pattern.rstrip(".*"), modules, 3, 0.6)
    parts = list(dict.fromkeys(name.partition(".")[0] for name in names))
    return f"did you mean {', '.join(close)}?" if close else f"its parts are {', '.join(parts)}"
