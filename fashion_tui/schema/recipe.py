"""Recipes: everything that determines how a network is trained, as plain data."""

from typing import Annotated, Literal

import msgspec

from .dataset import FASHION_SHAPE, DatasetInfo, ImageShape
from .fields import About, fields_of
from .models import TORCHVISION

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
        About("backbone lr", "lr factor of all layers but the last; needs weights", FINE_TUNING, gt=0, le=1),
    ] = 0.1
    """The learning rate of these layers is the learning rate times this factor. It has no effect without weights."""
    input_size: Annotated[
        int,
        About(
            "input size", "side to which images are resized; 0 for the network's", FINE_TUNING, "pixels", ge=0, le=2048
        ),
    ] = 0
    """Images are resized on the device, in each batch. A run stores the size instead of 0."""


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
