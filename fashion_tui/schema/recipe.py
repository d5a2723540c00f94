"""Recipes: everything that determines how a network is trained, as plain data."""

from collections.abc import Collection
from typing import Annotated, Literal

import msgspec

from .dataset import FASHION_SHAPE, DatasetInfo, ImageShape
from .errors import UsageError
from .fields import About, InvalidField, check_fields, fields_of
from .models import MODELS, TORCHVISION, unknown_model

Precision = Literal["fp32", "bf16"]

Optimizer = Literal["adam", "adamw", "sgd", "muon"]
"""`muon` uses Muon for the filters of convolutions and Adam for all other parameters."""

Schedule = Literal["constant", "cosine", "onecycle", "triangle"]
"""The learning rate rises linearly during the warm-up (`Recipe.warm_up`), and then stays constant or falls.

With `cosine`, it falls along half a cosine wave, and with `triangle`, linearly. With `onecycle`, it rises along half a
cosine wave and falls along another, as in `torch.optim.lr_scheduler.OneCycleLR`.
"""

Flip = Literal["none", "alternating"]
"""With `alternating`, each image is mirrored in every other epoch."""

StoppingMetric = Literal["none", "loss", "accuracy"]
"""Validation metric that early stopping monitors; `none` for no early stopping."""

FASHION_MEAN, FASHION_STD = (0.2860,), (0.3530,)
"""Mean and standard deviation of Fashion-MNIST's training pixels in [0, 1], rounded."""

CPU_MICRO_BATCH = 256
"""Maximum number of images that go through a network at once on a CPU.

A larger batch is split into micro-batches, so that a run can be paused in the middle of a step. The gradients are those
of the whole batch, except that batch normalisation uses the statistics of each micro-batch: the "ghost batches" of
Hoffer et al. 2017, "Train longer, generalize better".
"""

MAX_EPOCHS = 1_000_000

MIN_STD = 0.01
"""Minimum standard deviation in a recipe that is adapted to a data set, because pixels are divided by it."""

TRAINING, OPTIMIZER, SCHEDULE, STOPPING, IMAGES = "Training", "Optimizer", "Schedule", "Early stopping", "Images"
FINE_TUNING = "Fine-tuning"
"""Groups of a recipe's fields."""

NONE, DEFAULT_WEIGHTS = "none", "default"
"""Values of `Recipe.weights`. Any other value is the path of a file. NONE is also a value of `Recipe.freeze`."""

OWN_MEAN, OWN_STD = (0.0,), (1.0,)
"""`Recipe.mean` and `Recipe.std` with which the pixels stay between 0 and 1. A network of torchvision then normalises
the images itself, with the mean and the standard deviation of its pretrained weights."""

FINE_TUNING_FIELDS = ("weights", "freeze", "backbone_lr", "input_size")
"""Fields that apply only to torchvision's networks."""

OPTIMIZER_NAMES: dict[Optimizer, str] = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "muon": "Muon"}
"""Names of the optimizers, as written in sentences."""

