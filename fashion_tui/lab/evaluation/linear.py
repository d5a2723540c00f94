"""Fit softmax regression, the linear model of classification."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .metrics import Cancelled

L2_PENALTY = 1e-4
"""Factor of half the sum of the squared weights, which is added to the mean cross-entropy."""

MAX_PASSES = 100
"""Maximum number of passes over the training set."""

BLOCK_SIZE = 1024
"""Number of images that are converted to floating point at once. They should fit into the CPU's cache."""


@dataclass(frozen=True)
class LinearModel:
    """Softmax regression on pixels: the logits are `(pixels / 255 - mean) @ weight + bias`."""

    mean: Tensor
    """float32 [F]."""
    weight: Tensor
    """float32 [F, C]."""
    bias: Tensor
    """float32 [C]."""

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the logits, float32 `[N, C]`, for uint8 pixels `[N, F]`."""
        blocks = pixels.split(BLOCK_SIZE)
        return torch.cat([self.inputs(block) @ self.weight + self.bias for block in blocks])

    def inputs(self, pixels: Tensor) -> Tensor:
        """Return `pixels / 255 - mean` as float32 `[N, F]`."""
        return pixels.to(torch.float32).div_(255).sub_(self.mean)


def fit_linear_model(
    pixels: Tensor,
    labels: Tensor,
    classes: int,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> LinearModel:
    """Fit softmax regression to uint8 pixels `[N, F]` and their labels, int64 `[N]`.

    The weights minimise the mean cross-entropy plus L2_PENALTY / 2 times their sum of squares. This has only one
    minimum, which L-BFGS finds without random numbers. `mean` is the mean of the images; subtracting it speeds up
    the search, and the bias compensates for it.

    `progress` is called after each pass over the images with the number of passes and MAX_PASSES. `should_stop` is
    called before each pass. If it returns True, Cancelled is raised.
    """
    total = sum(block.sum(dim=0, dtype=torch.int64) for block in pixels.split(BLOCK_SIZE))
    features = pixels.shape[1]
    mean = (torch.as_tensor(total).double() / len(pixels) / 255).float()
    model = LinearModel(mean, torch.zeros(features, classes), torch.zeros(classes))
    search = torch.optim.LBFGS(
        [model.weight, model.bias],
        max_iter=MAX_PASSES,
        max_eval=MAX_PASSES,
        tolerance_grad=1e-6,
        tolerance_change=1e-9,
        line_search_fn="strong_wolfe",
    )
    passes = 0

    def objective() -> float:
        nonlocal passes
        if should_stop():
            raise Cancelled
        value = _objective_and_gradients(model, pixels, labels)
        passes += 1
        progress(min(passes, MAX_PASSES), MAX_PASSES)
        return value

    search.step(objective)  # one call makes all steps
    return model


def _objective_and_gradients(model: LinearModel, pixels: Tensor, labels: Tensor) -> float:
    """Return the function to minimise. Each call stores the gradients in the `grad` of the weight and the bias."""
    loss = 0.0
    weight_gradient, bias_gradient = torch.zeros_like(model.weight), torch.zeros_like(model.bias)
    for block, truth in zip(pixels.split(BLOCK_SIZE), labels.split(BLOCK_SIZE), strict=True):
        inputs = model.inputs(block)
        log_probabilities = F.log_softmax(inputs @ model.weight + model.bias, dim=1)
        loss -= log_probabilities.gather(1, truth[:, None]).sum(dtype=torch.float64).item()
        errors = log_probabilities.exp_()  # the gradient of the cross-entropy: probabilities minus one-hot labels
        errors[torch.arange(len(truth)), truth] -= 1
        weight_gradient += (errors.T @ inputs).T
        bias_gradient += errors.sum(dim=0)
    model.weight.grad = weight_gradient / len(pixels) + L2_PENALTY * model.weight
    model.bias.grad = bias_gradient / len(pixels)
    return loss / len(pixels) + L2_PENALTY / 2 * model.weight.square().sum(dtype=torch.float64).item()
