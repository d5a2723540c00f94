"""Heat maps from the gradient of a class's logit with respect to the image's pixels."""

from collections.abc import Callable

import torch
from torch import Tensor

from fashion_tui.lab.rng import Purpose, generator_for
from fashion_tui.schema.errors import UserError

from .batches import images_per_batch
from .classifier import Classifier, gradient_of

SAMPLES = 50
"""Number of noisy images for SmoothGrad. More images change the map little (Smilkov et al. 2017, figure 4)."""

NOISE = 0.15
"""Standard deviation of SmoothGrad's noise, as a fraction of the range of the image's values.

Smilkov et al. 2017 recommend 0.1 to 0.2.
"""


def input_x_gradient(classifier: Classifier, image: Tensor, target: int) -> Tensor:
    """Return gradient × input, float32 `[H, W]`: how much each pixel adds to the logit of the class, to first order.

    The map is the product of the image and the gradient of the logit, summed over the channels. A positive value means
    that the pixel supports the class, compared with a pixel whose normalised value is 0.

    `image` is normalised, float32 `[C, H, W]`. Raises UserError if no gradient reaches the image.
    """
    return (image.cpu() * _gradients(classifier, image[None], target)[0]).sum(dim=0)


def smooth_grad(  # noqa: PLR0913
    classifier: Classifier,
    image: Tensor,
    target: int,
    *,
    samples: int = SAMPLES,
    noise: float = NOISE,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Tensor:
    """Return SmoothGrad, float32 `[H, W]`: how strongly the logit of the class responds to each pixel.

    The gradient of the logit is averaged over `samples` copies of the image with Gaussian noise (Smilkov et al. 2017,
    "SmoothGrad: removing noise by adding noise"). The map is the largest absolute value of any channel, so it is never
    negative. The noise depends only on the seed and on the range of the image's values.

    `image` is normalised, float32 `[C, H, W]`. `progress` is called after each batch with the number of completed
    samples and the total. Raises UserError if no gradient reaches the image.
    """
    image = image.cpu()
    noisy = image + smooth_grad_noise(image, samples=samples, noise=noise, seed=seed)
    total, done = torch.zeros_like(image), 0
    for images in noisy.split(images_per_batch(image)):
        total += _gradients(classifier, images, target).sum(dim=0)
        done += len(images)
        progress(done, samples)
    return (total / samples).abs().amax(dim=0)


def smooth_grad_noise(image: Tensor, *, samples: int, noise: float, seed: int) -> Tensor:
    """Return SmoothGrad's noise for an image `[C, H, W]`, float32 `[samples, C, H, W]`."""
    spread = noise * (image.max() - image.min())
    return spread * torch.randn(samples, *image.shape, generator=generator_for(seed, Purpose.SMOOTH_GRAD))


def _gradients(classifier: Classifier, images: Tensor, target: int) -> Tensor:
    """Return the gradient of each image's logit with respect to the image, float32 `[N, C, H, W]` on the CPU."""
    leaf = images.detach().to(classifier.device, torch.float32).requires_grad_()
    with classifier.running(), torch.enable_grad():
        gradient = gradient_of(classifier(leaf)[:, target].sum(), leaf)
    if gradient is None:
        raise UserError(
            f"no gradient reaches the image, because {classifier.name} detaches it or converts it to integers; choose "
            "occlusion, which needs no gradient"
        )
    return gradient.cpu()