USUAL_LEARNING_RATES: dict[Optimizer, tuple[float, float]] = {
    "adam": (1e-6, 0.05),
    "adamw": (1e-6, 0.05),
    "sgd": (1e-5, 2.0),
    "muon": (1e-4, 1.0),
}
"""For each optimizer, the lowest and the highest maximum learning rate that can train networks of this size."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """Settings for training a network.

    Runs with the same recipe, seed, data, number of threads and device end with the same weights. The command line, the
    form and the files for `train --config` offer every field that `About` describes.
    """

    name: str
    summary: str
    """Description of at most 39 characters, shown in the form that starts a run."""
    model: str
    """Name of a built-in network, `torchvision:NAME`, or the class name of a custom model."""

    epochs: Annotated[int, About("epochs", "passes over the training set", TRAINING, ge=1, le=MAX_EPOCHS)]
    batch_size: Annotated[int, About("batch size", "images per step", TRAINING, "images", ge=1)]
    """A CPU processes a large batch in micro-batches of up to CPU_MICRO_BATCH images."""
    precision: Annotated[
        Precision, About("precision", "number format; bf16 is faster if the hardware supports it", TRAINING)
    ] = "fp32"
    label_smoothing: Annotated[
        float, About("label smoothing", "share of the target spread over all classes", TRAINING, ge=0, lt=1)
    ] = 0.0

    optimizer: Annotated[Optimizer, About("optimizer", "algorithm that updates the weights", OPTIMIZER)]
    learning_rate: Annotated[float, About("learning rate", "maximum learning rate of the schedule", OPTIMIZER, gt=0)]
    """With `muon`, this is the learning rate of the filters."""
    momentum: Annotated[float, About("momentum", "momentum of sgd; 0 for none", OPTIMIZER, ge=0, lt=1)] = 0.0
    nesterov: Annotated[bool, About("Nesterov", "use Nesterov momentum with sgd", OPTIMIZER)] = False
    weight_decay: Annotated[
        float, About("weight decay", "pulls the weights towards 0; 0 for none", OPTIMIZER, ge=0)
    ] = 0.0
    """With `adam` and `sgd`, this is an L2 penalty. With `adamw` and `muon`, it is decoupled from the gradient, and
    `muon` applies it to all parameters but the filters, whose norm is fixed."""
    max_gradient_norm: Annotated[
        float, About("max gradient norm", "clips the gradient to this norm; 0 for no clipping", OPTIMIZER, ge=0)
    ] = 0.0
    ema_decay: Annotated[
        float, About("EMA decay", "decay of the averaged weights, such as 0.99; 0 for none", OPTIMIZER, ge=0, lt=1)
    ] = 0.0
    """Decay of the exponential moving average of the weights. If it isn't 0, the averaged weights are evaluated and
    exported, with matching batch normalisation statistics."""

    schedule: Annotated[
        Schedule, About("schedule", "learning rate over time; triangle without warm-up only falls", SCHEDULE)
    ] = "constant"
    warm_up: Annotated[
        float, About("warm-up", "share of all steps during which the learning rate rises", SCHEDULE, ge=0, lt=1)
    ] = 0.0

    early_stopping: Annotated[
        StoppingMetric, About("early stopping", "validation metric that must keep improving", STOPPING)
    ] = "none"
    patience: Annotated[
        int, About("patience", "epochs without improvement before stopping", STOPPING, "epochs", ge=1)
    ] = 5
    min_change: Annotated[
        float, About("minimum change", "only a change of more than this counts as an improvement", STOPPING, ge=0)
    ] = 0.0
    """The accuracy is a fraction in [0, 1], so a value of 0.001 is 0.1 %."""

    flip: Annotated[Flip, About("flip", "alternating mirrors each image in every other epoch", IMAGES)] = "none"
    crop: Annotated[
        int, About("crop", "maximum shift along each axis; the border is black", IMAGES, "pixels", ge=0)
    ] = 0
    erase: Annotated[
        int, About("erase", "longest side of a rectangle erased from half of the images", IMAGES, "pixels", ge=0)
    ] = 0
    """In half of the images, a rectangle with sides of `erase // 2` to `erase` pixels is erased."""
    mean: Annotated[
        tuple[float, ...],
        About("mean", "subtracted from pixels in [0, 1]; one, or one per channel", IMAGES),
    ]
    std: Annotated[
        tuple[float, ...],
        About("std", "pixels are then divided by this; one, or one per channel", IMAGES, gt=0),
    ]

    weights: Annotated[
        str, About("weights", "initial weights: none, default (torchvision's) or a file", FINE_TUNING)
    ] = NONE
    """The last layer, which is new for the classes of the data set, always starts with random weights."""
    freeze: Annotated[
        str, About("freeze", "layers that aren't trained, such as features.*,fc; or none", FINE_TUNING)
    ] = NONE
    """Patterns, separated by commas, for the names of layers and parameters, as in `fnmatch`. Frozen batch
    normalisation layers use their stored statistics and don't update them. Frozen dropout layers stay active."""
    backbone_lr: Annotated[
        float,
        About("backbone lr", "lr factor of all layers but the last, with weights", FINE_TUNING, gt=0, le=1),
    ] = 0.1
    """The learning rate of these layers is the learning rate times this factor. It has no effect without weights."""
    input_size: Annotated[
        int,
        About(
            "input size", "side to which images are resized; 0 for the network's", FINE_TUNING, "pixels", ge=0, le=2048
        ),
    ] = 0
    """Images are resized on the device, in each batch. A run stores the size instead of 0."""


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


def is_fine_tuned(recipe: Recipe) -> bool:
    """Return whether the network is one of torchvision's."""
    return recipe.model.startswith(TORCHVISION)


def with_model(recipe: Recipe, model: str) -> Recipe:
    """Return a recipe with another network, and with the values that suit this network.

    A network from torchvision normalises the images itself. The fields for fine-tuning are reset for any other network.
    """
    changed = msgspec.structs.replace(recipe, model=model)
    if not is_fine_tuned(changed):
        defaults = {name: fields_of(Recipe)[name].default for name in FINE_TUNING_FIELDS}
        return msgspec.structs.replace(changed, **defaults)
    if model == recipe.model:
        return recipe
    return msgspec.structs.replace(changed, mean=OWN_MEAN, std=OWN_STD, input_size=0)


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


def adapt(recipe: Recipe, dataset: DatasetInfo, made_for: ImageShape = FASHION_SHAPE) -> Recipe:
    """Return a recipe with the values that suit a data set. `made_for` is the image shape that the recipe was made for.

    Images aren't mirrored if a mirrored image may have another label. Mean and standard deviation are those of the data
    set, unless they are values such as 0.5 that suit any images. Crop and erase are scaled with the size of the images.
    """
    scale = min(dataset.image_shape[1:]) / min(made_for[1:])
    is_fashion = dataset.ref.name in {"fashion-mnist", "synthetic"}
    suits = len(recipe.mean) in {1, dataset.image_shape[0]} and len(recipe.std) in {1, dataset.image_shape[0]}
    if is_fashion or (recipe.mean != FASHION_MEAN and suits):
        mean, std = recipe.mean, recipe.std
    else:
        mean, std = _rounded(dataset.mean), tuple(max(value, MIN_STD) for value in _rounded(dataset.std))
    return msgspec.structs.replace(
        recipe,
        flip=recipe.flip if dataset.flips else "none",
        crop=round(recipe.crop * scale),
        erase=round(recipe.erase * scale),
        mean=mean,
        std=std,
    )


def _rounded(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(value, 4) for value in values)


def check_dataset(recipe: Recipe, dataset: DatasetInfo, validation: int = 0, left_out: Collection[int] = ()) -> None:
    """Raise InvalidField if the recipe doesn't suit the data set.

    The last `validation` training images are held out, and the training images with the indices in `left_out` aren't
    used for training.
    """
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
