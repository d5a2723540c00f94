"""Grad-CAM: which positions of a layer's feature maps support a class (Selvaraju et al. 2017)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.lab.trace.structure import named_modules
from fashion_tui.lab.trace.windows import CONVOLUTIONS
from fashion_tui.schema.errors import UsageError, UserError

from .classifier import Classifier, gradient_of

NORMALISATIONS = (nn.modules.batchnorm._NormBase, nn.GroupNorm)  # noqa: SLF001 - the base class of batch and instance norm
MAX_LISTED = 8
"""Maximum number of layers to list in an error message."""


@dataclass(frozen=True)
class CamLayers:
    """The layers of a network for which Grad-CAM can be computed."""

    paths: tuple[str, ...]
    """Paths of the modules whose output is `[N, C, H, W]` with more than one position, in order of their last call."""
    default: str | None
    """The last layer that normalises the feature maps of the last convolution or keeps their shape, such as a ReLU or
    the block that contains the convolution. It may be the convolution itself. None if no convolution was called."""

    def choose(self, layer: str | None) -> str:
        """Return the path of a layer: `layer`, or the default layer if it is None.

        Raises UsageError if Grad-CAM can't be computed for this layer, and UserError if no convolution was called.
        """
        if layer is None and self.default is not None:
            return self.default
        if layer in self.paths:
            return layer
        listed = ", ".join(self.paths[:MAX_LISTED]) + (", …" if len(self.paths) > MAX_LISTED else "")
        if layer is not None and listed:
            raise UsageError(f"layer is {layer!r}, which has no feature maps; choose from {listed}")
        advice = f"choose a layer from {listed}, or another method" if listed else "choose another method"
        raise UserError(f"Grad-CAM needs feature maps, but the network calls no convolution layer; {advice}")


def find_layers(classifier: Classifier, image: Tensor) -> CamLayers:
    """Run the network on a normalised image `[C, H, W]`, and return the layers for which Grad-CAM can be computed."""
    called: dict[str, tuple[nn.Module, torch.Size]] = {}
    handles = []

    def watch(path: str, module: nn.Module) -> None:
        def record(_module: nn.Module, _arguments: Any, output: Any) -> None:
            called.pop(path, None)
            if _has_positions(output):
                called[path] = module, output.shape

        handles.append(module.register_forward_hook(record))

    try:
        for path, module in named_modules(classifier.network):
            if path and not isinstance(module, torch.jit.ScriptModule):  # a ScriptModule accepts no hooks
                watch(path, module)
        with classifier.running(), torch.no_grad():
            classifier(image[None].to(classifier.device))
    finally:
        for handle in handles:
            handle.remove()
    return CamLayers(tuple(called), _default_layer(called))


def _default_layer(called: Mapping[str, tuple[nn.Module, torch.Size]]) -> str | None:
    """Return the path of the default layer among modules with the shapes of their outputs, in order of their calls.

    A convolution's maps have an offset that the normalisation after it removes. With the offset, the weighted sum of
    the maps is often negative at all positions, and Grad-CAM is 0 everywhere.
    """
    default, shape = None, torch.Size()
    for path, (module, output_shape) in called.items():
        is_normalised = isinstance(module, NORMALISATIONS) and output_shape[:2] == shape[:2]
        if isinstance(module, CONVOLUTIONS) or output_shape == shape or is_normalised:
            default, shape = path, output_shape
    return default


def grad_cam(classifier: Classifier, image: Tensor, target: int, layer: str) -> Tensor:
    """Return the Grad-CAM heat map of a layer, float32 `[H, W]`: where the layer's feature maps support the class.

    Each feature map is weighted by the mean of the logit's gradient over its positions. The weighted maps are summed,
    negative values are set to 0, and the result is resized to the size of the image by bilinear interpolation
    (Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2). If the sum is negative at all positions, the heat map is 0
    everywhere: the layer contains only evidence against the class.

    `image` is normalised, float32 `[C, H, W]`. `layer` is one of `CamLayers.paths`. If the network calls the layer
    several times, the last call is used. Raises UserError if no gradient reaches the layer.
    """
    maps: Tensor | None = None

    def capture(_module: nn.Module, _arguments: Any, output: Tensor) -> Tensor:
        nonlocal maps
        maps = output if output.requires_grad else output.detach().requires_grad_()
        return maps.clone()  # the network may change the output in place

    leaf = image[None].detach().to(classifier.device, torch.float32).requires_grad_()
    handle = dict(named_modules(classifier.network))[layer].register_forward_hook(capture)
    try:
        with classifier.running(), torch.enable_grad():
            logits = classifier(leaf)
            gradient = None if maps is None else gradient_of(logits[0, target], maps)
    finally:
        handle.remove()
    if maps is None or gradient is None:
        raise UserError(
            f"no gradient reaches the output of {layer}, because {classifier.name} detaches it or computes it without "
            "gradients; choose another layer or occlusion"
        )
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    cam = F.relu((weights * maps.detach()).sum(dim=1, keepdim=True))
    return F.interpolate(cam, image.shape[1:], mode="bilinear", align_corners=False)[0, 0].float().cpu()


def _has_positions(output: Any) -> bool:
    """Return whether a module's output for one image is `[1, C, H, W]` with more than one position."""
    if not isinstance(output, Tensor) or output.dim() != 4 or not output.is_floating_point():
        return False
    return len(output) == 1 and output.shape[2] * output.shape[3] > 1
