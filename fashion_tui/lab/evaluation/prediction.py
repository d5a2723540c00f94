"""Predict the classes of image files: preprocess them like the training images, and find the most probable classes."""

from collections.abc import Sequence

import msgspec
import torch
from torch import Tensor

from fashion_tui.data.preprocessing import Target, preprocess
from fashion_tui.data.stored import Pixels
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.schema.prediction import MAX_TOP, ClassProbability, PreprocessingStep
from fashion_tui.schema.recipe import Recipe

from .metrics import has_probabilities


def prepare(image: Pixels, target: Target, recipe: Recipe) -> tuple[Tensor, tuple[PreprocessingStep, ...]]:
    """Convert a decoded image to the network's input.

    Return the image as uint8 `[C, H, W]`, which isn't normalised yet, and all steps including the normalisation.
    """
    preprocessed = preprocess(image, target)
    pixels = torch.from_numpy(preprocessed.pixels)
    return pixels, (*preprocessed.steps, _normalised(pixels, recipe, preprocessed.steps[-1]))


def _normalised(pixels: Tensor, recipe: Recipe, previous: PreprocessingStep) -> PreprocessingStep:
    """Return the normalisation step. It shows the picture of the previous step, because only the scale changes."""
    values = normalise(pixels[None], recipe.mean, recipe.std)[0]
    mean, std = _numbers(recipe.mean), _numbers(recipe.std)
    return msgspec.structs.replace(
        previous,
        name="normalised",
        caption=f"(value / 255 − {mean}) / {std}",
        applied=True,
        dtype=str(values.dtype).removeprefix("torch."),
        shape=tuple(values.shape),
        minimum=values.min().item(),
        mean=values.mean().item(),
        maximum=values.max().item(),
    )


def _numbers(values: Sequence[float]) -> str:
    """Format one number, or one number per channel."""
    numbers = [f"{value:.4g}" for value in values]
    return numbers[0] if len(numbers) == 1 else f"[{', '.join(numbers)}]"


def top_classes(logits: Tensor, classes: Sequence[str], count: int = MAX_TOP) -> tuple[ClassProbability, ...] | None:
    """Return the most probable classes, given the logits `[classes]` of an image.

    Return None if the probabilities are NaN.
    """
    if not has_probabilities(logits[None]).item():
        return None
    top = logits.double().softmax(dim=0).topk(min(count, len(classes)))
    return tuple(
        ClassProbability(label=label, name=classes[label], probability=probability)
        for probability, label in zip(top.values.tolist(), top.indices.tolist(), strict=True)
    )
