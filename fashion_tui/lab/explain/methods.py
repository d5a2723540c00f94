"""Compute a heat map by the name of its method, and scale it for display."""

from collections.abc import Callable

from torch import Tensor

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.explanation import Method

from .classifier import Classifier
from .grad_cam import grad_cam
from .occlusion import occlusion
from .saliency import input_x_gradient, smooth_grad


def explain(  # noqa: PLR0913
    classifier: Classifier,
    image: Tensor,
    target: int,
    method: Method,
    *,
    layer: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Tensor:
    """Return the heat map of a normalised image `[C, H, W]` for a class, float32 `[H, W]`.

    `layer` is one of `CamLayers.paths` for Grad-CAM, and None for any other method. Raises UserError if the method
    can't be applied to the network.
    """
    if method == "grad-cam":
        if layer is None:
            raise ValueError("Grad-CAM needs a layer")
        return grad_cam(classifier, image, target, layer)
    if method == "smoothgrad":
        return smooth_grad(classifier, image, target, progress=progress)
    if method == "occlusion":
        return occlusion(classifier, image, target, progress=progress)
    return input_x_gradient(classifier, image, target)


def scale_to_one(values: Tensor) -> tuple[Tensor, float]:
    """Divide a heat map by its largest absolute value, and return the result and this value.

    Zeros stay 0, and signs are kept. A map that is 0 everywhere stays unchanged. Raises UserError if a
    value is NaN or infinite.
    """
    if not values.isfinite().all():
        raise UserError("the heat map contains NaN or infinity, so it has no scale; choose another method")
    scale = values.abs().max().item()
    return (values / scale if scale else values), scale
