"""Networks, augmentation and training for images of other shapes than Fashion-MNIST's, and other numbers of classes."""

import msgspec
import numpy as np
import pytest
import torch
from torchvision.transforms.functional import normalize

from fashion_tui.data.stored import channel_statistics
from fashion_tui.lab.data.augmentation import Augmentation
from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.evaluation.metrics import predict_logits
from fashion_tui.lab.networks.build import build_trainable, open_model
from fashion_tui.lab.networks.builtin import BUILTINS, build
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.builtin_recipes import GUIDE, MAX, QUICK, STRONG
from fashion_tui.schema.dataset import DatasetInfo, DatasetRef, ImageShape, ImageTask
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.fields import InvalidField
from fashion_tui.schema.models import MIN_IMAGE_SIZES, CustomModel
from fashion_tui.schema.recipe import FASHION_MEAN, FINE_TUNING_FIELDS, adapt
from fashion_tui.schema.recipe_checks import check_dataset, check_recipe

CPU = torch.device("cpu")
SHAPES: list[ImageShape] = [(1, 8, 8), (3, 32, 32), (3, 17, 29), (1, 64, 64)]

SIZED = """
from torch import nn
class Net(nn.Module):
    def __init__(self, image_shape, classes, width=4):
        super().__init__()
        channels, height, width_of_image = image_shape
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(channels * height * width_of_image, classes))
    def forward(self, x):
        return self.fc(x)
"""


