"""A recipe: everything that decides how a network is trained, as plain data. Its meaning in PyTorch: `lab.recipes`."""

import math
from typing import Annotated, Literal

import msgspec

from .errors import UsageError
from .models import MODELS, unknown_model

Precision = Literal["fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")

Optimizer = Literal["adam", "muon"]
"""`muon`: Muon for the filters of convolutions, Adam for everything else."""

Schedule = Literal["constant", "triangle"]
"""`triangle`: the learning rate rises in a line during `warm_up` of the steps, and falls in a line to the last one."""

Flip = Literal["none", "alternating"]
"""`alternating`: each image is mirrored in every second epoch."""


FASHION_MEAN, FASHION_STD = 0.2860, 0.3530
"""Of Fashion-MNIST's training pixels in [0, 1], rounded."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How to train. Two runs with equal recipes, seeds, data, threads and devices give equal weights."""

    name: str
    summary: str
    """One line, of at most 39 characters, for a person who chooses."""
    model: str
    epochs: int
    batch_size: int
    learning_rate: float
    """The highest of the schedule; with Muon, that of the filters."""
    optimizer: Optimizer
    mean: float
    """Pixels in [0, 1] are normalised as (pixel - mean) / std."""
    std: float
    precision: Precision = "fp32"
    schedule: Schedule = "constant"
    warm_up: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    """Share of all steps, in [0, 1)."""
    label_smoothing: float = 0.0
    flip: Flip = "none"
    crop: Annotated[int, msgspec.Meta(ge=0, le=27)] = 0
    """Pixels: each image is moved by up to so many in both directions, black coming in."""
    erase: Annotated[int, msgspec.Meta(ge=0, le=28)] = 0
    """Pixels: half of the images lose a rectangle whose sides are between half of it and all of it."""


GUIDE = Recipe(
    name="guide",
    summary="the guide's own: Adam, batches of 32",
    model="guide",
    epochs=3,
    batch_size=32,
    learning_rate=1e-3,
    optimizer="adam",
    mean=0.5,
    std=0.5,
)

QUICK = Recipe(
    name="quick",
    summary="within seconds: small, one epoch",
    model="quick",
    epochs=1,
    batch_size=64,
    learning_rate=1e-2,
    optimizer="adam",
    mean=FASHION_MEAN,
    std=FASHION_STD,
    precision="bf16",
    schedule="triangle",
    warm_up=0.2,
)

STRONG = Recipe(
    name="strong",
    summary="over a coffee: larger, 7 epochs, Muon",
    model="strong",
    epochs=7,
    batch_size=256,
    learning_rate=0.1,
    optimizer="muon",
    mean=FASHION_MEAN,
    std=FASHION_STD,
    precision="bf16",
    schedule="triangle",
    warm_up=0.2,
    label_smoothing=0.1,
    flip="alternating",
)

BEST = msgspec.structs.replace(
    STRONG,
    name="best",
    summary="half an hour: strong, twice as wide",
    model="wide",
    epochs=25,
    crop=2,
)

QUICK_ON_GPU = msgspec.structs.replace(STRONG, name="quick", summary="within seconds: a CPU's strong")

STRONG_ON_GPU = msgspec.structs.replace(BEST, name="strong", summary="while one looks: a CPU's best")

BEST_ON_GPU = msgspec.structs.replace(
    BEST,
    summary="minutes: wider still, for 150 epochs",
    model="wider",
    epochs=150,
    batch_size=512,
    erase=10,
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (GUIDE, QUICK, STRONG, BEST)}
"""By name, for a few cores."""

RECIPES_ON_GPU: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (GUIDE, QUICK_ON_GPU, STRONG_ON_GPU, BEST_ON_GPU)
}
"""For a CUDA GPU, to which a name means as long a wait and so a larger network."""


MAX_EPOCHS = 1_000_000


def recipes_on(device: str) -> dict[str, Recipe]:
    """The recipes by name, as they are on a device: `cpu`, `cuda:0`, `mps`."""
    return RECIPES_ON_GPU if device.startswith("cuda") else RECIPES


def recipe_named(name: str, device: str) -> Recipe:
    """The recipe of that name on that device; UsageError, naming those there are, where there is none."""
    recipes = recipes_on(device)
    if name not in recipes:
        raise UsageError(f"no recipe is called {name!r}; there is: {', '.join(recipes)}")
    return recipes[name]


def check_recipe(recipe: Recipe, *, written: bool = False) -> None:
    """UsageError where a value of the recipe can't work, whatever the data set.

    `written`: the network is one that a person has written, and `model` only what it is called.
    """
    if not written and recipe.model not in MODELS:
        raise unknown_model(recipe.model)
    if not 1 <= recipe.epochs <= MAX_EPOCHS:
        raise UsageError(f"epochs is {recipe.epochs}; it must be between 1 and {MAX_EPOCHS:,}")
    if recipe.batch_size < 1:
        raise UsageError(f"batch size is {recipe.batch_size}; it must be 1 or more")
    if not (math.isfinite(recipe.learning_rate) and recipe.learning_rate > 0):
        raise UsageError(f"learning rate is {recipe.learning_rate}; it must be a positive number, such as 1e-3")
    if not (math.isfinite(recipe.std) and recipe.std > 0):
        raise UsageError(f"std is {recipe.std}; it must be a positive number")
    if recipe.precision not in PRECISIONS:
        raise UsageError(f"precision is {recipe.precision!r}; there is: {', '.join(PRECISIONS)}")


def check_batch_size(recipe: Recipe, train_images: int) -> None:
    """UsageError where a batch is larger than the training set (what is held out is no part of it)."""
    if train_images < 1:
        raise UsageError("hold out fewer: no image is left to train on")
    if recipe.batch_size > train_images:
        raise UsageError(f"batch size is {recipe.batch_size}, but there are {train_images:,} images to train on")
