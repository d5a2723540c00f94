"""The recipes that come with the program."""

import msgspec

from .errors import UsageError
from .recipe import FASHION_MEAN, FASHION_STD, Recipe

GUIDE = Recipe(
    name="guide",
    summary="as in the guide: Adam, batch size 32",
    model="guide",
    epochs=3,
    batch_size=32,
    learning_rate=1e-3,
    optimizer="adam",
    mean=(0.5,),
    std=(0.5,),
)

QUICK = Recipe(
    name="quick",
    summary="trains in seconds on a CPU: one epoch",
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
    summary="trains in minutes on a CPU with Muon",
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
    summary="trains in 15 minutes on a fast CPU",
    model="wide",
    epochs=25,
    crop=2,
)

MAX = msgspec.structs.replace(
    BEST,
    name="max",
    summary="sized for a GPU, not yet measured",
    model="wider",
    epochs=150,
    batch_size=512,
    erase=10,
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (GUIDE, QUICK, STRONG, BEST, MAX)}
"""All recipes by name."""

CPU_RECIPES: tuple[str, ...] = tuple(name for name in RECIPES if name != MAX.name)
"""Names of the recipes to offer on a machine without a GPU."""


def recipe_named(name: str) -> Recipe:
    """Return the recipe with this name. Raises UsageError, listing all recipes, if there is none."""
    if name not in RECIPES:
        raise UsageError(f"unknown recipe {name!r}; choose from {', '.join(RECIPES)}")
    return RECIPES[name]