def random_pixels(count: int, shape: ImageShape) -> torch.Tensor:
    return torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def info(shape: ImageShape, *, flips: bool = True, name: str = "folder") -> DatasetInfo:
    return DatasetInfo(
        ref=DatasetRef(name=name, directory="/photos", sha256=""),
        title="photos",
        classes=("a", "b", "c"),
        image_shape=shape,
        train_counts=(100, 100, 100),
        test_counts=(10, 10, 10),
        mean=(0.5, 0.25, 0.125)[: shape[0]],
        std=(0.2, 0.3, 0.0)[: shape[0]],
        flips=flips,
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", BUILTINS)
def test_builtin_networks_take_any_shape_and_number_of_classes(name: str, shape: ImageShape) -> None:
    network = build(name, ImageTask(image_shape=shape, classes=7)).eval()
    assert network(torch.zeros(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize("name", BUILTINS)
def test_too_small_images_are_refused(name: str) -> None:
    least = MIN_IMAGE_SIZES[name]
    build(name, ImageTask(image_shape=(1, least, least), classes=2))(torch.zeros(2, 1, least, least))
    with pytest.raises(UsageError, match=rf"{least}×{least}.*{least - 1}×{least}"):
        build(name, ImageTask(image_shape=(1, least - 1, least), classes=2))


def test_a_constructor_gets_the_shape_and_the_number_of_classes_if_it_has_the_parameters() -> None:
    custom = CustomModel(source=SIZED, class_name="Net")
    task = ImageTask(image_shape=(3, 9, 9), classes=5)
    assert build_trainable(custom, task).network(torch.zeros(4, 3, 9, 9)).shape == (4, 5)
    given = msgspec.structs.replace(custom, arguments={"classes": 2})
    with open_model(given, task=task) as (model, _):
        assert model(torch.zeros(1, 3, 9, 9)).shape == (1, 2)
    with pytest.raises(UserError, match=r"Net returns float32 \[2, 2\] for 2 images of 3×9×9.*\[2, 5\]"):
        build_trainable(given, task)


def test_each_channel_is_normalised_by_its_own_statistics() -> None:
    pixels = random_pixels(20, (3, 6, 5))
    mean, std = channel_statistics(pixels.numpy())
    scaled = pixels.double() / 255
    assert mean == pytest.approx(scaled.mean(dim=(0, 2, 3)).tolist(), abs=1e-12)
    assert std == pytest.approx(scaled.std(dim=(0, 2, 3), correction=0).tolist(), abs=1e-12)
    expected = normalize(pixels.float() / 255, list(mean), list(std))
    assert torch.equal(normalise(pixels, mean, std), expected)
    assert torch.equal(normalise(pixels, (0.5,), (0.25,)), normalize(pixels.float() / 255, [0.5] * 3, [0.25] * 3))


def test_shifted_colour_images_have_a_black_border() -> None:
    """A shift moves all channels together, and the border has each channel's normalised value of black."""
    mean, std = (0.5, 0.25, 0.125), (0.5, 0.5, 0.25)
    recipe = msgspec.structs.replace(GUIDE, crop=2, mean=mean, std=std)
    pixels = random_pixels(50, (3, 7, 9))
    images = normalise(pixels, mean, std)
    shifted = Augmentation(recipe, 50, (3, 7, 9), seed=0, device=CPU)(images, torch.arange(50))
    framed = normalise(torch.nn.functional.pad(pixels, (2, 2, 2, 2)), mean, std)
    windows = [(y, x) for y in range(5) for x in range(5)]
    found = [
        next(window for window in windows if torch.equal(frame[:, window[0] :, window[1] :][:, :7, :9], image))
        for frame, image in zip(framed, shifted, strict=True)
    ]
    assert len(set(found)) > 10


def test_rectangles_are_erased_in_all_channels_and_anywhere_in_a_wide_image() -> None:
    recipe = msgspec.structs.replace(GUIDE, erase=4)
    images = torch.ones(400, 3, 6, 20)
    erased = Augmentation(recipe, 400, (3, 6, 20), seed=0, device=CPU)(images, torch.arange(400)) == 0
    assert torch.equal(erased[:, 0], erased[:, 1])
    assert torch.equal(erased[:, 0], erased[:, 2])
    assert erased.any(dim=(0, 1, 2)).all(), "every column"
    assert erased.any(dim=(0, 1, 3)).all(), "every row"


def test_a_network_learns_colour_images_of_three_classes() -> None:
    """The classes differ only in their colour."""
    labels = torch.arange(240) % 3
    pixels = torch.zeros(240, 3, 12, 12, dtype=torch.uint8)
    pixels[torch.arange(240), labels] = random_pixels(240, (1, 12, 12))[:, 0]
    recipe = msgspec.structs.replace(adapt(QUICK, info((3, 12, 12))), epochs=3, batch_size=24)
    training = Training(recipe, Images(pixels, labels), classes=3, device=CPU, seed=0)
    while training.epoch < recipe.epochs:
        for _ in training.steps():
            pass
        training.end_epoch()
    logits = predict_logits(training.model, pixels, recipe, CPU)
    assert logits.shape == (240, 3)
    assert (logits.argmax(dim=1) == labels).all()


def test_a_recipe_is_adapted_to_the_data_set() -> None:
    adapted = adapt(MAX, info((3, 56, 56), flips=False))
    assert (adapted.flip, adapted.crop, adapted.erase) == ("none", 2 * MAX.crop, 2 * MAX.erase)
    assert adapted.mean == (0.5, 0.25, 0.125)
    assert adapted.std == (0.2, 0.3, 0.01), "a channel without contrast isn't divided by 0"
    assert adapt(GUIDE, info((3, 56, 56))) == GUIDE, "values that suit any images are kept"
    assert adapt(STRONG, info((1, 28, 28), name="fashion-mnist")) == STRONG
    assert STRONG.mean == FASHION_MEAN
    again = adapt(adapted, info((1, 28, 28)))
    assert len(again.mean) == 1, "three values don't suit grey images"


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"crop": 12}, "crop"), ({"erase": 13}, "erase"), ({"mean": (0.1, 0.2)}, "mean"), ({"std": (0.1,) * 4}, "std")],
)
def test_values_that_do_not_fit_the_images_are_refused(changes: dict[str, object], field: str) -> None:
    dataset = info((3, 12, 20))
    check_dataset(msgspec.structs.replace(GUIDE, crop=11, erase=12, mean=(0.1, 0.2, 0.3)), dataset, is_custom=False)
    with pytest.raises(InvalidField) as error:
        check_dataset(msgspec.structs.replace(GUIDE, **changes), dataset, is_custom=False)
    assert error.value.field == field


def test_images_that_are_too_small_for_a_builtin_network_are_refused() -> None:
    recipe, small = msgspec.structs.replace(adapt(STRONG, info((3, 7, 7))), crop=0), info((3, 7, 7))
    with pytest.raises(UsageError, match="strong needs images of at least 8×8 pixels; these are 7×7") as error:
        check_dataset(recipe, small, is_custom=False)
    assert error.value.fields == ("model",)
    check_dataset(recipe, small, is_custom=True)  # a custom model may have the same name


def test_statistics_of_large_sets_do_not_overflow() -> None:
    white = np.full((3, 1, 1024, 1024), 255, dtype=np.uint8)
    assert channel_statistics(white) == ((1.0,), (0.0,))


@pytest.mark.parametrize("field", FINE_TUNING_FIELDS)
def test_a_field_for_fine_tuning_is_refused_for_other_networks(field: str) -> None:
    values: dict[str, object] = {"weights": "default", "freeze": "conv1", "backbone_lr": 0.5, "input_size": 64}
    changes = {field: values[field]}
    check_recipe(msgspec.structs.replace(GUIDE, model="torchvision:resnet18", **changes))
    with pytest.raises(InvalidField) as error:
        check_recipe(msgspec.structs.replace(GUIDE, **changes))
    assert error.value.field == field
