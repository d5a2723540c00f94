"""Checks of recipes: errors for invalid values, and warnings about values that look wrong."""

from collections.abc import Collection

from .dataset import DatasetInfo
from .errors import caused_by
from .fields import InvalidField, check_fields, fields_of
from .models import MODELS, TORCHVISION, check_image_size, unknown_model
from .recipe import FINE_TUNING_FIELDS, Optimizer, Recipe, is_fine_tuned

OPTIMIZER_NAMES: dict[Optimizer, str] = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "muon": "Muon"}
"""Names of the optimizers, as written in sentences."""

USUAL_LEARNING_RATES: dict[Optimizer, tuple[float, float]] = {
    "adam": (1e-6, 0.05),
    "adamw": (1e-6, 0.05),
    "sgd": (1e-5, 2.0),
    "muon": (1e-4, 1.0),
}
"""For each optimizer, the lowest and the highest maximum learning rate that can train networks of this size."""


def check_recipe(recipe: Recipe, *, is_custom: bool = False) -> None:
    """Raise UsageError if a value of the recipe is invalid. Check only values that don't depend on the data set.

    The error is an InvalidField if the value has a description. Set `is_custom` if the network is a custom model and
    `recipe.model` is the name of its class.
    """
    if not is_custom and recipe.model not in MODELS and not is_fine_tuned(recipe):
        raise unknown_model(recipe.model, to_train=True)
    check_fields(recipe)
    _check_combinations(recipe)


def _check_combinations(recipe: Recipe) -> None:
    """Raise InvalidField if two values of the recipe are valid on their own, but not together."""
    for name in () if is_fine_tuned(recipe) else FINE_TUNING_FIELDS:
        field = fields_of(Recipe)[name]
        if getattr(recipe, name) != field.default:
            raise InvalidField(
                name,
                f"{field.about.label} is only for torchvision's networks, but the network is {recipe.model}; set it "
                f"to {field.default}, or use --model {TORCHVISION}NAME",
                "model",
            )
    if recipe.nesterov and recipe.optimizer != "sgd":
        raise InvalidField(
            "nesterov", f"Nesterov is only for sgd, but the optimizer is {recipe.optimizer}; turn Nesterov off"
        )
    if recipe.momentum and recipe.optimizer != "sgd":
        raise InvalidField(
            "momentum",
            f"momentum is {recipe.momentum:g}, but {recipe.optimizer} has its own; set momentum to 0, or choose sgd",
            "optimizer",
        )
    if recipe.nesterov and not recipe.momentum:
        raise InvalidField(
            "nesterov",
            "Nesterov needs momentum, which is 0; set momentum, for example to 0.9, or turn Nesterov off",
            "momentum",
        )
    if recipe.schedule == "onecycle" and not recipe.warm_up:
        raise InvalidField(
            "warm_up",
            "warm-up is 0, but the learning rate of onecycle rises and falls; set warm-up, for example to 0.3",
            "schedule",
        )


def check_validation(recipe: Recipe, validation: int) -> None:
    """Raise InvalidField if the recipe needs validation images but none are held out."""
    if recipe.early_stopping != "none" and validation == 0:
        raise InvalidField(
            "validation",
            f"early stopping needs the validation {recipe.early_stopping}, but no images are held out; set validation, "
            "for example to 5000",
            "early_stopping",
        )


def check_epochs(epochs: int) -> None:
    """Raise InvalidField if the number of epochs is out of range."""
    fields_of(Recipe)["epochs"].check(epochs)


def learning_rate_warning(recipe: Recipe) -> str | None:
    """Return a warning if the learning rate is far outside the optimizer's usual range, else None."""
    low, high = USUAL_LEARNING_RATES[recipe.optimizer]
    name, lr = OPTIMIZER_NAMES[recipe.optimizer], recipe.learning_rate
    if lr > high:
        return f"a learning rate of {lr:g} is far above what {name} tolerates (up to {high:g}); the loss may diverge"
    if lr < low:
        return (
            f"a learning rate of {lr:g} is far below {name}'s usual range (from {low:g}); the network may learn nothing"
        )
    return None


def early_stopping_warning(recipe: Recipe) -> str | None:
    """Return a warning if the patience has no effect because the run can't stop early, else None."""
    if recipe.early_stopping != "none":
        if recipe.patience < recipe.epochs:
            return None
        return (
            f"the run can't stop early, because patience ({recipe.patience}) isn't less than epochs ({recipe.epochs})"
        )
    if recipe.patience == fields_of(Recipe)["patience"].default:
        return None
    return "the patience has no effect without early stopping"


def check_dataset(
    recipe: Recipe, dataset: DatasetInfo, validation: int = 0, left_out: Collection[int] = (), *, is_custom: bool
) -> None:
    """Raise UsageError if the recipe doesn't suit the data set.

    The last `validation` training images are held out, and the training images with the indices in `left_out` aren't
    used for training. If `is_custom` is True, the network is a custom model, whose image size isn't checked.
    """
    if not is_custom:
        with caused_by("model"):
            check_image_size(recipe.model, dataset.task)
    check_validation(recipe, validation)
    channels, height, width = dataset.image_shape
    remaining = dataset.train_size - validation
    if remaining < 1:
        raise InvalidField(
            "validation",
            f"validation is {validation}, but there are only {dataset.train_size:,} training images; hold out fewer",
        )
    remaining -= sum(index < remaining for index in left_out)
    if remaining < 1:
        raise InvalidField(
            "without_marked", "all training images are marked as mislabelled, so none is left; remove some marks"
        )
    if recipe.batch_size > remaining:
        raise InvalidField(
            "batch_size",
            f"batch size is {recipe.batch_size}, but the training set has only {remaining:,} images; "
            "choose a smaller one",
        )
    for name, values in (("mean", recipe.mean), ("std", recipe.std)):
        if len(values) not in {1, channels}:
            raise InvalidField(
                name, f"{name} has {len(values)} numbers, but the images have {channels} channels; give 1 or {channels}"
            )
    side = min(height, width)
    if recipe.crop >= side:
        raise InvalidField("crop", f"crop is {recipe.crop}; it must be less than {side}, the size of the images")
    if recipe.erase > side:
        raise InvalidField("erase", f"erase is {recipe.erase}; it must be at most {side}, the size of the images")
